"""Many visitors at once: how long the server takes to answer their clicks.

    python -m benchmarks.visitors [--visitors 20] [--seconds 60] [--after 0] [--data simulated]
        [--write] [--workers 1] [--pause 1] [--against FOLDER [--home FOLDER]]

Each visitor holds a session of its own, as a browser does (Streamlit's messages over a web socket,
without drawing), on the data that open first or others. It opens the gene page, and then either
types another gene or goes to another page, a second after the last answer. A fit that a click needs
is made once, for everybody; those of the first minute are part of what is measured. A server makes
some by itself when it starts: `--after` gives it time for that. Reported are the times from a click
to the end of the script it starts, errors shown on any page, how much longer clicks take from the
start than on the same server later, and the server's largest memory.

With `--against` the program of another checkout is served as well, on the same data, and all take
turns with the same visitors, who open the pages that both have, once each page was looked at: this
program in one process and, if it is asked for, in several, and the other. Reported are clicks a
second of each, and how many times as many as of the other. `--pause 0` asks for as many as there
can be, and `--home` keeps what the other program computes for the next time.
"""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
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
from benchmarks.page import markdown, publish, to_pages
from benchmarks.server import REPOSITORY, Server, served
from llmpert.datasets import BUILT_IN_DATA, DatasetStore

TARGET_SECONDS = 3.0
TARGET_RATIO = 3.0
TURNS = 2
"""How often each of two programs is measured."""
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
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


@dataclass(frozen=True)
class Visit:
    """What visitors do: pages are those they open, all if none is named."""

    data: str
    genes: list[str]
    pause: float
    pages: frozenset[str] = frozenset()

    def offered(self, visitor: Visitor) -> list[str]:
        """The pages, by name, that a visitor can go to."""
        return [name for name in visitor.pages if not self.pages or (name or "start") in self.pages]


def opened(server: Server) -> connect:
    """A session."""
    address = f"ws://127.0.0.1:{server.port}/_stcore/stream"
    return connect(address, subprotocols=["streamlit"], max_size=None)


async def stay(number: int, server: Server, visit: Visit, until: float, seen: Observed) -> None:
    """One visitor, from the first page to the end."""
    rng, genes = Random(number), visit.genes
    async with opened(server) as socket:
        visitor = Visitor(socket, seen)
        gene = urlencode({"data": visit.data, "gene": rng.choice(genes)})
        await visitor.click("first page", page_name="gene", query_string=gene)
        at_gene_page = True
        while perf_counter() < until:
            await asyncio.sleep(visit.pause)
            if at_gene_page and rng.random() < GENE_SHARE:
                typed = WidgetState(id=visitor.gene_box, string_value=rng.choice(genes))
                await visitor.click("another gene", page_script_hash=visitor.page, widgets=[typed])
                continue
            name = rng.choice(visit.offered(visitor))
            at_gene_page = name == "gene"
            page = visitor.pages[name]
            await visitor.click(f"to {name or 'start'}", page_script_hash=page, query_string=gene)


async def look_at_all(server: Server, visit: Visit) -> None:
    """Open every page once: what it shows is computed then."""
    async with opened(server) as socket:
        visitor = Visitor(socket, Observed())
        asked = urlencode({"data": visit.data, "gene": visit.genes[0]})
        await visitor.click("first page", page_name="gene", query_string=asked)
        for name in visit.offered(visitor):
            page = visitor.pages[name]
            await visitor.click("another page", page_script_hash=page, query_string=asked)


async def together(server: Server, visitors: int, seconds: float, visit: Visit) -> Observed:
    """All visitors at once."""
    seen = Observed()
    until = perf_counter() + seconds
    await asyncio.gather(*(stay(number, server, visit, until, seen) for number in range(visitors)))
    return seen


@click.command()
@click.option("--visitors", default=20, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
@click.option(
    "--after", type=float, multiple=True, default=(0.0, 25.0), show_default=True,
    help="Seconds after the start; a server for each.",
)  # fmt: skip
@click.option("--pause", default=1.0, show_default=True, help="Seconds from answer to click.")
@click.option("--workers", default=1, show_default=True, help="Processes that answer.")
@click.option("--against", type=FOLDER, help="Another checkout, to compare with.")
@click.option("--home", type=FOLDER, help="Data folder of the other checkout; else an empty one.")
@click.option(
    "--data", type=click.Choice([*BUILT_IN_DATA]), default=next(iter(BUILT_IN_DATA)),
    show_default=True,
)  # fmt: skip
@to_pages
def main(
    visitors: int,
    seconds: float,
    after: tuple[float, ...],
    pause: float,
    workers: int,
    against: Path | None,
    home: Path | None,
    data: str,
    write: bool,
) -> None:
    """Measure a server under load, twice: freshly started, and once pages were computed."""
    on = f"Measured on: {describe()}."
    shown = DatasetStore().load(data)
    genes = [str(gene) for gene in shown.names(shown.lines[0], "perturbations")[:200]]
    click.echo(on)
    if against is not None:
        both = [{page.stem for page in (of / "pages").glob("*.py")} for of in (REPOSITORY, against)]
        visit = Visit(data, genes, pause, frozenset(set.intersection(*both)))
        with ExitStack() as running:
            servers = {
                f"this program, {count} process{'es' * (count > 1)}": running.enter_context(
                    served("--workers", str(count))
                )
                for count in dict.fromkeys((1, workers))
            }
            other = running.enter_context(served(folder=against, home=home))
            servers[against.name] = other
            table = compare(servers, visitors, seconds, visit)
        what = f"{on} {visitors} visitors, {pause:g} s from answer to click, on the data {data}."
        publish("benchmarks.visitors against", [what, "", *markdown(table)], write)
        return
    visit = Visit(data, genes, pause)
    what = f"{visitors} visitors for {seconds:g} s, {pause:g} s from answer to click"
    table = [[what, "median", "95th percentile", "errors", "largest memory"]]
    for wait in after:
        with served("--workers", str(workers)) as server:
            server.wait_until_it_answers()
            sleep(wait)
            for when in (f"{wait:g} s after the start", f"{wait:g} s after the start, a minute on"):
                began = perf_counter()
                seen = asyncio.run(together(server, visitors, seconds, visit))
                row = report(when, visitors, perf_counter() - began, seen)
                memory = (
                    memory_of_all(server.process)[0] if workers > 1 else peak_memory(server.process)
                )
                table.append([when, *row, f"{memory / 1e9:.2f} GB"])
    publish("benchmarks.visitors", [on, "", *markdown(table)], write)


def compare(
    servers: dict[str, Server], visitors: int, seconds: float, visit: Visit
) -> list[list[str]]:
    """Let programs take turns, all warm; return clicks a second, as a table against the last."""
    for server in servers.values():
        server.wait_until_it_answers()
        asyncio.run(look_at_all(server, visit))
        asyncio.run(together(server, visitors, seconds, visit))
    rates: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(TURNS):
        for name, server in servers.items():
            began = perf_counter()
            seen = asyncio.run(together(server, visitors, seconds, visit))
            lasted = perf_counter() - began
            report(f"{name}, warm", visitors, lasted, seen)
            rates[name].append(sum(map(len, seen.seconds.values())) / lasted)
    means = {name: float(np.mean(found)) for name, found in rates.items()}
    *ours, theirs = means.values()
    click.echo(
        f"target {TARGET_RATIO:g} times as many: {verdict(-max(ours) / theirs, -TARGET_RATIO)}"
    )
    return [["program", "clicks a second", "times as many"]] + [
        [name, f"{rate:.1f}", f"{rate / theirs:.2f}"] for name, rate in means.items()
    ]


def report(what: str, visitors: int, seconds: float, seen: Observed) -> list[str]:
    """Print times by kind of click, and errors; return median, 95th percentile and errors."""
    every = np.concatenate([*seen.seconds.values()])
    p95 = float(np.quantile(every, 0.95))
    click.echo(
        f"{what}, {visitors} visitors for {seconds:.0f} s, {len(every)} clicks,"
        f" {len(every) / seconds:.1f} a second: median"
        f" {np.median(every):.2f} s, 95th percentile {p95:.2f} s (longest {every.max():.2f});"
        f" target < {TARGET_SECONDS:g} s: {verdict(p95, TARGET_SECONDS)};"
        f" errors: {len(seen.errors)}"
    )
    for kind, times in sorted(seen.seconds.items(), key=lambda one: -max(one[1])):
        click.echo(
            f"  {kind}: {len(times)}, median {np.median(times):.2f} s, 95th percentile"
            f" {np.quantile(times, 0.95):.2f} s, longest {max(times):.2f} s"
        )
    for error in dict.fromkeys(seen.errors):
        click.echo(f"  shown as an error: {error}")
    return [f"{np.median(every):.2f} s", f"{p95:.2f} s", str(len(seen.errors))]


if __name__ == "__main__":
    main()
