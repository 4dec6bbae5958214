"""Figure 3 in a real browser: a dot leads to its gene."""

import pytest

pytestmark = pytest.mark.browser
FINISHED = '[data-test-script-state="notRunning"]'


def dots(page):
    page.locator(".js-plotly-plot .scatterlayer .point").first.wait_for(timeout=60_000)
    page.wait_for_timeout(500)
    return page.locator(".js-plotly-plot .scatterlayer .point")


def click_dot(page, at: int) -> str:
    """Click a dot and tell which perturbation it stands for."""
    box = dots(page).nth(at).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator(".hoverlayer .hovertext").wait_for(timeout=10_000)
    name = page.locator(".hoverlayer .hovertext text.nums tspan").first.text_content() or ""
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    return name


def test_a_dot_leads_to_its_gene_and_back(page, visit):
    visit("head_to_head?line=LineB")
    gene = click_dot(page, 3)
    page.get_by_role("heading", name=f"{gene} knockdown in LineB").wait_for(timeout=60_000)
    assert page.url.split("?")[0].endswith("/gene")
    assert "line=LineB" in page.url
    page.go_back()
    page.get_by_role("heading", name="Head to head").wait_for(timeout=60_000)
    page.wait_for_selector(FINISHED, timeout=60_000)
    page.wait_for_timeout(1500)
    assert page.url.split("?")[0].endswith("/head_to_head")
    again = click_dot(page, 8)
    page.get_by_role("heading", name=f"{again} knockdown in LineB").wait_for(timeout=60_000)


def test_a_link_reopens_a_view(page, visit):
    visit("head_to_head?rival=Non-control+mean&metric=MAE%2C+all+genes&strongest=100")
    page.get_by_text("of 40 perturbations").first.wait_for(timeout=60_000)
    page.get_by_text("MAE, all genes (lower is better)").first.wait_for(timeout=60_000)
