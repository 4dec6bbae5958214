"""Every page, on a wide screen in light and dark and on a narrow one, and with hostile values."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from llmpert.datasets import RANKS
from llmpert.ui.streamlit_internals import HEALTH
from tests.browser.conftest import Noticed, noticing, visit_in

pytestmark = pytest.mark.browser
PAGES = Path(__file__).resolve().parents[2] / "pages"
PATHS = sorted(path.stem.replace("start", "") for path in PAGES.glob("*.py"))
COLOURS = "color-contrast"
# Colours are the same at every width, and a scheme changes nothing else.
CHECKED = {
    (1440, "light"): {},
    (1440, "dark"): {"runOnly": [COLOURS]},
    (390, "light"): {"rules": {COLOURS: {"enabled": False}}},
}
# On a narrow screen Streamlit lists the pages of a section within its list of pages, in no list.
OF_STREAMLIT = '[data-testid="stSidebarNavItems"]'
# What axe finds besides would take longer on its way here than axe itself.
VIOLATIONS = """async ([within, options, ofStreamlit]) => {
    const found = await axe.run(within ?? document, {resultTypes: ["violations"], ...options});
    const ours = v => !["list", "listitem"].includes(v.id) || v.nodes.some(
        node => !document.querySelector(node.target[0])?.closest(ofStreamlit));
    return found.violations.filter(ours)
        .filter(v => ["serious", "critical"].includes(v.impact))
        .map(v => `${v.id}: ${v.help}: ${v.nodes[0].html.slice(0, 200)}`);
}"""
IS_DARK = (
    "parseInt(getComputedStyle(document.querySelector('.stApp')).backgroundColor.slice(4)) < 128"
)


MAIN = (
    """() => [...document.querySelectorAll('[data-testid="stPlotlyChart"],"""
    """ [data-testid="stDataFrame"], [data-testid="stTable"]')]"""
    """.map(one => one.getBoundingClientRect()).find(box => box.height)"""
)
"""The box of the first figure or table on a page."""
CONTROLS = ".st-key-controls"
NAVIGATION, MARGIN = 60, 60
WITHOUT = {"data", "collection", "documentation"}
"""Pages that begin without a figure."""


class Opened(NamedTuple):
    """A page, and what it said and asked."""

    page: object
    noticed: Noticed


def fits_in_the_first_look(page) -> bool:
    """Whether a page begins at its top, and its main figure lies within 1440 x 900."""
    page.locator(".js-plotly-plot .main-svg, [data-testid='stDataFrame']").first.wait_for()
    assert page.locator(CONTROLS).bounding_box()["y"] < NAVIGATION + MARGIN
    box = page.evaluate(MAIN)
    return box["left"] >= 0 and box["right"] <= 1440 and box["bottom"] <= 900


@pytest.mark.parametrize("path", sorted({*PATHS} - {"head_to_head"} - WITHOUT))
def test_the_shipped_models_answer_at_first_sight(page, visit, path):
    page.set_viewport_size({"width": 1440, "height": 900})
    visit(f"{path}?{urlencode({'data': RANKS})}")
    assert fits_in_the_first_look(page), page.evaluate(MAIN)


@pytest.fixture(scope="module", params=PATHS)
def path(request) -> str:
    """A page, for all tests here before the next: the first opens it, the others find it open."""
    return request.param


@pytest.fixture(scope="module")
def opened(path, tab, address) -> Iterator[Opened]:
    """A page on a wide screen when all of it has come."""
    tab.set_viewport_size({"width": 1440, "height": 1000})
    tab.emulate_media(color_scheme="light")
    with noticing(tab) as noticed:
        visit_in(tab, address, path)
        tab.wait_for_load_state("networkidle")
        yield Opened(tab, noticed)
    tab.goto("about:blank")


def test_it_shows_no_error_and_asks_no_other_host(opened, address):
    page, noticed = opened.page, opened.noticed
    assert shown_errors(page) == 0
    assert page.title().endswith("· llmpert")
    assert not noticed.said
    assert any(url.startswith("ws://") for url in noticed.asked)
    # It knows where the server is: else it would look below its own path first.
    assert [url for url in noticed.asked if url.endswith(HEALTH)] == [f"{address}{HEALTH}"]
    assert noticed.elsewhere(address) == []


@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits_and_is_accessible(opened, path, width):
    page = opened.page
    page.set_viewport_size({"width": width, "height": 1000})
    # Nothing but tables and figures that scroll by themselves may be wider than the screen.
    page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")
    if width == 1440 and path not in {"", "describe", *WITHOUT}:
        assert fits_in_the_first_look(page), page.evaluate(MAIN)
    for scheme in [scheme for at, scheme in CHECKED if at == width]:
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(IS_DARK if scheme == "dark" else f"!({IS_DARK})")
        assert serious_violations(page, CHECKED[width, scheme]) == []


RUNS = "window.hostile = true"
HOSTILE = "".join(
    (
        f"[a](javascript:{RUNS}) ![b](https://evil.example/b.png) **bold** `code` $x^2$ :red[c]",
        f"<script>{RUNS}</script><img src=x onerror='{RUNS}'><svg onload='{RUNS}'>",
        "\u202eevil\u2066\u200b \x00 \x1b[31m \r\n# big \U0001f9ec é \ufffe ' \" \\ %s {0} {{x}} ",
        "1e999 NaN -1 [] null ",
        "../../../../etc/passwd; drop table screens --",
    )
)


ALWAYS = ("data", "line", "embedding", "gene", "size", "model", "selected", "opened")


def test_hostile_values_in_its_address_do_nothing(opened, path, address):
    """Every control gets a value that nobody would choose."""
    page = opened.page
    found = sorted(keys(page) | set(ALWAYS))
    assert len(found) > len(ALWAYS) or path == ""
    # Longer than any, as far as the server reads an address to its end.
    values = dict.fromkeys(found, HOSTILE) | {"gene": HOSTILE + "a" * 20_000}
    visit_in(page, address, f"{path}?{urlencode(values)}")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hostile") is None
    assert shown_errors(page) == 0
    assert page.locator('a[href^="javascript"]').count() == 0
    # Nor are they read as Markdown.
    assert page.get_by_role("heading", name="big").count() == 0
    assert page.locator("strong", has_text="bold").count() == 0
    text = page.content()
    assert "Traceback" not in text
    assert "site-packages" not in text
    assert not opened.noticed.said
    assert not opened.noticed.elsewhere(address)


def shown_errors(page) -> int:
    return page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]').count()


def keys(page) -> set[str]:
    """Of all controls that the page shows."""
    marked = page.evaluate(
        "[...document.querySelectorAll('[class*=\"st-key-\"]')].flatMap(e => [...e.classList])"
    )
    return {name.removeprefix("st-key-") for name in marked if name.startswith("st-key-")}


def serious_violations(page, options: dict | None = None, within: str | None = None) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate(Axe().axe_script)
    return page.evaluate(VIOLATIONS, [within, options, OF_STREAMLIT])
