"""The app in a real browser, started as its users start it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import small

from llmpert import datasets

pytestmark = pytest.mark.browser
REPOSITORY = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
DONE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A running app on a small imported data set."""
    if CHROMIUM is None:
        pytest.skip("no Chromium was found")
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMPERT_HOME", str(home))
        datasets.add(
            "mine",
            [small.screen("LineA"), small.screen("LineB", seed=3)],
            [small.embedding("text"), small.embedding("sequence", seed=4)],
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
        cwd=REPOSITORY,
        env={**os.environ, "LLMPERT_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="module")
def browser(address):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    yield context.new_page()
    context.close()


def visit(page, url):
    page.goto(url)
    page.wait_for_selector("h1", timeout=60_000)
    page.wait_for_selector(DONE, timeout=120_000)


def test_a_link_into_a_server_just_started_opens_inside_the_app(page, address):
    # It has to come first: what it guards against is over once `app.py` has run.
    visit(page, f"{address}/model_classes?line=LineB")
    page.wait_for_function("document.title == 'Model classes · llmpert'", timeout=20_000)
    assert page.get_by_test_id("stSidebarNavLink").first.inner_text().strip().endswith("Start")
    page.get_by_text("Model classes by embedding: LineB").first.wait_for(timeout=60_000)


@pytest.mark.parametrize("path", ["", "gene", "learning_curves", "model_classes", "table"])
def test_every_page_shows_no_error(page, address, path):
    visit(page, f"{address}/{path}")
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.locator('[data-testid="stAlertContentError"]').count() == 0
    assert page.title().endswith("· llmpert")


def test_a_link_reopens_a_view(page, address):
    visit(page, f"{address}/gene?gene=KD007&line=LineB&embedding=text%2Bsequence&size=32")
    page.get_by_role("heading", name="KD007 knockdown in LineB").wait_for(timeout=60_000)
    assert (
        page.get_by_text("Gaussian process on text + sequence, 32 training perturbations").count()
        == 1
    )


def test_changing_the_line_changes_the_address(page, address):
    visit(page, f"{address}/model_classes")
    page.get_by_test_id("stSelectbox").filter(has_text="Cell line").locator("input").click()
    page.get_by_role("option", name="LineB").click()
    page.wait_for_url("**line=LineB**")
    page.wait_for_selector(DONE, timeout=120_000)
    page.get_by_text("Model classes by embedding: LineB").first.wait_for(timeout=60_000)


def test_the_figure_is_saved_as_a_vector_graphic(page, address):
    visit(page, f"{address}/learning_curves")
    chart = page.locator(".js-plotly-plot").first
    chart.wait_for(timeout=60_000)
    chart.hover()
    with page.expect_download() as download:
        page.locator('[data-title^="Download plot"]').first.click()
    text = Path(download.value.path()).read_text()
    assert text.startswith("<svg")
    assert "Accuracy on unseen knockdowns" in text
