"""Compare in a real browser."""

import pytest

pytestmark = pytest.mark.browser
FINISHED = '[data-test-script-state="notRunning"]'


def test_switching_what_differs_changes_figures_and_address(page, visit):
    visit("compare?gene=KD007")
    page.get_by_role("radio", name="Lines").click()
    page.wait_for_url("**differs=lines**")
    page.get_by_role("heading", name="LineA against LineB").wait_for(timeout=60_000)
    page.wait_for_selector(FINISHED, timeout=60_000)
    page.get_by_text("LineB, measured").first.wait_for(timeout=60_000)


def test_a_link_reopens_a_view(page, visit):
    visit("compare?gene=KD007&differs=Models&other_model=Linear+regression")
    page.get_by_role("heading", name="Gaussian process against Linear regression").wait_for(
        timeout=60_000
    )
    page.locator(".js-plotly-plot").nth(2).wait_for(timeout=60_000)
    page.get_by_text("Against the measurement").first.wait_for(timeout=60_000)
