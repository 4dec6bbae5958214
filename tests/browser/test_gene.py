"""The gene's page as a person uses it: keyboard, explanation, report."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
DONE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def search(page, text: str) -> None:
    box = page.get_by_test_id("stTextInput").locator("input").first
    box.fill(text)
    box.press("Enter")


def test_a_suggestion_is_taken_with_the_keyboard(page, visit):
    visit("gene?gene=KD003")
    search(page, "KD01")
    page.get_by_text("Did you mean one of these?").wait_for(timeout=60_000)
    page.wait_for_selector(DONE, timeout=60_000)
    first = page.get_by_role("button", name="KD010")
    first.wait_for()
    page.keyboard.press("Tab")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="KD010 knockdown in LineA").wait_for(timeout=60_000)
    page.wait_for_url("**gene=KD010**")
    search(page, "KD01")
    page.get_by_text("Did you mean one of these?").wait_for(timeout=60_000)
    page.wait_for_selector(DONE, timeout=60_000)
    page.keyboard.press("Alt+2")
    page.get_by_role("heading", name="KD011 knockdown in LineA").wait_for(timeout=60_000)


def test_the_page_explains_its_prediction(page, visit):
    visit("gene?gene=KD007&embedding=text%2Bsequence")
    page.get_by_text("trust: ").first.wait_for()
    page.get_by_role("tab", name="Why").click()
    for title in ("What the prediction for KD007 rests on", "KD007 beside what it rests on"):
        page.get_by_text(title).first.wait_for(timeout=60_000)
    assert page.get_by_text("sum to 100 %").count() == 1
    page.wait_for_url("**tab=Why**")


@pytest.mark.parametrize(("size", "screens"), [((1440, 900), 1), ((390, 844), 2)])
@pytest.mark.parametrize("gene", ["KD007", "KD043"])  # measured or not
def test_the_main_figure_is_in_sight_at_once(page, visit, size, screens, gene):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    visit(f"gene?gene={gene}")
    figure = page.locator(".js-plotly-plot").first
    figure.locator(".main-svg").first.wait_for()
    box = figure.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size[0]
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= screens * size[1]


def test_a_tab_opens_by_its_address(page, visit):
    visit("gene?gene=KD007&tab=All+genes")
    assert page.get_by_role("tab", name="All genes").get_attribute("aria-selected") == "true"
    page.get_by_text("KD007 knockdown: size and certainty").first.wait_for()
    page.locator(".js-plotly-plot").nth(2).wait_for()  # those above may still be drawn
    assert page.locator(".js-plotly-plot").count() == 3


def test_the_report_opens_offline(page, visit, browser, tmp_path):
    visit("gene?gene=KD007&tab=Other+lines")
    with page.expect_download() as download:
        page.get_by_role("button", name="Report (HTML)").click()
    file = tmp_path / "report.html"
    download.value.save_as(file)
    assert download.value.suggested_filename == "llmpert-KD007-knockdown-in-LineA.html"
    context = browser.new_context(offline=True)
    report = context.new_page()
    problems: list[str] = []
    report.on("pageerror", lambda error: problems.append(str(error)))
    report.on("requestfailed", lambda request: problems.append(request.url))
    report.goto(file.as_uri())
    report.get_by_role("heading", name="KD007 knockdown in LineA").wait_for()
    report.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length > 4")
    assert report.locator("figure").count() == 7  # two of the other line
    assert report.get_by_text("made for a test").count() == 1
    assert not problems
    context.close()
