"""The documentation in the app, and the links from pages to what explains them."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from llmpert.ui.common.more import MORE
from llmpert.ui.documentation import TOPICS, section, text
from tests.support import small
from tests.test_docs import anchors

REPOSITORY = Path(__file__).resolve().parents[2]
APP = str(REPOSITORY / "app.py")
DOCS = REPOSITORY / "docs"


def test_every_page_but_this_one_leads_to_what_explains_it():
    pages = {path.stem for path in (REPOSITORY / "pages").glob("*.py")}
    assert {page or "start" for page in MORE} == pages - {"documentation"}
    for target in MORE.values():
        topic, _, heading = target.partition("#")
        assert topic in TOPICS
        assert not heading or heading in anchors(DOCS / f"{topic}.md")


def test_every_file_is_a_topic_without_what_only_the_site_follows():
    assert {path.stem for path in DOCS.glob("*.md")} == {*TOPICS, "index"}
    for topic in TOPICS:
        title, shown = text(topic)
        assert title
        assert not [part for part in ("```{", "<!--", "![", ".md)", ".md#") if part in shown]


@pytest.fixture
def mine() -> None:
    small.share(
        "mine", [small.screen("LineA")], [small.embedding("text"), small.embedding("other")]
    )


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params.update({"data": "mine", **query})
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    assert not app.error
    return app


@pytest.mark.parametrize(("asked", "shown"), [("methods", "methods"), ("nonsense", TOPICS[0])])
def test_a_topic_is_opened_by_its_address(mine, asked, shown):
    app = opened("documentation", topic=asked)
    assert text(shown)[1].strip() in [markdown.value for markdown in app.markdown]
    app.selectbox(key="topic").select("faq").run()
    assert text("faq")[1].strip() in [markdown.value for markdown in app.markdown]
    assert app.query_params["topic"] == "faq"


def test_head_to_head_shows_how_predictions_come_in(mine):
    found = section("other-methods", "Bring a method's predictions in")
    assert "trained_on" in found
    assert "## GEARS" not in found
    app = opened("head_to_head")
    assert found in [markdown.value for markdown in app.markdown]
    question = next(m for m in app.markdown if "one dot each" in m.value)
    assert "(documentation?topic=other-methods#" in question.help
