"""The app in a real browser."""

import pytest

pytestmark = pytest.mark.browser


def test_a_link_into_a_server_just_started_opens_inside_the_app(started):
    assert started.title == "Model classes · llmpert"
    assert started.first_link.endswith("Start")
    assert "Model classes by embedding: LineB" in started.text


def test_a_link_reopens_a_view(page, visit):
    visit("gene?gene=KD007&line=LineB&embedding=text%2Bsequence&size=32")
    page.get_by_role("heading", name="KD007 knockdown in LineB").wait_for(timeout=60_000)
    page.wait_for_function("document.title == 'KD007 in LineB · llmpert'", timeout=20_000)
    told = "Gaussian process on text + sequence, 32 training perturbations"
    page.get_by_text(told).first.wait_for(timeout=60_000)


def test_changing_the_line_changes_the_address(page, visit):
    visit("model_classes")
    page.get_by_test_id("stSelectbox").filter(has_text="Cell line").locator("input").click()
    page.get_by_role("option", name="LineB").click()
    page.wait_for_url("**line=LineB**")
    page.wait_for_selector('[data-test-script-state="notRunning"]', timeout=120_000)
    page.get_by_text("Model classes by embedding: LineB").first.wait_for(timeout=60_000)
