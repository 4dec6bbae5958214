import numpy as np
import pandas as pd

from llmpert.evaluation.scores import registry
from llmpert.figures.evaluation import model_classes
from llmpert.models.registry import MODELS

METRIC = registry()["pearson_all"]
CELLS = {
    ("mean", "none"): 0.2,
    ("knn", "text"): 0.1,
    ("knn", "sequence"): 0.05,
    ("gp", "text"): 0.4,
    ("gp", "sequence"): 0.3,
}


def draw(more=None):
    table = pd.DataFrame(
        [
            {"line": line, "embedding": e, "model": m, "train_size": size,
             "metric": METRIC.name, "mean": value + shift, "ci95": 0.01}
            for line, size, shift in (("A", 100, 0.0), ("A", 50, 5.0), ("B", 100, 7.0))
            for (m, e), value in {**CELLS, **(more or {})}.items()
        ]
    )  # fmt: skip
    return model_classes(table, "A", 100, [METRIC])


def trace(figure, name):
    return next(t for t in figure.data if t.name == name)


def test_markers_stand_at_their_embedding_with_their_value():
    figure = draw()
    gp = trace(figure, "Gaussian process")
    assert list(gp.y) == [0.4, 0.3]
    assert [round(x) for x in gp.x] == [0, 1]
    assert list(figure.layout.xaxis.ticktext) == ["text", "sequence"]
    assert list(gp.error_y.array) == [0.01, 0.01]


def test_models_without_embedding_are_lines_across():
    assert list(trace(draw(), "Non-control mean").y) == [0.2, 0.2]


def test_methods_run_elsewhere_are_lines_of_their_own_look():
    figure = draw(more={("GEARS", "none"): 0.25, ("Example", "none"): 0.35})
    lines = [t for t in figure.data if t.mode == "lines"]
    assert {t.name: t.y[0] for t in lines} == {
        "Non-control mean": 0.2,
        "GEARS": 0.25,
        "Example": 0.35,
    }
    assert len({(t.line.color, t.line.dash) for t in lines}) == 3
    assert len({t.line.dash for t in lines}) == 3


def test_every_model_with_an_embedding_has_its_own_place_and_look():
    names = [name for name, spec in MODELS.items() if spec.uses_embedding]
    figure = draw(more={(name, e): 0.3 for name in names for e in ("text", "sequence")})
    points = [t for t in figure.data if t.mode == "markers"]
    assert {t.name for t in points} == {MODELS[name].label for name in names}
    assert len({t.marker.symbol for t in points}) == len(points)
    assert len({t.marker.color for t in points}) == len(points)
    places = sorted(x for t in points for x in t.x)
    assert min(np.diff(places)) > 0.1
    assert [round(x) for x in places] == [0] * len(names) + [1] * len(names)


def test_what_is_not_defined_in_one_panel_is_drawn_and_named_in_the_others():
    error = registry()["mae_all"]
    rows = [
        ("gp", "text", METRIC, 0.5),
        ("gp", "text", error, 0.1),
        ("no-change", "none", METRIC, float("nan")),
        ("no-change", "none", error, 0.2),
    ]
    table = pd.DataFrame(
        [
            {"line": "A", "embedding": e, "model": m, "train_size": 100, "metric": metric.name,
             "mean": value, "ci95": 0.01}
            for m, e, metric, value in rows
        ]
    )  # fmt: skip
    figure = model_classes(table, "A", 100, [METRIC, error])
    lines = [t for t in figure.data if t.mode == "lines"]
    assert [(t.name, t.y[0], t.xaxis, t.showlegend) for t in lines] == [
        ("No change", 0.2, "x2", True)
    ]


def test_a_method_at_a_size_that_counts_as_the_one_asked_for_is_drawn():
    rows = [("gp", "text", 100, 0.4), ("gp", "own", 96, 0.5), ("gp", "own", 80, 0.1)]
    table = pd.DataFrame(
        [
            {"line": "A", "embedding": e, "model": m, "train_size": size, "metric": METRIC.name,
             "mean": value, "ci95": 0.01}
            for m, e, size, value in rows
        ]
    )  # fmt: skip
    figure = model_classes(table, "A", 100, [METRIC])
    assert list(trace(figure, "Gaussian process").y) == [0.4, 0.5]


def test_units_and_title():
    assert ": A<" in draw().layout.title.text
    assert "100 training perturbations" in draw().layout.title.text
