"""A gene opens beside the page, from a dot of a figure or a row of a table, in a real browser."""

from urllib.parse import urlencode

import pytest

from llmpert.datasets import RANKS
from tests.browser.test_every_page import serious_violations

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


def opened(page, gene: str, line: str):
    """The drawer, once it shows its figure."""
    drawer = page.get_by_role("dialog")
    drawer.get_by_text(f"{gene} knockdown in {line}").wait_for(timeout=60_000)
    drawer.get_by_text(f"{gene} knockdown: 10 strongest genes").wait_for(timeout=60_000)
    page.wait_for_selector(FINISHED, timeout=60_000)
    return drawer


def test_a_dot_opens_its_gene_beside_the_page_and_leads_to_its_own(page, visit):
    visit("head_to_head?line=LineB")
    gene = click_dot(page, 3)
    drawer = opened(page, gene, "LineB")
    assert page.url.split("?")[0].endswith("/head_to_head")
    assert f"opened={gene}" in page.url
    assert serious_violations(page) == []
    drawer.get_by_role("link", name="Open the page of").click()
    page.get_by_role("heading", name=f"{gene} knockdown in LineB").wait_for(timeout=60_000)
    assert page.url.split("?")[0].endswith("/gene")
    page.go_back()
    drawer = opened(page, gene, "LineB")
    page.keyboard.press("Escape")
    drawer.wait_for(state="hidden")
    page.wait_for_function("!location.search.includes('opened')")


def test_a_gene_of_a_comparison_opens_beside_it(page, visit):
    visit("compare?line=LineB")
    gene = click_dot(page, 0)
    page.wait_for_url(f"**opened={gene}**")
    page.get_by_role("dialog").wait_for(timeout=60_000)
    assert page.url.split("?")[0].endswith("/compare")


def test_a_dot_of_the_volcano_opens_its_gene(page, visit):
    visit("gene?gene=KD007&tab=All+genes")
    dot = page.locator(".js-plotly-plot").nth(2).locator(".scatterlayer .point").first
    dot.scroll_into_view_if_needed(timeout=60_000)
    page.wait_for_timeout(500)
    box = dot.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**opened=OUT**")
    page.get_by_role("dialog").get_by_role("link", name="What changes OUT").wait_for()


def test_a_gene_set_opens_with_its_genes_and_these_open_in_its_place(page, visit):
    visit(f"gene?{urlencode({'data': RANKS, 'tab': 'Pathways'})}")
    table = page.get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    box = table.locator("canvas").first.bounding_box()
    page.mouse.click(box["x"] + 30, box["y"] + 52)
    page.wait_for_url("**set=**")
    drawer = page.get_by_role("dialog")
    genes = drawer.get_by_test_id("stDataFrame")
    gene = genes.locator('td[aria-colindex="1"]').first.text_content()
    box = genes.locator("canvas").first.bounding_box()
    page.wait_for_timeout(500)
    page.mouse.click(box["x"] + 70, box["y"] + 52)
    page.wait_for_url(f"**opened={gene}**")
    drawer.get_by_text(f"{gene} knockdown in K562").wait_for(timeout=60_000)


def test_a_row_opens_its_gene_and_marked_rows_and_their_order_stay(page, visit):
    visit("effects?line=LineB&effects-by=Knockdown%2C+A+to+Z")
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    names = table.locator('td[aria-colindex="1"]')
    first, third = names.nth(0).text_content(), names.nth(2).text_content()
    box = table.locator("canvas").first.bounding_box()
    page.mouse.click(box["x"] + 16, box["y"] + 52 + 70)  # the third row's box
    page.wait_for_url(f"**effects-rows={third}**")
    page.wait_for_selector(FINISHED, timeout=60_000)
    box = table.locator("canvas").first.bounding_box()
    page.mouse.click(box["x"] + 70, box["y"] + 52)
    drawer = opened(page, first, "LineB")
    assert page.url.split("?")[0].endswith("/effects")
    drawer.get_by_role("button", name="Close").click()
    page.wait_for_function("!location.search.includes('opened')")
    page.wait_for_selector(FINISHED, timeout=60_000)
    page.locator(".st-key-effects-by input").click()
    page.get_by_role("option", name="predicted, lowest first").click()
    page.wait_for_url("**effects-by=predicted**")
    page.wait_for_selector(FINISHED, timeout=60_000)
    assert f"effects-rows={third}" in page.url
    marked = table.locator('tr[aria-selected="true"]')
    assert marked.count() == 1
    assert third in marked.text_content()


def test_a_link_reopens_a_view(page, visit):
    visit("head_to_head?rival=Non-control+mean&metric=MAE%2C+all+genes&strongest=100")
    page.get_by_text("of 40 perturbations").first.wait_for(timeout=60_000)
    page.get_by_text("MAE, all genes, in the data's units (lower is better)").first.wait_for(
        timeout=60_000
    )
