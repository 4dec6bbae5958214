import numpy as np
import pytest

from llmpert.evaluation.prediction import Prediction
from llmpert.figures.prediction import predicted_against_measured, volcano
from tests.support.one_prediction import INTERVALS, MEASURED, prediction


@pytest.mark.parametrize(
    ("correlation", "said"), [(0.5, "r = 0.50"), (float("nan"), "r not defined")]
)
def test_scatter_shows_every_gene_once(correlation, said):
    figure = predicted_against_measured(prediction(), MEASURED, np.array([2, 1]), "Δ", correlation)
    others, top, _ = figure.data
    assert sorted([*others.text, *top.text]) == ["A", "B", "C", "D"]
    assert set(top.text) == {"B", "C"}
    assert dict(zip(top.text, top.y, strict=True)) == {"B": -1.0, "C": 3.0}
    assert dict(zip(top.text, top.customdata, strict=True)) == {"B": -1.0, "C": -2.0}  # errors
    assert said in figure.layout.title.text


def test_many_genes_are_summarised_without_losing_one():
    rng = np.random.default_rng(0)
    genes = np.array([f"G{i}" for i in range(600)], dtype=object)
    mean = rng.normal(size=(1, 600)).astype(np.float32)
    many = Prediction(np.array(["X"], dtype=object), genes, mean, None)
    measured, top = rng.normal(size=600), np.arange(20)
    density, dots, _ = predicted_against_measured(many, measured, top, "Δ", 0.1, every=False).data
    assert np.nansum(density.customdata) == 580
    assert list(dots.text) == list(genes[:20])
    # Shades lie where the genes are.
    weights = np.nan_to_num(density.customdata)
    assert np.average(density.x, weights=weights.sum(axis=0)) == pytest.approx(
        mean[0, 20:].mean(), abs=0.06
    )
    others, *_ = predicted_against_measured(many, measured, top, "Δ", 0.1).data
    assert len(others.text) == 580


FIVE_MEAN = np.array([[0.1, -2.0, 1.0, 0.0, 0.0]], dtype=np.float32)
FIVE_STD = np.array([[0.5, 0.5, 0.25, 0.5, 0.0]], dtype=np.float32)


def five(std=FIVE_STD):
    genes = np.array(list("ABCDE"), dtype=object)
    return Prediction(np.array(["X"], dtype=object), genes, FIVE_MEAN, std, np.zeros(1), INTERVALS)


def genes(trace) -> list[str]:
    """Those of a volcano's dots: what a selected dot tells first."""
    return [gene for gene, *_ in trace.customdata]


def test_every_gene_is_drawn_once_by_size_and_certainty():
    figure = volcano(five(), None, "Δ z-score")
    unsure, lowered, raised, names = figure.data
    assert sorted(genes(unsure)) == ["A", "D", "E"]
    assert genes(lowered) == ["B"]
    assert genes(raised) == ["C"]
    assert (lowered.x[0], lowered.y[0]) == (-2.0, 4.0)
    assert (raised.x[0], raised.y[0]) == (1.0, 4.0)
    assert dict(zip(genes(unsure), unsure.y, strict=True))["E"] == 0  # no deviation, no response
    # Genes that stand out differ by shape as well as by colour; those that respond are named.
    assert lowered.marker.symbol != raised.marker.symbol
    assert set(names.text) == {"A", "B", "C"}
    assert figure.layout.xaxis.title.text == "Predicted<br>(Δ z-score)"


def test_of_raised_genes_alone_no_other_stands_out():
    figure = volcano(five(), None, "rank score", raised_only=True)
    others, raised, names = figure.data
    assert sorted(genes(others)) == ["A", "B", "D", "E"]
    assert genes(raised) == ["C"]
    # What is below 0 lies below the axis, and is not named.
    assert dict(zip(genes(others), others.y, strict=True))["B"] == -4
    assert set(names.text) == {"A", "C"}


def test_the_measurement_is_told_where_there_is_one():
    figure = volcano(five(), np.arange(5.0), "Δ")
    trace = next(trace for trace in figure.data if "Raised" in trace.name)
    assert list(trace.customdata[0]) == ["C", 4.0, 2.0]
    assert "measured" in trace.hovertemplate


def test_without_deviations_there_is_no_volcano():
    with pytest.raises(ValueError, match="standard deviations"):
        volcano(five(std=None), None, "Δ")


def test_names_do_not_cover_each_other():
    many = Prediction(
        np.array(["X"], dtype=object), np.array(list("ABCD"), dtype=object),
        np.array([[1.0, 0.99, -1.0, 0.5]]), np.array([[0.1, 0.1, 0.1, 0.2]]), np.zeros(1),
        INTERVALS,
    )  # fmt: skip
    names = volcano(many, None, "Δ").data[-1]
    assert list(names.text) == ["A", "C", "D"]
