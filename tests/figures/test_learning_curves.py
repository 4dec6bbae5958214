import itertools

import numpy as np
import pandas as pd
import pytest

from llmpert.evaluation.metrics import registry
from llmpert.figures.learning_curves import learning_curves

METRICS = list(registry().values())
PAIRS = [("mean", "none"), ("gp", "text"), ("gp", "text+sequence")]


def summary(ci95: float = 0.01) -> pd.DataFrame:
    rows = itertools.product(["A", "B"], PAIRS, [400, 100], METRICS)
    return pd.DataFrame(
        [
            {
                "line": line, "embedding": embedding, "model": model, "train_size": size,
                "metric": metric.name, "mean": size / 1000 + 0.1 * at, "se": ci95 / 1.96,
                "ci95": ci95, "folds": 5, "perturbations": 10, "undefined": 0,
            }
            for at, (line, (model, embedding), size, metric) in enumerate(rows)
        ]
    )  # fmt: skip


def curves(figure):
    return [trace for trace in figure.data if trace.mode == "lines+markers"]


def test_a_curve_for_each_line_metric_and_model():
    table = summary()
    figure = learning_curves(table, ["A", "B"], METRICS, PAIRS[:2], simulated=False)
    assert len(curves(figure)) == 2 * len(METRICS) * len(PAIRS)
    chosen = table.query("line == 'B' and metric == 'mae_all' and embedding == 'text'")
    expected = chosen.sort_values("train_size")["mean"].tolist()
    panel = [c for c in curves(figure) if c.xaxis == "x8" and c.name == "Gaussian process, text"]
    assert [list(c.y) for c in panel] == [expected]
    assert list(panel[0].x) == [100, 400]


def test_bands_span_the_interval():
    figure = learning_curves(summary(0.05), ["A"], METRICS[:1], PAIRS, simulated=False)
    curve = curves(figure)[0]
    band = next(t for t in figure.data if t.name == f"{curve.name} band")
    np.testing.assert_allclose(band.y[:2], np.array(curve.y) + 0.05)
    np.testing.assert_allclose(band.y[2:], np.array(curve.y)[::-1] - 0.05)


def test_a_single_fold_has_a_curve_without_band():
    figure = learning_curves(summary(np.nan), ["A"], METRICS[:1], PAIRS, simulated=False)
    assert all(len(t.x) == 0 for t in figure.data if t.name.endswith("band"))
    assert all(len(t.x) == 2 for t in curves(figure))


def test_legend_names_each_curve_once_and_hides_what_is_not_asked_for():
    figure = learning_curves(summary(), ["A", "B"], METRICS, PAIRS[:2], simulated=False)
    named = [c.name for c in curves(figure) if c.showlegend]
    assert sorted(named) == [
        "Gaussian process, text",
        "Gaussian process, text + sequence",
        "Non-control mean",
    ]
    hidden = {c.name for c in curves(figure) if c.visible == "legendonly"}
    assert hidden == {"Gaussian process, text + sequence"}


@pytest.mark.parametrize("simulated", [True, False])
def test_says_simulated_only_where_it_is(simulated):
    figure = learning_curves(summary(), ["A"], METRICS, PAIRS, simulated=simulated)
    assert ("SIMULATED DATA" in figure.to_json()) == simulated


def test_curves_differ_in_more_than_colour():
    figure = learning_curves(summary(), ["A"], METRICS[:1], PAIRS, simulated=False)
    looks = {(c.line.dash, c.marker.symbol) for c in curves(figure)}
    assert len(looks) == len(PAIRS)
