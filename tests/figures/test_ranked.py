import numpy as np
import pandas as pd
import pytest

from llmpert.figures.prediction import ranked_genes, ranked_knockdowns, similar_knockdowns
from llmpert.insight.effects import HELD_OUT, NOT_MEASURED
from tests.support.one_prediction import MEASURED, prediction


def test_strongest_genes_stand_on_top_with_their_intervals():
    figure = ranked_genes(prediction(), MEASURED, "Δ z-score", 2)
    raised, lowered, measured = figure.data
    assert (list(raised.y), list(raised.x)) == (["C"], [1.0])
    assert (list(lowered.y), list(lowered.x)) == (["B"], [-2.0])
    assert list(figure.layout.yaxis.categoryarray) == ["B", "C"]  # drawn upwards
    np.testing.assert_allclose(raised.error_x.array, [2.85 * 0.25])
    np.testing.assert_allclose(lowered.error_x.array, [2.85 * 0.5])
    assert dict(zip(measured.y, measured.x, strict=True)) == {"C": 3.0, "B": -1.0}
    assert raised.marker.symbol != lowered.marker.symbol
    assert figure.layout.xaxis.title.text == "Δ z-score"


def test_without_measurement_or_deviation_nothing_is_invented():
    figure = ranked_genes(prediction(std=None), None, "Δ", 4)
    assert [trace.name for trace in figure.data] == ["Raised", "Lowered"]
    assert all(trace.error_x.array is None for trace in figure.data)


def test_genes_are_sorted_by_value_and_marked_where_most_knockdowns_change_them():
    usual = np.array([False, True, False, False])
    figure = ranked_genes(prediction(), None, "Δ", 4, usual=usual)
    assert list(figure.layout.yaxis.ticktext) == ["C", "A", "D", "B *"]
    assert "* most knockdowns change it alike" in figure.layout.title.text


def test_data_that_know_raised_genes_alone_show_no_lowered_ones():
    figure = ranked_genes(prediction(), None, "rank score", 2, raised_only=True)
    assert list(figure.layout.yaxis.ticktext) == ["C", "A"]


def test_similar_knockdowns_stand_beside_what_signs_like_these_reached():
    near = pd.DataFrame(
        {"perturbation": ["P", "Q"], "similarity": [0.9, 0.5], "accuracy": [0.7, np.nan]}
    )
    figure = similar_knockdowns(near, pd.Series([0.1, 0.2, 0.3, 0.4, np.nan]), 0.25)
    assert list(figure.layout.yaxis.categoryarray) == ["Q (0.50)", "P (0.90)"]
    assert list(figure.data[0].customdata) == ["P", "Q"]
    band, line = figure.layout.shapes
    assert (band.x0, band.x1) == pytest.approx((0.175, 0.325))
    assert line.x0 == line.x1 == 0.25
    assert not similar_knockdowns(near, pd.Series([np.nan]), np.nan).layout.shapes


def test_other_methods_have_markers_of_their_own():
    others = {"GEARS": np.array([9.0, 8.0, 7.0, 6.0]), "Other": np.array([1.0, 2.0, 3.0, 4.0])}
    figure = ranked_genes(prediction(), MEASURED, "Δ", 2, others=others)
    raised, lowered, measured, *drawn = figure.data
    assert {trace.name: list(trace.x) for trace in drawn} == {"GEARS": [7, 8], "Other": [3, 2]}
    assert all(list(trace.y) == ["C", "B"] for trace in drawn)
    for look in ("symbol", "color"):
        seen = [trace.marker[look] for trace in (raised, lowered, measured, *drawn)]
        assert len(set(seen)) == 5
    assert all(trace.error_x.array is None for trace in drawn)


ROWS = pd.DataFrame(
    {
        "perturbation": ["A", "B", "C"],
        "state": [HELD_OUT, NOT_MEASURED, HELD_OUT],
        "measured": [-2.0, np.nan, 0.5],
        "predicted": [-1.5, 1.0, np.nan],
        "low95": [-2.5, 0.25, np.nan],
        "high95": [-0.5, 1.75, np.nan],
    }
)


def test_measured_held_out_and_never_measured_are_told_apart():
    figure = ranked_knockdowns(ROWS, "Y", "K562", "Δ z-score", "predicted")
    held_out, never, measured = figure.data
    assert (list(held_out.y), list(held_out.x)) == (["A"], [-1.5])
    assert list(held_out.error_x.array) == [1.0]
    assert (list(never.y), list(never.x)) == (["B"], [1.0])
    assert dict(zip(measured.y, measured.x, strict=True)) == {"A": -2.0, "C": 0.5}
    symbols = [trace.marker.symbol for trace in figure.data]
    assert len(set(symbols)) == 3
    assert len({trace.marker.color for trace in figure.data}) == 3  # B raises, A lowers
    assert all(list(trace.customdata) == list(trace.y) for trace in figure.data)
    # The one that raises most on top; what has no prediction at the foot.
    assert list(figure.layout.yaxis.categoryarray) == ["C", "A", "B"]  # drawn upwards
    assert figure.layout.xaxis.title.text == "Y: Δ z-score"
    title = figure.layout.title.text
    assert title.startswith("What changes Y most in K562")
    assert "3 knockdowns, by predicted effect" in title
    assert "alike" not in title
    figure = ranked_knockdowns(ROWS, "Y", "K562", "Δ z-score", "predicted", usual=True)
    assert "most knockdowns change Y alike" in figure.layout.title.text.replace("<br>", " ")


def test_knockdowns_are_said_to_raise_where_nothing_else_is_known():
    figure = ranked_knockdowns(ROWS, "Y", "K562", "rank score", "predicted", raised_only=True)
    assert figure.layout.title.text.startswith("What raises Y most")


def test_without_predictions_only_measurements_are_drawn():
    part = ROWS.iloc[[2]]
    figure = ranked_knockdowns(part, "Y", "K562", "Δ", "measured")
    assert [trace.name for trace in figure.data] == ["Measured"]


def test_only_predictions_with_intervals_promise_them():
    with_, without = (
        ranked_knockdowns(rows, "Y", "K562", "Δ", "predicted").data[0]
        for rows in (ROWS, ROWS.assign(low95=np.nan, high95=np.nan))
    )
    assert with_.name == "Lowers it (95 % interval)"
    assert without.name == "Lowers it"
    assert without.error_x.array is None
