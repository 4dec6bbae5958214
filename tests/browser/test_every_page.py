"""Every page in light and dark, on a wide and a narrow screen: no error, and accessible."""

from pathlib import Path

import pytest

from tests.support.chromium import worth

pytestmark = pytest.mark.browser
REPOSITORY = Path(__file__).resolve().parents[2]
PAGES, PICTURES = REPOSITORY / "pages", REPOSITORY / "pictures"
PATHS = sorted(path.stem.replace("start", "") for path in PAGES.glob("*.py"))
SERIOUS = ("serious", "critical")


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    return request.param


@pytest.fixture(params=[1440, 390])
def page(browser, scheme, request):
    context = browser.new_context(
        viewport={"width": request.param, "height": 1000}, color_scheme=scheme
    )
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", PATHS)
def test_a_page_shows_no_error_and_is_accessible(page, visit, path, scheme):
    from axe_playwright_python.sync_playwright import Axe

    said: list[str] = []
    page.on("console", lambda m: said.append(f"{m.text} {m.location['url']}") if worth(m) else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    visit(path)
    page.wait_for_timeout(500)
    # To be looked at: `pictures/` is made anew by every run and not kept in the repository.
    width = page.viewport_size["width"]
    page.screenshot(path=PICTURES / f"{path or 'start'}-{width}-{scheme}.png", full_page=True)
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.locator('[data-testid="stAlertContentError"]').count() == 0
    assert not said
    background = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    red = int(background.partition("(")[2].split(",")[0])
    assert (red < 128) == (scheme == "dark")
    # Nothing but tables and figures that scroll by themselves may be wider than the screen.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(page).response["violations"]
    serious = [
        f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}"
        for v in found
        if v["impact"] in SERIOUS
    ]
    assert not serious, "\n".join(serious)
