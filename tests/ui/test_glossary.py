"""Words on hover: those of the documentation, wherever a page uses them."""

import re
from pathlib import Path

import pytest

from llmpert.ui.common.glossary import TERMS, on_hover

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "glossary.md"


def test_words_mean_what_the_documentation_says():
    row = re.compile(r"^\| ([^|]+?) \| ([^|]+?) \|", re.MULTILINE)
    documented = dict(row.findall(DOCUMENT.read_text("utf-8")))
    assert {term: documented.get(term) for term in TERMS} == TERMS


@pytest.mark.parametrize(
    ("words", "terms"),
    [
        ("Predicted from held-out knockdowns.", ["held out", "knockdown"]),
        ("▲ High trust: median r = 0.33", ["trust, reliability", "r"]),
        ("The GPs' 95 % intervals", ["Gaussian process (GP)", "interval"]),
        ("Leave-one-out responses", ["leave-one-out", "response, delta (Δ)"]),
        ("trained models", ["trained model"]),
    ],
)
def test_each_term_is_told_once_in_the_order_of_use(words, terms):
    told = on_hover(f"{words} {words}")
    assert re.findall(r"\*\*(.+?)\*\*: ", told) == terms


@pytest.mark.parametrize("words", ["", "Nothing here", "thrust assignments strengthen"])
def test_other_words_are_not_taken_for_terms(words):
    assert on_hover(words) is None
