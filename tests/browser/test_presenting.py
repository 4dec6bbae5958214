"""What is needed in a meeting: one figure at a time, pictures, and links that reopen a view."""

import struct
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser


# A run can be over before anyone asks whether it has begun.
WATCH = """
window.ran = false;
const app = document.querySelector("[data-test-script-state]");
new MutationObserver(() => { window.ran ||= app.dataset.testScriptState === "running" })
    .observe(app, {attributeFilter: ["data-test-script-state"]});
"""
ANSWERED = (
    "window.ran && document.querySelector('[data-test-script-state]')"
    ".dataset.testScriptState === 'notRunning'"
)


def press(page, name: str) -> None:
    """Press a button and wait until the page has answered."""
    page.evaluate(f"() => {{{WATCH}}}")
    page.get_by_role("button", name=name).click()
    page.wait_for_function(ANSWERED, timeout=60_000)


def test_meeting_mode_shows_one_figure_after_the_other(page, visit):
    visit("gene?gene=KD007&meeting=true")
    stage = page.locator(".st-key-stage")
    stage.get_by_text("20 strongest predicted genes").first.wait_for()
    assert page.locator(".js-plotly-plot").count() == 1
    box = stage.bounding_box()
    assert (box["x"], box["y"], box["width"]) == (0, 0, 1440)
    press(page, "Next figure")
    stage.get_by_text("KD007, all genes: r =").first.wait_for()
    assert page.locator(".js-plotly-plot").count() == 1
    press(page, "Previous figure")
    stage.get_by_text("20 strongest predicted genes").first.wait_for()
    press(page, "Leave meeting mode")
    stage.wait_for(state="detached")
    page.get_by_role("heading", name="KD007 knockdown in LineA").wait_for()


def test_pictures_are_saved_in_the_chosen_format(page, visit):
    visit("learning_curves?picture=PNG")
    chart = page.locator(".js-plotly-plot").first
    chart.wait_for()
    chart.hover()
    with page.expect_download() as download:
        page.locator('[data-title^="Download plot"]').first.click()
    content = Path(download.value.path()).read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width = struct.unpack(">I", content[16:20])[0]
    assert width > 2 * chart.bounding_box()["width"]
    assert download.value.suggested_filename.endswith(".png")


def test_the_link_names_even_what_stands_at_its_first_value(page, visit):
    visit("gene?gene=KD007")
    page.get_by_text("Present", exact=True).click()
    link = page.get_by_test_id("stCode").inner_text()
    for part in ("/gene?", "data=mine", "line=LineA", "embedding=", "size=32", "gene=KD007"):
        assert part in link
    page.goto(link)
    page.get_by_role("heading", name="KD007 knockdown in LineA").wait_for()
