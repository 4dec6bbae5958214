import numpy as np
import pandas as pd

from llmpert.figures.neighbourhood import neighbourhood
from llmpert.figures.theme import DIVERGING

ROWS = pd.DataFrame(
    [[1.0, -2.0], [0.5, 100.0]], index=["X, predicted", "A (+40 %)"], columns=["G1", "G2"]
)


def test_the_heatmap_shows_every_row_around_zero():
    figure = neighbourhood(ROWS, "X", "Δ z-score")
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


def test_responses_of_nothing_but_zeros_have_a_scale():
    (heatmap,) = neighbourhood(0 * ROWS, "X", "Δ").data
    assert (heatmap.zmin, heatmap.zmax) == (-1, 1)
