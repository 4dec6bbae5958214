"""Words from elsewhere show as they are."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from llmpert.ui.common.verbatim import LONGEST, verbatim

special = st.text(st.characters() | st.sampled_from("*_`[]()!<>#$~|\\:&-+.\n\t "))


def rendered(text: str) -> str:
    """As a CommonMark renderer with tables shows it; every tag but the paragraph's is left in."""
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    return html.unescape(page.strip().removeprefix("<p>").removesuffix("</p>"))


@given(special)
def test_it_reads_as_it_was_on_one_line(text):
    words = " ".join(text.split())[:LONGEST]
    expected = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in words)
    assert rendered(verbatim(text)).removesuffix("…") == expected


@pytest.mark.parametrize(
    "text",
    ["![b](https://evil.example/b.png)", "a\n# b", "a\n\n- b", "<script>", "**b**", "`c`", "&amp;"],
)
def test_markdown_in_it_means_nothing(text):
    assert not re.search("<(?!p>|/p>)", MarkdownIt("commonmark").render(verbatim(text)))


def test_long_text_is_cut():
    assert len(verbatim("a" * 10**6)) == LONGEST + 1
