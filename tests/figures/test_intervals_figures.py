"""Figures of intervals draw the numbers they are given, in few marks."""

import numpy as np
import pandas as pd
import pytest

from llmpert.figures import intervals as figures
from llmpert.figures.theme import GREY
from llmpert.insight import intervals
from llmpert.insight.intervals import ANY, BEST
from tests.insight.test_intervals import outcomes


def marks(figure) -> int:
    return sum(len(trace.x) for trace in figure.data)


def test_groups_known_beforehand_are_told_from_others():
    found = intervals.coverage(outcomes())
    figure = figures.held_by_group(found, "LineA")
    before, later = figure.data
    assert len(before.x) + len(later.x) == len(found)
    assert all(name.startswith(("effect size", "measured")) for name in later.y)
    np.testing.assert_allclose([*before.x, *later.x], 80)
    # From top to bottom as in the table; Plotly lists categories from the bottom.
    assert figure.layout.yaxis.categoryarray[-1] == "all measurements"


def test_curves_are_those_of_the_signs_and_the_best_does_not_set_the_scale():
    made = outcomes()
    curves = intervals.risk_coverage(made["accuracy"], intervals.certainty(made))
    figure = figures.most_certain(curves, "LineA")
    assert [trace.name for trace in figure.data] == list(curves["sign"].unique())
    for trace in figure.data:
        expected = curves.loc[curves["sign"] == trace.name, "accuracy"]
        np.testing.assert_allclose(trace.y, expected)
    signs = curves.loc[curves["sign"] != BEST, "accuracy"]
    low, high = figure.layout.yaxis.range
    assert low < signs.min() <= signs.max() < high
    grey = {trace.name: trace.line.dash for trace in figure.data if trace.line.color == GREY}
    assert set(grey) == {ANY, BEST}
    assert grey[ANY] != grey[BEST]


def test_all_of_a_page_are_fewer_than_800_marks():
    made = outcomes()
    drawn = [
        figures.held_by_group(intervals.coverage(made), "LineA"),
        figures.most_certain(
            intervals.risk_coverage(made["accuracy"], intervals.certainty(made)), "LineA"
        ),
        figures.pit(intervals.histogram(made), "LineA"),
        figures.errors_of_kept(intervals.errors_of_kept_genes(made), "LineA", "Δ z"),
    ]
    assert sum(map(marks, drawn)) < 800


def test_a_level_histogram_is_drawn_level():
    (bars,) = figures.pit(intervals.histogram(outcomes()), "LineA").data
    np.testing.assert_allclose(bars.y, 1)
    assert sum(bars.width) == pytest.approx(1)
    errors = pd.DataFrame({"kept": [0.5, 1.0], "error": [0.1, 0.3]})
    (line,) = figures.errors_of_kept(errors, "LineA", "Δ z").data
    assert [*line.x] == [50, 100]
    assert [*line.y] == [0.1, 0.3]
