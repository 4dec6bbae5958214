"""How long each page takes in a new tab, against a page of Streamlit with one small chart.

    python -m benchmarks.first_look [--runs 5] [--data simulated] [--page NAME …] [--write]

In headless Chromium without a GPU, whose cache has the program's files, and on a server on which
every page was looked at: from opening a page's link in a new tab of an open window, in a session of
its own, to its first figure or, on a page that has none, its first table or text. Another server
shows an otherwise empty page with one Plotly chart of 100 points. All take turns; reported are
medians, how many times as long as the empty page each took, and how many marks (SVG paths and other
shapes with an outline) were in sight.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import click
import numpy as np
from playwright.sync_api import BrowserContext, TimeoutError, sync_playwright

from benchmarks.app import BROWSERS, FIGURE, FINISHED, LIMIT, PAGES, url
from benchmarks.machine import describe
from benchmarks.page import markdown, publish, to_pages
from benchmarks.server import Server, served
from llmpert.datasets import BUILT_IN_DATA
from tests.support.server_process import free_port

RATIO, MARKS = 1.25, 800
"""Targets: times the empty page, and marks in a first look."""

PATIENCE = 6_000
"""Milliseconds after which a page counts as one without figures, or tables."""

EMPTY = """
import plotly.graph_objects as go
import streamlit as st

st.plotly_chart(go.Figure(go.Scatter(x=[*range(100)], y=[n % 7 for n in range(100)])))
"""
TABLE = ':is([data-testid="stDataFrame"], [data-testid="stTable"])'
TITLE = "h1"
COUNT = "() => document.querySelectorAll('.js-plotly-plot :is(path, circle, rect, line)').length"


@contextmanager
def empty_page() -> Iterator[Server]:
    """The page that all others are held against."""
    port = free_port()
    with TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(EMPTY)
        process = subprocess.Popen(
            [
                sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}",
                "--server.headless=true", "--browser.gatherUsageStats=false",
                "--server.fileWatcherType=none", "--server.address=localhost",
            ],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield Server(port, process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)


def look(context: BrowserContext, address: str, shown: str) -> tuple[float, int]:
    """Open an address in a new tab: seconds until something is shown, marks once all is."""
    page = context.new_page()
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.locator(f"{shown}:visible").first.wait_for(timeout=LIMIT)
    seconds = time.perf_counter() - began
    page.locator(FINISHED).wait_for(state="attached", timeout=LIMIT)
    page.wait_for_timeout(300)
    marks = page.evaluate(COUNT)
    page.close()
    return seconds, marks


def first_thing(context: BrowserContext, address: str) -> str:
    """Open an address for the first time; return the selector of what it shows first."""
    page = context.new_page()
    page.goto(address)
    page.locator(TITLE).first.wait_for(timeout=LIMIT)
    found = TITLE
    for one in (FIGURE, TABLE):
        try:
            page.locator(f"{one}:visible").first.wait_for(timeout=PATIENCE)
        except TimeoutError:
            continue
        found = one
        break
    page.close()
    return found


@click.command()
@click.option("--runs", default=5, show_default=True, help="Looks at each page, the median tells.")
@click.option(
    "--data", type=click.Choice([*BUILT_IN_DATA]), default=next(iter(BUILT_IN_DATA)),
    show_default=True,
)  # fmt: skip
@click.option(
    "--page", "pages", type=click.Choice(PAGES), multiple=True, default=PAGES,
    help="Repeatable; all by default.",
)  # fmt: skip
@to_pages
def main(runs: int, data: str, pages: tuple[str, ...], write: bool) -> None:
    """Measure the first look of pages."""
    browser_path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser_path is None:
        raise click.ClickException(f"expected one of {', '.join(BROWSERS)} on the path.")
    on = f"Measured on: {describe()}."
    with sync_playwright() as playwright, served() as server, empty_page() as other:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        # It keeps the window open: in a new one, Chromium loads what its address field shows, which
        # takes about 0.4 s of a processor beside the page.
        context.new_page()
        server.wait_until_it_answers()
        other.wait_until_it_answers()
        query = urlencode({"data": data})
        addresses = {"": other.address}
        addresses |= {name: f"{server.address}/{url(name)}?{query}" for name in pages}
        shown = {"": FIGURE}
        look(context, other.address, FIGURE)
        shown |= {name: first_thing(context, addresses[name]) for name in pages}
        found: dict[str, list[tuple[float, int]]] = {name: [] for name in addresses}
        for _ in range(runs):
            for name, address in addresses.items():
                found[name].append(look(context, address, shown[name]))
        browser.close()
    middle = {name: float(np.median([s for s, _ in looks])) for name, looks in found.items()}
    what = {FIGURE: "figure", TABLE: "table", TITLE: "title"}
    table = [["page", "first", "seconds", "times the empty page", "marks"]]
    table.append(["an empty page with one chart", "figure", f"{middle['']:.2f}", "1", ""])
    for name in sorted(pages, key=lambda name: -middle[name]):
        ratio, marks = middle[name] / middle[""], max(marks for _, marks in found[name])
        missed = "" if ratio <= RATIO and marks <= MARKS else " (missed)"
        row = [name, what[shown[name]], f"{middle[name]:.2f}", f"{ratio:.2f}{missed}", str(marks)]
        table.append(row)
    click.echo(f"targets: {RATIO:g} times, {MARKS} marks")
    said = f"{on} Medians of {runs} on the data set {data}, in turn."
    publish("benchmarks.first_look", [said, "", *markdown(table)], write)


if __name__ == "__main__":
    main()
