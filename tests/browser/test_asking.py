"""Plans, searches and leaving out, as people use them: in a real browser."""

from urllib.parse import urlencode

import pandas as pd
import pytest

from llmpert.datasets import RANKS
from tests.support.chromium import DONE

pytestmark = pytest.mark.browser


def test_a_plan_is_exported_as_a_library_for_guides(page, visit):
    visit("design?budget=3")
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name="Library (CSV)").click()
    table = pd.read_csv(download.value.path())
    guides = ["guide_1", "guide_2", "guide_3"]
    assert list(table.columns) == ["gene", "ensembl_id", "rank", "gain", *guides]
    assert table["rank"].tolist() == [1, 2, 3]
    # These have a vector and were not knocked down.
    assert set(table["gene"]) < {f"KD{number:03d}" for number in range(40, 45)}


def test_a_hit_of_a_pasted_list_opens_beside_it(page, visit):
    visit("find?by=genes")
    page.get_by_role("textbox", name="Raised genes").fill("OUT001,OUT002\nOUT003\tNOSUCH")
    page.keyboard.press("Control+Enter")
    page.get_by_text("1 unknown: NOSUCH").wait_for(timeout=60_000)
    page.wait_for_selector(DONE, timeout=60_000)
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    box = table.locator("canvas").first.bounding_box()
    page.mouse.click(box["x"] + 75, box["y"] + 52)
    page.wait_for_url("**opened=KD**")
    page.get_by_role("dialog").get_by_text("10 strongest genes").wait_for(timeout=60_000)
    assert page.url.split("?")[0].endswith("/find")


def test_a_complex_is_left_out_of_a_prediction(page, visit):
    where = {"data": RANKS, "gene": "RPL11", "tab": "Why"}
    visit(f"gene?{urlencode(where)}")
    page.get_by_text("RPL11 knockdown without 10 others").wait_for(timeout=60_000)
    moved = page.get_by_text("Without them the prediction moves by")
    by_nearest = moved.text_content()
    page.get_by_role("radio", name="A gene set").click()
    page.get_by_text("RPL11 knockdown without 86 others").wait_for(timeout=60_000)
    page.wait_for_selector(DONE, timeout=60_000)
    assert moved.text_content() != by_nearest
