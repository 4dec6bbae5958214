"""A screen's responses at a glance."""

import numpy as np

from llmpert.datasets.reading import histogram
from llmpert.figures.screen import response_sizes
from tests.support import small


def test_bars_stand_for_shares_of_all_values():
    table = histogram(small.screen(), bins=10)
    figure = response_sizes(table, "LineA", "Δ z-score")
    (bars,) = figure.data
    np.testing.assert_allclose(bars.y, 100 * table["share"])
    np.testing.assert_allclose(np.asarray(bars.x) - np.asarray(bars.width) / 2, table["from"])
    assert figure.layout.xaxis.title.text == "Δ z-score"
