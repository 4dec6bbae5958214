"""The answer in a sentence: by hand on small predictions."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from llmpert.evaluation.prediction import Prediction
from llmpert.genes.sets import GeneSets
from llmpert.insight.answer import answer, changed_alike
from llmpert.models.distribution import WIDTH_LEVELS, Distribution

GENES = np.array([f"G{i:03d}" for i in range(200)], dtype=object)
INTERVALS = Distribution.of_widths(np.linspace(0.03, 2.97, len(WIDTH_LEVELS)))
SETS = GeneSets(
    "toy",
    "made",
    {
        "up": frozenset(GENES[:10]),
        "also up": frozenset(GENES[:8]),
        "down": frozenset(GENES[-10:]),
        "all over": frozenset(GENES[::20]),
    },
)
NEAR = pd.DataFrame({"perturbation": ["P", "Q", "R"], "similarity": [0.9, 0.6, 0.2]})


def falling(top: float = 2.0, std: float = 0.1) -> Prediction:
    """Genes from the most raised to the most lowered."""
    mean = np.linspace(top, -top, len(GENES), dtype=np.float32)[None]
    sd = np.full_like(mean, std)
    return Prediction(np.array(["X"], dtype=object), GENES, mean, sd, np.zeros(1), INTERVALS)


def test_both_directions_the_strongest_and_the_likes_are_named():
    assert answer(falling(), NEAR, SETS).sentence() == (
        "Raises up (2 gene sets) and lowers down (1 gene set). Strongest: G000 ↑, G199 ↓, G001 ↑."
        " Most like P and Q."
    )


def test_names_can_be_marked_up():
    words = answer(falling(), NEAR, SETS).sentence(lambda name: f"<{name}>")
    assert "<up> (2 gene sets)" in words
    assert "<G000> ↑" in words
    assert "Most like <P> and <Q>." in words


def test_data_that_know_raised_genes_alone_say_nothing_of_lowered_ones():
    found = answer(falling(), NEAR, SETS, raised_only=True)
    assert found.lowered is None
    assert all(up for _, up in found.strongest)
    assert "lower" not in found.sentence()
    assert "↓" not in found.sentence()


def test_a_difference_to_the_mean_knows_both_directions_all_the_same():
    found = answer(falling(), NEAR, SETS, raised_only=True, relative=True)
    assert found.sentence().startswith(
        "Compared with the mean response: up (2 gene sets) above and down (1 gene set) below."
    )


def test_what_most_knockdowns_change_is_no_news():
    usual = np.isin(GENES, ["G000", "G199"])
    found = answer(falling(), NEAR, SETS, usual)
    assert [gene for gene, _ in found.strongest] == ["G001", "G198", "G002"]
    assert "(beside G000 and 1 more that most knockdowns change alike)" in found.sentence()
    every = answer(falling(), NEAR, SETS, np.ones(len(GENES), bool))
    assert not every.strongest
    assert (
        "The strongest are genes that most knockdowns change alike: G000 and 19 more."
        in every.sentence()
    )
    assert answer(falling(), NEAR, SETS, usual, relative=True).strongest[0] == ("G000", True)


def test_it_says_where_nothing_stands_out():
    lonely = NEAR.assign(similarity=[0.3, 0.2, 0.1])
    scattered = GeneSets("toy", "made", {"all over": frozenset(GENES[::20])})
    words = answer(falling(std=1.0), lonely, scattered).sentence()
    assert words == (
        "No gene set stands out. Strongest: G000 ↑, G199 ↓, G001 ↑; every 95 % interval includes no"
        " change. Unlike every measured knockdown (nearest: P, similarity 0.30)."
    )
    flat = answer(falling(top=0.0), NEAR, SETS)
    assert flat.sentence() == "No gene is predicted to differ from control."


def test_without_gene_sets_and_likes_the_genes_remain():
    words = answer(falling(), NEAR.head(0)).sentence()
    assert words == "Strongest: G000 ↑, G199 ↓, G001 ↑."


@given(arrays(np.float64, (7, 4), elements=st.floats(-100, 100, width=16)))
def test_changed_alike_is_the_mean_beyond_the_deviation(response):
    expected = [abs(np.mean(column)) > np.std(column) for column in response.T]
    assert changed_alike(response).tolist() == expected


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_knockdowns_have_nothing_in_common(rows):
    assert not changed_alike(np.ones((rows, 3))).any()
