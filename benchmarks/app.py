"""How long the pages take: from the start of the program, and again once computed.

    python -m benchmarks.app [--runs 3]

In headless Chromium, on the simulated data with an empty data folder: from `python -m llmpert
serve` to the first page shown; the gene page on its first visit, which fits the Gaussian process;
and the same page visited again. A page counts as shown when its heading (and figure) are there and
Streamlit has finished its script. Last, the scripts of all pages by themselves.
"""

import os
import shutil
import tempfile
import time
from unittest.mock import patch

import click
import numpy as np
from playwright.sync_api import Error, Page, sync_playwright
from streamlit.testing.v1 import AppTest

from benchmarks.machine import describe
from benchmarks.server import REPOSITORY, served

BROWSERS = ("chromium", "chromium-browser", "chrome")
FINISHED = '[data-testid="stApp"][data-test-script-state="notRunning"]'
PAGES = sorted(path.stem for path in (REPOSITORY / "pages").glob("*.py"))
LIMIT = 180_000
"""Milliseconds to wait for a page."""


@click.command()
@click.option("--runs", default=3, show_default=True, help="Runs, of which the median is told.")
def main(runs: int) -> None:
    """Measure start, first visit and visits again."""
    browser_path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser_path is None:
        raise click.ClickException(f"expected one of {', '.join(BROWSERS)} on the path.")
    start, first, again = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"]
        )
        for _ in range(runs):
            began = time.perf_counter()
            with served() as server:
                page = browser.new_page()
                open_when_ready(page, server.address)
                shown(page, "llmpert")
                start.append(time.perf_counter() - began)
                first.append(visit(page, "Gene", figure=True))
                for _ in range(5):
                    visit(page, "Start", heading="llmpert")
                    again.append(visit(page, "Gene", figure=True))
                page.close()
        browser.close()
    for what, seconds in (
        ("start of the program to first page", start),
        ("gene page, first visit (fits the Gaussian process)", first),
        ("gene page, visited again", again),
    ):
        click.echo(
            f"{what}: {np.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f}, "
            f"{len(seconds)} runs)"
        )
    seconds = reruns()
    click.echo(
        f"script of a cached page, without the browser: {np.median(seconds):.2f} s"
        f" ({min(seconds):.2f} to {max(seconds):.2f}, {len(seconds)} runs over {len(PAGES)} pages)"
    )
    click.echo(f"measured on: {describe()}")


def reruns() -> list[float]:
    """Seconds that scripts of all pages take once what they show is computed."""
    seconds = []
    with tempfile.TemporaryDirectory() as home, patch.dict(os.environ, LLMPERT_HOME=home):
        for name in PAGES:
            app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=LIMIT / 1000)
            app.switch_page(f"pages/{name}.py").run()
            for _ in range(3):
                began = time.perf_counter()
                app.run()
                seconds.append(time.perf_counter() - began)
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


def visit(page: Page, link: str, heading: str | None = None, figure: bool = False) -> float:
    """Seconds from the click on a page in the side bar until it is shown."""
    began = time.perf_counter()
    page.locator('[data-testid="stSidebarNavLink"]', has_text=link).first.click()
    shown(page, heading or link, figure)
    return time.perf_counter() - began


def shown(page: Page, heading: str, figure: bool = False) -> None:
    """Wait until a page is there as a whole."""
    page.locator("h1", has_text=heading).first.wait_for(timeout=LIMIT)
    if figure:
        page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=LIMIT)
    page.locator(FINISHED).wait_for(state="attached", timeout=LIMIT)


if __name__ == "__main__":
    main()
