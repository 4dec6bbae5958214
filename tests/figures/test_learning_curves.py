import itertools

import numpy as np
import pandas as pd

from llmpert.evaluation.scores import paper
from llmpert.figures.evaluation import learning_curves

METRICS = list(paper().values())
PAIRS = [("mean", "none"), ("gp", "text"), ("gp", "text+sequence")]
MODELS = ["mean", "gp"]


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
    figure = learning_curves(table, ["A", "B"], METRICS, MODELS)
    assert len(curves(figure)) == 2 * len(METRICS) * len(PAIRS)
    chosen = table.query("line == 'B' and metric == 'mae_all' and embedding == 'text'")
    expected = chosen.sort_values("train_size")["mean"].tolist()
    panel = [c for c in curves(figure) if c.xaxis == "x8" and c.name == "Gaussian process, text"]
    assert [list(c.y) for c in panel] == [expected]
    assert list(panel[0].x) == [100, 400]


def test_bands_span_the_interval():
    figure = learning_curves(summary(0.05), ["A"], METRICS[:1], MODELS)
    curve = curves(figure)[0]
    band = next(t for t in figure.data if t.name == f"{curve.name} band")
    np.testing.assert_allclose(band.y[:2], np.array(curve.y) + 0.05)
    np.testing.assert_allclose(band.y[2:], np.array(curve.y)[::-1] - 0.05)


def test_a_single_fold_has_a_curve_without_band():
    figure = learning_curves(summary(np.nan), ["A"], METRICS[:1], MODELS)
    assert all(len(t.x) == 0 for t in figure.data if t.name.endswith("band"))
    assert all(len(t.x) == 2 for t in curves(figure))


def test_legend_names_each_curve_once():
    figure = learning_curves(summary(), ["A", "B"], METRICS, MODELS)
    named = [c.name for c in curves(figure) if c.showlegend]
    assert sorted(named) == [
        "Gaussian process, text",
        "Gaussian process, text + sequence",
        "Non-control mean",
    ]


def test_what_is_not_asked_for_is_not_drawn_and_changes_no_look():
    every, one = (
        learning_curves(summary(), ["A", "B"], METRICS, models) for models in (MODELS, ["gp"])
    )
    looks = [{c.name: (c.line, c.marker) for c in curves(figure)} for figure in (every, one)]
    assert set(looks[0]) - set(looks[1]) == {"Non-control mean"}
    assert all(looks[0][name] == look for name, look in looks[1].items())


def elsewhere(model: str, size: int, line: str = "B", ci95: float = 0.02) -> pd.DataFrame:
    """A method run elsewhere, in one line and at one training size."""
    one = summary().query("model == 'mean' and train_size == 400 and line == @line")
    return one.assign(model=model, train_size=size, mean=0.7, ci95=ci95)


def test_a_method_at_one_size_is_a_marker_with_its_error_in_its_line_only():
    table = pd.concat([summary(), elsewhere("GEARS", 320)])
    figure = learning_curves(table, ["A", "B"], METRICS, [*MODELS, "GEARS"])
    found = [t for t in figure.data if t.name == "GEARS"]
    assert [(list(t.x), list(t.y), t.mode) for t in found] == [([320], [0.7], "markers")] * 4
    assert all(list(t.error_y.array) == [0.02] for t in found)
    assert [t.xaxis for t in found] == ["x2", "x4", "x6", "x8"]
    assert [t.showlegend for t in found] == [True, False, False, False]
    assert not [t for t in figure.data if t.name == "GEARS band"]


def test_a_method_at_several_sizes_is_a_curve():
    table = pd.concat([summary(), elsewhere("GEARS", 320), elsewhere("GEARS", 90)])
    figure = learning_curves(table, ["A", "B"], METRICS[:1], ["GEARS"])
    assert [list(c.x) for c in curves(figure)] == [[90, 320]]


def test_axes_say_what_is_measured_and_columns_in_which_line():
    figure = learning_curves(summary(), ["A", "B"], METRICS, MODELS)
    titles = [figure.layout[f"yaxis{at}"].title.text for at in ("", 3, 5, 7)]
    assert [title.replace("<br>", " ") for title in titles] == [m.axis for m in METRICS]
    assert [note.text for note in figure.layout.annotations] == ["A", "B"]
    assert figure.layout.xaxis7.title.text == "Training<br>perturbations"


def test_curves_differ_in_more_than_colour():
    figure = learning_curves(summary(), ["A"], METRICS[:1], MODELS)
    looks = {(c.line.dash, c.marker.symbol) for c in curves(figure)}
    assert len(looks) == len(PAIRS)
