"""Which browser drives the app, and how to read what it shows."""

import shutil

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    # Nobody watches: drawing what moves is a tenth of all that Chromium does.
    "--animation-duration-scale=0", "--disable-threaded-animation",
]  # fmt: skip
DONE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def worth(message) -> bool:
    """Whether something said on the console is about the app.

    Streamlit looks for its own server below the page's path first.
    """
    return message.type == "error" and "/_stcore/" not in message.location["url"]


def follow(page, section: str, name: str) -> None:
    """Go to a page by the navigation."""
    page.get_by_test_id("stTopNavSection").get_by_text(section).click()
    page.get_by_test_id("stTopNavDropdownLink").get_by_text(name).click()
