"""A running app and a browser for it; the app is started as its users start it."""

from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest

from llmpert.embeddings import Embedding
from llmpert.genes import GeneTable
from llmpert.screens import Screen
from tests.support import small
from tests.support.chromium import CHROMIUM, DONE, FLAGS
from tests.support.server_process import STREAMLIT, running

T = TypeVar("T", Screen, Embedding)


def named(data: T, count: int) -> T:
    """The same with symbols of real genes, SEPTIN9 first."""
    symbols = ["SEPTIN9", *(gene.symbol for gene in GeneTable.shipped() if gene.uniprot)]
    names = np.array(list(dict.fromkeys(symbols))[:count], dtype=object)
    return replace(data, **{"perturbations" if isinstance(data, Screen) else "genes": names})


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A running app on a small imported data set."""
    if CHROMIUM is None:
        pytest.skip("no Chromium was found")
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMPERT_HOME", str(home))
        small.add(
            "mine",
            [small.screen("LineA"), small.screen("LineB", seed=3)],
            [small.embedding("text"), small.embedding("sequence", seed=4)],
        )
        small.add("named", [named(small.screen(), 40)], [named(small.embedding(), 45)])
    with running(STREAMLIT, home, tmp_path_factory.mktemp("log") / "log") as server:
        yield server.address


@pytest.fixture(scope="module")
def browser(address):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    yield context.new_page()
    context.close()


@pytest.fixture
def visit(page, address):
    """Open a path of the app, and wait until its script has run."""

    def open_path(path: str) -> None:
        page.goto(f"{address}/{path}")
        page.wait_for_selector("h1", timeout=60_000)
        page.wait_for_selector(DONE, timeout=120_000)

    return open_path
