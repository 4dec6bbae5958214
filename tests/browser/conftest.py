"""A running app and a browser for it; the app is started as its users start it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from llmpert.embeddings import Embedding
from llmpert.genes import GeneTable
from llmpert.io.paths import shipped
from llmpert.screens import Screen
from tests.support import small
from tests.support.chromium import CHROMIUM, DONE, FLAGS, worth
from tests.support.faulty_server import Faulty, md5
from tests.support.server_process import REPOSITORY, STREAMLIT, running

T = TypeVar("T", Screen, Embedding)
SIZE = 3_000_000
"""Bytes of a public file."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Leave a picture in `pictures/` of what the tab showed when a test failed."""
    report = yield
    if report.when == "call" and report.failed and "tab" in item.funcargs:
        from playwright.sync_api import Error

        name = re.sub(r"[^\w-]+", "-", item.name)
        path = REPOSITORY / "pictures" / f"{name}.png"
        with suppress(Error):  # the tab may be what failed
            item.funcargs["tab"].screenshot(path=path, full_page=True)
    return report


def named(data: T, count: int) -> T:
    """The same with symbols of real genes, SEPTIN9 first."""
    symbols = ["SEPTIN9", *(gene.symbol for gene in GeneTable.shipped() if gene.uniprot)]
    names = np.array(list(dict.fromkeys(symbols))[:count], dtype=object)
    return replace(data, **{"perturbations" if isinstance(data, Screen) else "genes": names})


# All tests of this folder share these, and tests that follow them in the same process do without:
# Playwright leaves an event loop running, beside which no other can be started.


@pytest.fixture(scope="package")
def chromium():
    """Start Chromium with further flags."""
    if CHROMIUM is None:
        pytest.skip("no Chromium was found")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield partial(playwright.chromium.launch, executable_path=CHROMIUM)


@pytest.fixture(scope="package")
def browser(chromium):
    browser = chromium(args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def data_folder(tmp_path_factory):
    """A data folder with two small data sets."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMPERT_HOME", str(home))
        small.add(
            "mine",
            [small.screen("LineA"), small.screen("LineB", seed=3)],
            [small.embedding("text"), small.embedding("sequence", seed=4)],
        )
        small.add("named", [named(small.screen(), 40)], [named(small.embedding(), 45)])
    return home


@pytest.fixture(scope="package")
def tab(browser):
    """One tab for all tests: another would start a process that compiles the app's scripts anew."""
    context = browser.new_context(accept_downloads=True)
    yield context.new_page()
    context.close()


@dataclass(frozen=True)
class Started:
    """A running app, and what its first visitor saw who followed a link into a page."""

    address: str
    title: str
    first_link: str
    text: str


@pytest.fixture(scope="package")
def public_files() -> Iterator[Faulty]:
    """Serves a file that takes half a minute, unless it is told otherwise."""
    with Faulty(bytes(range(250)) * (SIZE // 250)) as server:
        yield server


@pytest.fixture(scope="package")
def listed(public_files, tmp_path_factory) -> Path:
    """The program's list of public files, with two embeddings of `public_files`."""
    known = shipped() / "sources.toml"
    listed = tmp_path_factory.mktemp("listed") / "sources.toml"
    listed.write_text(
        known.read_text("utf-8")
        + '\n[publications.paper]\nlicence = "CC BY 4.0"\ncitation = "Somebody 2024, doi:10.1/x"\n'
        + "".join(
            f'[sources.{key}]\nwhat = "A {key} file."\npublication = "paper"\n'
            f'kind = "text embedding"\nembedding = "text"\nurl = "{public_files.url}"\n'
            f'file = "{key}.pickle"\nsize = {SIZE}\nmd5 = "{md5(public_files.content)}"\n'
            for key in ("public", "other")
        ),
        "utf-8",
    )
    return listed


@pytest.fixture(scope="package")
def started(tab, data_folder, listed, tmp_path_factory) -> Iterator[Started]:
    """An app on two small data sets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMPERT_SOURCES", str(listed))
        patch.setenv("no_proxy", "*")
        with running(STREAMLIT, data_folder, tmp_path_factory.mktemp("log") / "log") as server:
            visit_in(tab, server.address, "model_classes?line=LineB")
            tab.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=60_000)
            links = tab.get_by_test_id("stTopNavLink")
            text = tab.locator("body").inner_text()
            yield Started(server.address, tab.title(), links.first.inner_text().strip(), text)


@pytest.fixture(scope="package")
def address(started) -> str:
    return started.address


@pytest.fixture
def page(tab):
    tab.set_viewport_size({"width": 1440, "height": 1000})
    tab.emulate_media(color_scheme="light")
    yield tab
    # The app's script ends with its visitor.
    tab.goto("about:blank")


@dataclass(frozen=True)
class Noticed:
    """What a page says that nobody should hear, and the addresses it asks."""

    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def elsewhere(self, address: str) -> list[str]:
        """The addresses of other hosts."""
        own = (f"{address}/", f"{address.replace('http', 'ws', 1)}/", "data:", "blob:")
        return [url for url in self.asked if not url.startswith(own)]


@contextmanager
def noticing(page) -> Iterator[Noticed]:
    """Notice what the page says and asks from now on."""
    noticed = Noticed()
    said, asked = noticed.said.append, noticed.asked.append
    listeners = {
        "console": lambda m: said(f"{m.text} {m.location['url']}") if worth(m) else None,
        "pageerror": lambda error: said(str(error)),
        "dialog": lambda dialog: (said(dialog.message), dialog.dismiss()),
        "request": lambda request: asked(request.url),
        "websocket": lambda socket: asked(socket.url),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    yield noticed
    for event, listener in listeners.items():
        page.remove_listener(event, listener)


@pytest.fixture
def visit(page, address):
    """Open a path of the app, and wait until its script has run."""

    return partial(visit_in, page, address)


def visit_in(page, address: str, path: str) -> None:
    page.goto(f"{address}/{path}")
    # The first page of a server waits until its libraries are there.
    # In meeting mode its heading is not to be seen.
    page.wait_for_selector("h1", state="attached", timeout=120_000)
    page.wait_for_selector(DONE, timeout=120_000)
