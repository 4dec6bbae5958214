"""The documentation beside the pages: the files of `docs/`, which need no network."""

import re
from functools import cache

import streamlit as st

from llmpert.io.paths import app_folder
from llmpert.ui.common.selection import choose_dataset

WIDTH = 900
"""Pixels of a page of text: longer lines are hard to follow."""

TOPICS = (
    "app", "faq", "data", "recipes", "methods", "other-methods", "benchmarks", "sharp-bits",
    "troubleshooting", "glossary", "command-line", "python", "serving", "security",
    "contributing", "architecture",
)  # fmt: skip
"""Files of `docs/`, in the order in which they are offered."""

# Directives that only the built site follows, pictures, and the marks of who writes what.
_LEFT_OUT = re.compile(r"^```\{.*?^```\n|^!\[[^\n]*\n|^<!-- [^\n]* -->\n", re.MULTILINE | re.DOTALL)
# Streamlit's colours of code are not legible for everybody in the dark.
_LANGUAGE = re.compile(r"^```\w+$", re.MULTILINE)
_TITLE = re.compile(r"^# (.+)\n+")
# Most are notebooks, which a clone has.
_TUTORIAL = re.compile(r"\[([^\]]+)\]\(tutorials/[^)]*\)")
_LINK = re.compile(r"\]\(([\w-]+)\.md(#[\w-]+)?\)")


@cache
def text(topic: str) -> tuple[str, str]:
    """Return a topic's title and its text in Markdown, with links that lead to this page."""
    whole = (app_folder() / "docs" / f"{topic}.md").read_text("utf-8")
    title, rest = _TITLE.match(whole), _TITLE.sub("", whole, count=1)
    for pattern, instead in (
        (_LEFT_OUT, ""),
        (_LANGUAGE, "```"),
        (_TUTORIAL, r"\1"),
        (_LINK, r"](documentation?topic=\1\2)"),
    ):
        rest = pattern.sub(instead, rest)
    return title[1] if title else topic, rest


def section(topic: str, title: str) -> str:
    """Return the section of a topic below a heading of the second level."""
    _, _, after = text(topic)[1].partition(f"\n## {title}\n")
    return after.partition("\n## ")[0].strip()


def show_documentation() -> None:
    """Show one topic, which can be chosen."""
    choose_dataset("Documentation")
    asked = st.query_params.get("topic", "")
    st.session_state.setdefault("topic", asked if asked in TOPICS else TOPICS[0])
    with st.container(width=WIDTH):
        # Bound to the address, it would put titles there, which links need not know.
        topic = st.selectbox(
            "Topic", TOPICS, key="topic", format_func=lambda one: text(one)[0], width=300
        )
        st.query_params["topic"] = topic
        st.markdown(text(topic)[1])
