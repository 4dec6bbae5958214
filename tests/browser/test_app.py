"""The app in a real browser."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
PAGES = Path(__file__).resolve().parents[2] / "pages"
PATHS = sorted(path.stem.replace("start", "") for path in PAGES.glob("*.py"))


def test_a_link_into_a_server_just_started_opens_inside_the_app(page, visit):
    # It has to come first: what it guards against is over once `app.py` has run.
    visit("model_classes?line=LineB")
    page.wait_for_function("document.title == 'Model classes · llmpert'", timeout=20_000)
    assert page.get_by_test_id("stSidebarNavLink").first.inner_text().strip().endswith("Start")
    page.get_by_text("Model classes by embedding: LineB").first.wait_for(timeout=60_000)


@pytest.mark.parametrize("path", PATHS)
def test_every_page_shows_no_error(page, visit, path):
    visit(path)
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.locator('[data-testid="stAlertContentError"]').count() == 0
    assert page.title().endswith("· llmpert")


@pytest.mark.parametrize("path", PATHS)
def test_no_page_asks_another_host(page, visit, address, path):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    visit(path)
    page.wait_for_load_state("networkidle")
    elsewhere = ("http:", "https:", "ws:", "wss:")
    here = (f"{address}/", f"{address.replace('http', 'ws', 1)}/")
    assert asked
    assert [url for url in asked if url.startswith(elsewhere) and not url.startswith(here)] == []


def test_a_link_reopens_a_view(page, visit):
    visit("gene?gene=KD007&line=LineB&embedding=text%2Bsequence&size=32")
    page.get_by_role("heading", name="KD007 knockdown in LineB").wait_for(timeout=60_000)
    page.wait_for_function("document.title == 'KD007 in LineB · llmpert'", timeout=20_000)
    assert (
        page.get_by_text("Gaussian process on text + sequence, 32 training perturbations").count()
        == 1
    )


def test_changing_the_line_changes_the_address(page, visit):
    visit("model_classes")
    page.get_by_test_id("stSelectbox").filter(has_text="Cell line").locator("input").click()
    page.get_by_role("option", name="LineB").click()
    page.wait_for_url("**line=LineB**")
    page.wait_for_selector('[data-test-script-state="notRunning"]', timeout=120_000)
    page.get_by_text("Model classes by embedding: LineB").first.wait_for(timeout=60_000)


def test_the_figure_is_saved_as_a_vector_graphic(page, visit):
    visit("learning_curves")
    chart = page.locator(".js-plotly-plot").first
    chart.wait_for(timeout=60_000)
    chart.hover()
    with page.expect_download() as download:
        page.locator('[data-title^="Download plot"]').first.click()
    text = Path(download.value.path()).read_text()
    assert text.startswith("<svg")
    assert "Accuracy on unseen knockdowns" in text
