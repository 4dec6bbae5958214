import pandas as pd

from llmpert.evaluation.metrics import registry
from llmpert.figures.model_classes import model_classes

METRIC = registry()["pearson_all"]
CELLS = {
    ("mean", "none"): 0.2,
    ("knn", "text"): 0.1,
    ("knn", "sequence"): 0.05,
    ("gp", "text"): 0.4,
    ("gp", "sequence"): 0.3,
}


def draw(simulated: bool = False):
    table = pd.DataFrame(
        [
            {"line": line, "embedding": e, "model": m, "train_size": size,
             "metric": METRIC.name, "mean": value + shift, "ci95": 0.01}
            for line, size, shift in (("A", 100, 0.0), ("A", 50, 5.0), ("B", 100, 7.0))
            for (m, e), value in CELLS.items()
        ]
    )  # fmt: skip
    return model_classes(table, "A", 100, [METRIC], simulated)


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


def test_units_title_and_mark():
    assert "A, 100 training" in draw().layout.title.text
    assert "SIMULATED DATA" in draw(simulated=True).to_json()
    assert "SIMULATED DATA" not in draw().to_json()
