"""Addresses made to do harm: every control of every page gets a value that nobody would choose."""

from pathlib import Path
from urllib.parse import urlencode

import pytest

pytestmark = pytest.mark.browser
PAGES = Path(__file__).resolve().parents[2] / "pages"
PATHS = sorted(path.stem.replace("start", "") for path in PAGES.glob("*.py"))
ALWAYS = ("data", "line", "embedding", "gene", "size", "model", "selected", "opened")

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


def keys(page) -> set[str]:
    """Of all controls that the page shows."""
    marked = page.evaluate(
        "[...document.querySelectorAll('[class*=\"st-key-\"]')].flatMap(e => [...e.classList])"
    )
    return {name.removeprefix("st-key-") for name in marked if name.startswith("st-key-")}


@pytest.mark.parametrize("path", PATHS)
def test_hostile_values_do_nothing(page, visit, noticed, address, path):
    visit(path)
    found = sorted(keys(page) | set(ALWAYS))
    assert len(found) > len(ALWAYS) or path == ""
    # Longer than any, as far as the server reads an address to its end.
    values = dict.fromkeys(found, HOSTILE) | {"gene": HOSTILE + "a" * 20_000}
    visit(f"{path}?{urlencode(values)}")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hostile") is None
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.locator('[data-testid="stAlertContentError"]').count() == 0
    assert page.locator('a[href^="javascript"]').count() == 0
    # Nor are they read as Markdown.
    assert page.get_by_role("heading", name="big").count() == 0
    assert page.locator("strong", has_text="bold").count() == 0
    text = page.content()
    assert "Traceback" not in text
    assert "site-packages" not in text
    assert not noticed.said
    assert not noticed.elsewhere(address)
