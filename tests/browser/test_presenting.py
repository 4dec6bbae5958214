"""What is needed in a meeting: one figure at a time, pictures, and links that reopen a view."""

from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from PIL import Image

from tests.browser.test_every_page import IS_DARK, serious_violations

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
    stage.get_by_text("20 strongest genes").first.wait_for()
    assert page.locator(".js-plotly-plot").count() == 1
    box = stage.bounding_box()
    assert (box["x"], box["y"], box["width"]) == (0, 0, 1440)
    press(page, "Next figure")
    stage.get_by_text("KD007, all genes: r =").first.wait_for()
    assert page.locator(".js-plotly-plot").count() == 1
    press(page, "Previous figure")
    stage.get_by_text("20 strongest genes").first.wait_for()
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(IS_DARK)
    assert serious_violations(page, {"runOnly": ["color-contrast"]}) == []
    press(page, "Leave meeting mode")
    stage.wait_for(state="detached")
    page.get_by_role("heading", name="KD007 knockdown in LineA").wait_for()


MENU = '[data-testid="stPopoverBody"]'


def saved(page, what: str):
    """What the first figure's menu saves under a name."""
    with page.expect_download() as download:
        page.get_by_role("button", name=what).click()
    return download.value


def test_pictures_carry_what_is_known_of_them(page, visit):
    visit("learning_curves")
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    page.get_by_role("button", name="Save").first.click()
    words = Path(saved(page, "About (text)").path()).read_text("utf-8")
    assert "5-fold cross-validation, seed 0" in words
    svg = saved(page, "Picture (SVG)")
    assert svg.suggested_filename == "llmpert-learning-curves-mine.svg"
    root = ElementTree.parse(svg.path()).getroot()
    assert root.find("{*}desc").text == words
    drawn = " ".join(text.text or "" for text in root.findall("{*}text"))
    assert "made for a test" in drawn
    png = saved(page, "Picture (PNG)")
    assert png.suggested_filename == "llmpert-learning-curves-mine.png"
    with Image.open(png.path()) as picture:
        picture.load()
        assert picture.text == {"Description": words}
        assert picture.width == 3 * int(root.get("width"))
        assert picture.height == 3 * int(root.get("height"))
        assert len(set(picture.convert("L").resize((50, 50)).getdata())) > 10


def test_a_map_that_is_drawn_as_a_picture_is_saved_dot_by_dot(page, visit):
    visit("explorer?colour=effect+size")
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    # As one of more knockdowns is.
    as_picture = "d => d.data.slice(0, 1).forEach(trace => { trace.type = 'scattergl' })"
    page.locator(".js-plotly-plot").first.evaluate(as_picture)
    page.get_by_role("button", name="Save").first.click()
    root = ElementTree.parse(saved(page, "Picture (SVG)").path()).getroot()
    assert root.find(".//{*}image") is None
    dots = [p for p in root.iterfind(".//{*}path") if p.get("class", "").startswith("point")]
    assert len(dots) == 40 + 1


@pytest.mark.parametrize("width", [1440, 390])
def test_the_menus_are_accessible_and_work_by_keyboard(page, visit, width):
    page.set_viewport_size({"width": width, "height": 900})
    visit("effects?target=OUT004")
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    about = page.get_by_role("button", name="About").first
    about.press("Enter")
    page.get_by_text("made for a test").first.wait_for()
    assert serious_violations(page, within=MENU) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save").first.press("Enter")
    page.get_by_text("table = effects_on").wait_for()
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(IS_DARK if scheme == "dark" else f"!({IS_DARK})")
        assert serious_violations(page, within=MENU) == []
    with page.expect_download() as download:
        page.get_by_role("button", name="Picture (SVG)").press("Enter")
    assert download.value.suggested_filename == "llmpert-effects-on-OUT004-LineA.svg"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_numbers_are_saved_as_a_table_and_nothing_else(page, visit):
    visit("learning_curves")
    page.get_by_role("button", name="Save").first.click()
    table = pd.read_csv(saved(page, "Numbers (CSV)").path())
    assert {"model", "metric", "mean", "se"} <= set(table)
    assert table["mean"].dtype == float


def test_the_link_names_even_what_stands_at_its_first_value(page, visit):
    visit("gene?gene=KD007")
    page.get_by_text("Share", exact=True).click()
    link = page.get_by_test_id("stCode").inner_text()
    for part in ("/gene?", "data=mine", "line=LineA", "embedding=", "size=32", "gene=KD007"):
        assert part in link
    page.goto(link)
    page.get_by_role("heading", name="KD007 knockdown in LineA").wait_for()


def test_a_pinned_figure_is_presented_by_keyboard_and_saved(page, visit):
    visit("gene?gene=KD007")
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    for number in (1, 2):
        page.get_by_role("button", name="Pin", exact=True).first.click()
        page.get_by_role("link", name=f"Collection: {number}").wait_for()
    page.get_by_role("link", name="Collection: 2").click()
    page.get_by_role("button", name="Present").click()
    stage = page.locator(".st-key-stage")
    stage.get_by_text("20 strongest genes").first.wait_for()
    page.keyboard.press("ArrowRight")
    stage.get_by_text("KD007, all genes: r =").first.wait_for()
    stage.get_by_role("button", name="Save").click()
    assert saved(page, "Picture (SVG)").suggested_filename == "llmpert-KD007-LineA-scatter.svg"
    # The first closes the menu.
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    stage.wait_for(state="detached")
    # The tab keeps it where the address lacks it, until it is empty; what else is wrong is told.
    visit("effects?line=Nowhere")
    page.get_by_text("in the address is no choice").wait_for()
    visit("effects")
    page.get_by_role("link", name="Collection: 2").click()
    page.get_by_role("button", name="Remove all").click()
    page.get_by_role("button", name="Start with two examples").wait_for()
    visit("effects")
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    assert not page.get_by_role("link", name="Collection:").count()
