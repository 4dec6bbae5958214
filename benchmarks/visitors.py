"""Many visitors at once: how long the server takes to answer their clicks.

    python -m benchmarks.visitors [--visitors 20] [--seconds 60] [--after 0] [--data simulated]
                                  [--workers 1]

Each visitor holds a session of its own, as a browser does (Streamlit's messages over a web socket,
without drawing), on the data that open first or others. It opens the gene page, and then either
types another gene or goes to another page, a second after the last answer. A fit that a click needs
is made once, for everybody; those of the first minute are part of what is measured. A server makes
some by itself when it starts: `--after` gives it time for that. Reported are the times from a click
to the end of the script it starts, errors shown on any page, how much longer clicks take from the
start than on the same server later, and the server's largest memory.
"""

import asyncio
from dataclasses import dataclass, field
from random import Random
from time import perf_counter, sleep
from typing import Any
from urllib.parse import urlencode

import click
import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.machine import describe, memory_of_all, peak_memory, verdict
from benchmarks.server import Server, served
from llmpert.datasets import BUILT_IN_DATA, DatasetStore

TARGET_SECONDS, TARGET_BYTES, TARGET_LONGER = 3.0, 2e9, 1.0
PAUSE = 1.0
"""Seconds that a visitor looks at a page."""
GENE_SHARE = 0.7
"""Of clicks that look up another gene; the others open another page."""


@dataclass
class Observed:
    """What all visitors saw: seconds by kind of click, and errors in words."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


@dataclass
class Visitor:
    """One session."""

    socket: ClientConnection
    seen: Observed
    gene_box: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    page: str = ""

    async def click(self, kind: str, **state: Any) -> None:
        """Ask for a run of the script and wait for its end."""
        message = BackMsg()
        message.rerun_script.SetInParent()
        widgets = state.pop("widgets", [])
        for name, value in state.items():
            setattr(message.rerun_script, name, value)
        message.rerun_script.widget_states.widgets.extend(widgets)
        began = perf_counter()
        await self.socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg.FromString(await self.socket.recv(decode=False))
            kind_of_answer = answer.WhichOneof("type")
            if kind_of_answer == "delta":
                self._look_at(answer.delta.new_element)
            elif kind_of_answer == "navigation":
                self.pages = {
                    p.url_pathname: p.page_script_hash for p in answer.navigation.app_pages
                }
                self.page = answer.navigation.page_script_hash
            elif kind_of_answer == "script_finished":
                if answer.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    continue
                break
        self.seen.seconds.setdefault(kind, []).append(perf_counter() - began)

    def _look_at(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        if kind == "text_input" and element.text_input.label == "Gene":
            self.gene_box = element.text_input.id
        elif kind == "exception":
            self.seen.errors.append(f"{element.exception.type}: {element.exception.message}")
        elif kind == "alert" and element.alert.format == element.alert.ERROR:
            self.seen.errors.append(element.alert.body)


async def stay(
    number: int, server: Server, data: str, genes: list[str], until: float, seen: Observed
) -> None:
    """One visitor, from the first page to the end."""
    rng = Random(number)
    address = f"ws://127.0.0.1:{server.port}/_stcore/stream"
    async with connect(address, subprotocols=["streamlit"], max_size=None) as socket:
        visitor = Visitor(socket, seen)
        gene = urlencode({"data": data, "gene": rng.choice(genes)})
        await visitor.click("first page", page_name="gene", query_string=gene)
        at_gene_page = True
        while perf_counter() < until:
            await asyncio.sleep(PAUSE)
            if at_gene_page and rng.random() < GENE_SHARE:
                typed = WidgetState(id=visitor.gene_box, string_value=rng.choice(genes))
                await visitor.click("another gene", page_script_hash=visitor.page, widgets=[typed])
                continue
            name = rng.choice(list(visitor.pages))
            at_gene_page = name == "gene"
            await visitor.click(
                "another page", page_script_hash=visitor.pages[name], query_string=gene
            )


async def together(
    server: Server, visitors: int, seconds: float, data: str, genes: list[str]
) -> Observed:
    """All visitors at once."""
    seen = Observed()
    until = perf_counter() + seconds
    await asyncio.gather(
        *(stay(number, server, data, genes, until, seen) for number in range(visitors))
    )
    return seen


@click.command()
@click.option("--visitors", default=20, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--after", default=0.0, show_default=True, help="Seconds after the start.")
@click.option("--workers", default=1, show_default=True, help="Processes that answer.")
@click.option(
    "--data", type=click.Choice([*BUILT_IN_DATA]), default=next(iter(BUILT_IN_DATA)),
    show_default=True,
)  # fmt: skip
def main(visitors: int, seconds: float, after: float, workers: int, data: str) -> None:
    """Measure a server under load, twice: freshly started, and once pages were computed."""
    shown = DatasetStore().load(data)
    genes = [str(gene) for gene in shown.names(shown.lines[0], "perturbations")[:200]]
    click.echo(f"measured on: {describe()}")
    with served("--workers", str(workers)) as server:
        server.wait_until_it_answers()
        sleep(after)
        found = []
        for what in (f"{after:g} s after the start", "warm"):
            seen = asyncio.run(together(server, visitors, seconds, data, genes))
            found.append(report(what, visitors, seconds, seen))
        longer = found[0] - found[1]
        click.echo(
            f"95th percentile, longer than warm: {longer:.2f} s; target < {TARGET_LONGER:g} s:"
            f" {verdict(longer, TARGET_LONGER)}"
        )
        if workers > 1:
            total, own = memory_of_all(server.process)
            click.echo(
                f"memory of all processes {total / 1e9:.2f} GB; what only one of them has, in MB:"
                f" {', '.join(f'{x / 1e6:.0f}' for x in own)}"
            )
            return
        memory = peak_memory(server.process)
        click.echo(
            f"largest memory of the server {memory / 1e9:.2f} GB; target < {TARGET_BYTES / 1e9:g}"
            f" GB: {verdict(memory, TARGET_BYTES)}"
        )


def report(what: str, visitors: int, seconds: float, seen: Observed) -> float:
    """Print times by kind of click, and errors; return the 95th percentile of all."""
    every = np.concatenate([*seen.seconds.values()])
    p95 = float(np.quantile(every, 0.95))
    click.echo(
        f"{what}, {visitors} visitors for {seconds:g} s, {len(every)} clicks: median"
        f" {np.median(every):.2f} s, 95th percentile {p95:.2f} s (longest {every.max():.2f});"
        f" target < {TARGET_SECONDS:g} s: {verdict(p95, TARGET_SECONDS)};"
        f" errors: {len(seen.errors)}"
    )
    for kind, times in seen.seconds.items():
        click.echo(
            f"  {kind}: {len(times)}, median {np.median(times):.2f} s, 95th percentile"
            f" {np.quantile(times, 0.95):.2f} s"
        )
    for error in dict.fromkeys(seen.errors):
        click.echo(f"  shown as an error: {error}")
    return p95


if __name__ == "__main__":
    main()
