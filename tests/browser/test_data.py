"""The Data page as people use it: their own files, and downloads from a server that breaks off."""

import pandas as pd
import pytest

from llmpert.datasets import BUILT_IN_DATA
from tests.browser.conftest import SIZE
from tests.support import small
from tests.support.chromium import DONE, follow
from tests.support.faulty_server import answers, cut

pytestmark = pytest.mark.browser


@pytest.fixture
def files(tmp_path):
    """A screen and an embedding as tables, and a file that is no screen."""
    screen, embedding = small.screen(), small.embedding(genes=38)
    frame = pd.DataFrame(screen.response, index=screen.perturbations, columns=screen.genes)
    frame.to_csv(tmp_path / "hepg2_screen.csv")
    pd.DataFrame(embedding.vectors, index=embedding.genes).to_csv(tmp_path / "model.csv")
    (tmp_path / "wrong.csv").write_text("gene,A,B\nKD1,high,1\n")
    return tmp_path


@pytest.fixture
def open_data(page, visit):
    """Open the page and wait until its last part is there."""

    def open_page() -> None:
        visit("data")
        page.get_by_text("Choose a screen to continue.").wait_for(timeout=60_000)
        page.wait_for_selector(DONE, timeout=60_000)
        # While scripts of tables arrive, the browser makes some controls anew; what a test does
        # with the old ones within that moment is lost.
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(500)

    return open_page


def upload(page, at: int, path) -> None:
    page.locator("input[type=file]").nth(at).set_input_files(path)
    page.wait_for_timeout(500)
    page.wait_for_selector(DONE, timeout=60_000)


def test_own_files_are_understood_used_and_seen_by_their_owner_alone(
    page, open_data, browser, files
):
    open_data()
    upload(page, 0, files / "hepg2_screen.csv")
    page.get_by_text("40 knockdowns × 30 measured genes.").wait_for(timeout=60_000)
    upload(page, 1, files / "model.csv")
    page.get_by_text("38 knockdowns have a vector in every embedding").wait_for(timeout=60_000)
    page.get_by_role("button", name="Use these data").click()
    page.get_by_text("All pages show your data now").wait_for(timeout=60_000)
    page.wait_for_url("**data=HEPG2.*")
    link = page.url
    name = link.partition("data=")[2]
    page.get_by_role("link", name="Look up a gene").click()
    page.get_by_role("heading", name="knockdown in HEPG2").wait_for(timeout=60_000)
    page.wait_for_selector(DONE, timeout=60_000)
    assert f"data={name}" in page.url
    page.reload()
    page.get_by_role("heading", name="knockdown in HEPG2").wait_for(timeout=60_000)

    def offered(path: str) -> tuple[str, list[str]]:
        """What a visitor from elsewhere is shown at an address, and offered."""
        context = browser.new_context()
        other = context.new_page()
        other.goto(path)
        other.get_by_text("Choose a screen to continue.").wait_for(timeout=60_000)
        other.wait_for_selector(DONE, timeout=60_000)
        other.locator(".st-key-controls").get_by_test_id("stPopoverButton").first.click()
        box = other.get_by_test_id("stSelectbox").filter(has_text="Data").locator("input")
        shown = box.input_value()
        box.click()
        options = [option.inner_text() for option in other.get_by_role("option").all()]
        context.close()
        return shown, options

    shown, options = offered(link.partition("?")[0])
    assert shown == "mine"
    assert options == ["mine", "named", *BUILT_IN_DATA]
    shown, options = offered(link)
    assert shown == name
    assert options == ["mine", "named", *BUILT_IN_DATA, name]


def test_a_wrong_file_is_told_in_a_sentence(page, open_data, files):
    open_data()
    upload(page, 0, files / "wrong.csv")
    page.get_by_text("wrong.csv: expected a number for every gene").wait_for(timeout=60_000)
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.get_by_role("button", name="Use these data").count() == 0


def begin(page, open_data, key: str) -> None:
    open_data()
    page.get_by_role("tab", name="Download public data").click()
    box = page.get_by_test_id("stMultiSelect").filter(has_text="Files to download")
    # The table above it is laid out when its tab is first seen, and pushes it down.
    page.wait_for_timeout(1000)
    box.locator("input").press_sequentially(key)
    page.get_by_role("option", name=key).click()
    page.keyboard.press("Escape")
    # The first click shows what would come; only the second one fetches it.
    page.get_by_text("To download: at most 3.0 MB").wait_for(timeout=60_000)
    page.get_by_text("3.0 MB; CC BY 4.0").wait_for()
    page.get_by_role("button", name="Download 3.0 MB").click()


def test_a_download_shows_progress_stops_and_goes_on(page, open_data, public_files):
    public_files.pause, before = 0.05, len(public_files.requests)
    open_data()
    assert len(public_files.requests) == before
    begin(page, open_data, "public")
    page.get_by_text("of 3.00MB").wait_for(timeout=60_000)
    # It goes on while its visitor is on another page.
    follow(page, "Evidence", "Table 1")
    page.get_by_role("heading", name="Table 1").wait_for(timeout=60_000)
    open_data()
    page.get_by_role("tab", name="Download public data").click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Stopped. Partial downloads are kept.").wait_for(timeout=60_000)
    sent = public_files.sent
    assert 0 < sent < SIZE
    public_files.pause = 0.0
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Done.", exact=True).wait_for(timeout=60_000)
    assert public_files.requests[-1][1]["Range"].startswith("bytes=")
    # What was on its way when it was stopped comes a second time, and no more.
    assert public_files.sent < SIZE + 1_500_000


def test_a_server_that_breaks_off_and_refuses_is_told(page, open_data, public_files):
    public_files.faults.extend([cut(100_000), answers(404)])
    begin(page, open_data, "other")
    page.get_by_text("the server refuses it (404").wait_for(timeout=60_000)
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Done.", exact=True).wait_for(timeout=60_000)
    assert page.locator('[data-testid="stException"]').count() == 0
