"""Selecting on the map in a real browser."""

import pytest

pytestmark = pytest.mark.browser
DONE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def marks(page):
    """Centres of all drawn perturbations, in the window's pixels."""
    chart = page.locator(".js-plotly-plot").first
    chart.wait_for(timeout=60_000)
    page.wait_for_timeout(1000)
    return page.evaluate(
        """() => [...document.querySelector('.js-plotly-plot').querySelectorAll('.point')].map(
            point => {
                const box = point.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            }
        )"""
    )


def test_a_clicked_dot_is_listed_and_opens_its_gene(page, visit):
    visit("explorer?line=LineB&colour=effect+size&gene=KD007")
    x, y = min(marks(page), key=lambda mark: mark[0])
    page.mouse.click(x, y)
    link = page.get_by_role("dialog").get_by_role("link", name="Open the page of")
    link.wait_for(timeout=60_000)
    gene = link.inner_text().split()[-1]
    assert gene != "KD007"
    assert page.get_by_text("1 of 40 knockdowns selected").count() == 1
    link.click()
    page.get_by_role("heading", name=f"{gene} knockdown in LineB").wait_for(timeout=60_000)


def test_a_link_reopens_a_selection(page, visit):
    visit("explorer?gene=KD007&selected=KD001%2CKD002&of=sequence")
    page.get_by_text("2 of 40 knockdowns selected").wait_for(timeout=60_000)
    page.get_by_text("PCA of sequence embeddings, LineA").first.wait_for(timeout=60_000)
    faint = page.locator(".js-plotly-plot .point").evaluate_all(
        "points => points.filter(p => p.style.opacity === '0.2').length"
    )
    assert faint == 38


def test_a_lasso_lists_what_it_encloses(page, visit):
    page.set_viewport_size({"width": 1440, "height": 1400})
    visit("explorer?colour=effect+size&gene=KD007")
    every = marks(page)
    page.locator(".js-plotly-plot").first.hover()
    page.locator('[data-title="Lasso Select"]').first.click()
    left, right = min(x for x, _ in every) - 8, max(x for x, _ in every) + 8
    top, bottom = min(y for _, y in every) - 8, max(y for _, y in every) + 8
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 4)):
        page.mouse.move(x, y, steps=8)
    page.mouse.up()
    page.get_by_text("40 of 40 knockdowns selected").wait_for(timeout=60_000)
    page.get_by_role("button", name="Set as current gene").click()
    page.wait_for_url("**gene=KD000**")
    assert page.get_by_text("40 of 40 knockdowns selected").count() == 1
    assert "selected=KD000%2CKD001" in page.url
