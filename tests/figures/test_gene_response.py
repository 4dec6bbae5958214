import numpy as np
import pytest

from llmpert.evaluation.prediction import Prediction
from llmpert.figures.gene_response import predicted_against_measured, ranked_genes
from llmpert.models.intervals import LEVELS, Intervals

GENES = np.array(["A", "B", "C", "D"], dtype=object)
MEAN = np.array([[0.1, -2.0, 1.0, 0.0]], dtype=np.float32)
STD = np.array([[0.5, 0.5, 0.25, 0.5]], dtype=np.float32)
MEASURED = np.array([0.2, -1.0, 3.0, 0.1])


INTERVALS = Intervals(np.linspace(0.03, 2.97, len(LEVELS)))


def prediction(std=STD):
    return Prediction(np.array(["X"], dtype=object), GENES, MEAN, std, INTERVALS)


def test_strongest_genes_stand_on_top_with_their_intervals():
    figure = ranked_genes(prediction(), MEASURED, "Δ z-score", 2)
    predicted, measured = figure.data
    assert list(predicted.y) == ["C", "B"]  # a category axis is drawn upwards
    np.testing.assert_allclose(predicted.x, [1.0, -2.0])
    np.testing.assert_allclose(predicted.error_x.array, [2.85 * 0.25, 2.85 * 0.5])
    np.testing.assert_allclose(measured.x, [3.0, -1.0])
    assert figure.layout.xaxis.title.text == "Δ z-score"


def test_without_measurement_or_deviation_nothing_is_invented():
    figure = ranked_genes(prediction(std=None), None, "Δ", 4)
    assert len(figure.data) == 1
    assert figure.data[0].error_x.array is None


@pytest.mark.parametrize(
    ("correlation", "said"), [(0.5, "r = 0.50"), (float("nan"), "correlation not defined")]
)
def test_scatter_shows_every_gene_once(correlation, said):
    figure = predicted_against_measured(prediction(), MEASURED, np.array([2, 1]), "Δ", correlation)
    others, top, _ = figure.data
    assert sorted([*others.text, *top.text]) == ["A", "B", "C", "D"]
    assert set(top.text) == {"B", "C"}
    assert dict(zip(top.text, top.y, strict=True)) == {"B": -1.0, "C": 3.0}
    assert dict(zip(top.text, top.customdata, strict=True)) == {"B": -1.0, "C": -2.0}  # errors
    assert said in figure.layout.title.text


def test_other_methods_have_markers_of_their_own():
    others = {"GEARS": np.array([9.0, 8.0, 7.0, 6.0]), "Other": np.array([1.0, 2.0, 3.0, 4.0])}
    figure = ranked_genes(prediction(), MEASURED, "Δ", 2, others=others)
    predicted, measured, *drawn = figure.data
    assert {trace.name: list(trace.x) for trace in drawn} == {"GEARS": [7, 8], "Other": [3, 2]}
    assert all(list(trace.y) == ["C", "B"] for trace in drawn)
    for look in ("symbol", "color"):
        seen = [trace.marker[look] for trace in (predicted, measured, *drawn)]
        assert len(set(seen)) == 4
    assert all(trace.error_x.array is None for trace in drawn)
