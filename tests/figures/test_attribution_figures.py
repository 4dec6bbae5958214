import numpy as np
import pandas as pd
import pytest

from llmpert.figures.prediction import attribution_bars, response_heatmap
from llmpert.figures.theme import DIVERGING
from llmpert.insight.attribution import Attribution

NAMES = ["A", "B", "C", "D"]
SHARES = pd.DataFrame(
    {"text": [0.5, -0.2, 0.1, 0.1], "sequence": [0.1, 0.0, 0.3, 0.0],
     "text+sequence": [0.0, 0.0, 0.1, 0.0]},
    index=NAMES,
)  # fmt: skip


def attribution(shares: pd.DataFrame = SHARES) -> Attribution:
    return Attribution("X", shares, pd.Series([0.9, 0.1, 0.8, 0.2], index=NAMES))


def test_bars_are_shares_in_percent_stacked_by_source():
    figure = attribution_bars(attribution(), 2)
    assert [bar.name for bar in figure.data] == [
        "text", "sequence", "text + sequence (near in all at once)",
    ]  # fmt: skip
    for bar, source in zip(figure.data, SHARES, strict=True):
        assert list(bar.y) == ["A", "C", "all others (2)"]
        rest = SHARES.loc[["B", "D"], source].sum()
        expected = [*SHARES.loc[["A", "C"], source], rest]
        np.testing.assert_allclose(bar.x, np.multiply(100, expected))
    assert sum(sum(bar.x) for bar in figure.data) == pytest.approx(100)
    assert figure.layout.barmode == "relative"
    assert "%" in figure.layout.xaxis.title.text
    assert len({bar.marker.pattern.shape for bar in figure.data}) == 3  # not by colour alone
    assert "similarity 0.90" in figure.data[0].customdata[0]


def test_the_strongest_stand_on_top_and_nothing_is_left_over():
    figure = attribution_bars(attribution(SHARES[["text"]]), 10)
    assert list(figure.data[0].y) == ["A", "B", "C", "D"]  # by absolute share
    assert list(figure.layout.yaxis.categoryarray) == ["D", "C", "B", "A"]  # drawn upwards


ROWS = pd.DataFrame(
    [[1.0, -2.0], [0.5, 100.0]], index=["X, predicted", "A (+40 %)"], columns=["G1", "G2"]
)


def test_the_heatmap_shows_every_row_around_zero():
    figure = response_heatmap(ROWS, "X beside what it rests on", "Δ z-score")
    (heatmap,) = figure.data
    np.testing.assert_array_equal(heatmap.z, ROWS)
    assert list(heatmap.x) == ["G1", "G2"]
    assert list(heatmap.y) == ["X, predicted", "A (+40 %)"]
    assert figure.layout.yaxis.autorange == "reversed"  # the first row on top
    assert heatmap.zmid == 0
    assert heatmap.zmin == -heatmap.zmax
    assert heatmap.zmax < 100  # one extreme value does not pale the others
    assert [color for _, color in heatmap.colorscale] == list(DIVERGING)
    assert figure.layout.xaxis.title.text == "Colour:<br>Δ z-score"


def test_the_heatmap_of_raised_genes_alone_begins_at_zero():
    (heatmap,) = response_heatmap(
        ROWS, "X beside what it rests on", "rank score", raised_only=True
    ).data
    assert heatmap.zmin == 0
    assert [color for _, color in heatmap.colorscale] == list(DIVERGING[2:])  # white to orange


def test_responses_of_nothing_but_zeros_have_a_scale():
    (heatmap,) = response_heatmap(0 * ROWS, "X", "Δ").data
    assert (heatmap.zmin, heatmap.zmax) == (-1, 1)
