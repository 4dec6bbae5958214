"""How long the pages take in a browser, and how long their scripts take.

    python -m benchmarks.app [--runs 3] [--write]

In headless Chromium, with an empty data folder: from `python -m llmpert serve`, which is what `make
app` runs, to the first page shown, and to the figure of a human gene by its link; 20 human genes
typed into the gene page, from Enter to the new figure; and on the simulated data every page, by its
link in a new tab of a browser that has fetched the program's files before, and from the navigation.
A page counts as shown when its heading and first figure (where it has one) are there and Streamlit
has finished its script. Last, the scripts of all
pages by themselves.
"""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from unittest.mock import patch

import click
import numpy as np
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from benchmarks.machine import describe, timed
from benchmarks.page import markdown, publish, to_pages
from benchmarks.server import REPOSITORY, served
from llmpert.datasets import BUILT_IN_DATA, SIMULATED, DatasetStore

BROWSERS = ("chromium", "chromium-browser", "chrome")
FINISHED = '[data-testid="stApp"][data-test-script-state="notRunning"]'
FIGURE = ".js-plotly-plot .main-svg"
QUERY = f"?data={SIMULATED}"
PAGES = sorted(path.stem for path in (REPOSITORY / "pages").glob("*.py"))
WITHOUT_FIGURE = ("table", "collection", "data", "describe", "documentation")
LIMIT = 180_000
"""Milliseconds to wait for a page."""

GENES, VIEWS = 20, 5
FIRST_GENE = "TP53"

Times = dict[str, list[float]]
"""Seconds by page."""


@click.command()
@click.option("--runs", default=3, show_default=True, help="Starts, of which the median is shown.")
@to_pages
def main(runs: int, write: bool) -> None:
    """Measure start, first views, genes and scripts."""
    browser_path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser_path is None:
        raise click.ClickException(f"expected one of {', '.join(BROWSERS)} on the path.")
    on = f"Measured on: {describe()}."
    start, figure = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"]
        )
        for _ in range(runs):
            began = time.perf_counter()
            with served() as server, closing(browser.new_page()) as page:
                open_when_ready(page, server.address)
                wait(page, "start")
                start.append(time.perf_counter() - began)
            began = time.perf_counter()
            with served() as server, closing(browser.new_page()) as page:
                open_when_ready(page, f"{server.address}/gene?gene={FIRST_GENE}")
                wait_for_gene(page, FIRST_GENE)
                figure.append(time.perf_counter() - began)
        with served() as server:
            server.wait_until_it_answers()
            typed = genes(browser, server.address)
            clicked, opened = views(browser, server.address)
        browser.close()
    table = [
        ["what", "measured"],
        ["start of the program to first page", median(start)],
        [f"start of the program to the figure of {FIRST_GENE}, by its link", median(figure)],
        [f"another gene, from Enter to its figure ({GENES} genes)", median(typed)],
        ["a computed page, from the navigation: fastest and slowest page", ends(clicked)],
        ["a computed page, by its link in a new tab: fastest and slowest page", ends(opened)],
        ["script of a page whose results are cached, without the browser", median(reruns())],
    ]
    publish("benchmarks.app", [on, "", *markdown(table)], write)


def median(seconds: Sequence[float]) -> str:
    """Say the median of some times."""
    return f"{np.median(seconds):.2f} s"


def ends(seconds: Times) -> str:
    """Say the medians of the fastest and the slowest page."""
    middle = {name: float(np.median(times)) for name, times in seconds.items()}
    first, last = min(middle, key=middle.__getitem__), max(middle, key=middle.__getitem__)
    return f"{middle[first]:.1f} s ({first}) to {middle[last]:.1f} s ({last})"


def views(browser: Browser, address: str) -> tuple[Times, Times]:
    """Time each computed page: from the navigation, and by its link in a new tab."""
    clicked: Times = {}
    opened: Times = {}
    context = browser.new_context()
    visitor = context.new_page()
    visitor.goto(f"{address}/model_classes{QUERY}")
    wait(visitor, "model_classes")
    for name in PAGES:
        # The first view computes what the page shows.
        opened[name] = [first_view(context, address, name) for _ in range(1 + VIEWS)][1:]
        clicked[name] = [from_navigation(visitor, name) for _ in range(VIEWS)]
    context.close()
    return clicked, opened


def from_navigation(page: Page, name: str) -> float:
    """Seconds from the click on a page's name until it is there, coming from another page."""
    other = "table" if name != "table" else "start"
    follow(page, other)
    page.wait_for_url(f"**/{url(other)}*")
    wait(page, other)
    page.wait_for_timeout(500)
    began = time.perf_counter()
    follow(page, name)
    page.wait_for_url(f"**/{url(name)}*")
    wait(page, name)
    return time.perf_counter() - began


def follow(page: Page, name: str) -> None:
    """Click a page's name in the navigation; the section that it is in opens first."""
    link = page.locator(f'[data-testid^="stTopNav"][href$="/{url(name)}"]')
    for section in page.get_by_test_id("stTopNavSection").all():
        if link.count():
            break
        page.keyboard.press("Escape")
        section.click()
        page.get_by_test_id("stTopNavDropdownLink").first.wait_for()
    link.click()


def url(name: str) -> str:
    """A page's path in addresses."""
    return "" if name == "start" else name


def first_view(context: BrowserContext, address: str, name: str) -> float:
    """Seconds from opening a page's address, in a session of its own, to the page."""
    page = context.new_page()
    began = time.perf_counter()
    page.goto(f"{address}/{url(name)}{QUERY}")
    wait(page, name)
    seconds = time.perf_counter() - began
    page.close()
    return seconds


def genes(browser: Browser, address: str) -> list[float]:
    """Seconds from Enter to the new gene's figure, once some were looked at."""
    shown = DatasetStore().load(next(iter(BUILT_IN_DATA)))
    page = browser.new_page()
    page.goto(f"{address}/gene")
    wait(page, "gene")
    box = page.get_by_test_id("stTextInput").locator("input").first
    seconds = []
    # Twice as many, of which the first ones count for nothing.
    for gene in map(str, shown.names(shown.lines[0], "perturbations")[: 2 * GENES]):
        box.fill(gene)
        began = time.perf_counter()
        box.press("Enter")
        wait_for_gene(page, gene)
        seconds.append(time.perf_counter() - began)
        page.locator(FINISHED).wait_for(state="attached", timeout=LIMIT)
    page.close()
    return seconds[GENES:]


def wait_for_gene(page: Page, gene: str) -> None:
    """Wait until the figure of a gene's response is there."""
    title = page.locator(".js-plotly-plot .gtitle", has_text=f"{gene} knockdown:").first
    title.wait_for(timeout=LIMIT)


def reruns() -> list[float]:
    """Seconds that scripts of all pages take once what they show is computed."""
    from streamlit.testing.v1 import AppTest

    logging.getLogger("streamlit").setLevel(logging.ERROR)
    seconds = []
    with tempfile.TemporaryDirectory() as home, patch.dict(os.environ, LLMPERT_HOME=home):
        for name in PAGES:
            app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=LIMIT / 1000)
            app.query_params["data"] = SIMULATED
            app.switch_page(f"pages/{name}.py").run()
            for _ in range(3):
                seconds.append(timed(app.run))
    return seconds


def open_when_ready(page: Page, address: str) -> None:
    """Open the address as soon as somebody listens there."""
    deadline = time.perf_counter() + LIMIT / 1000
    while True:
        try:
            page.goto(address)
            return
        except Error:
            if time.perf_counter() > deadline:
                raise
            time.sleep(0.05)


def wait(page: Page, name: str) -> None:
    """Wait until a page is there as a whole."""
    page.locator("h1").first.wait_for(timeout=LIMIT)
    if name not in WITHOUT_FIGURE:
        page.locator(FIGURE).first.wait_for(timeout=LIMIT)
    page.locator(FINISHED).wait_for(state="attached", timeout=LIMIT)


if __name__ == "__main__":
    main()
