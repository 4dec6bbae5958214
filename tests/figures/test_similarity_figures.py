import numpy as np
import pandas as pd
import pytest

from llmpert.figures.screen import ALL_PAIRS, closeness_by_source, neighbour_agreement
from llmpert.insight.similarity import Pairs

BINS = pd.DataFrame(
    {
        "similarity": [0.1, 0.5],
        "response": [0.0, 0.3],
        "low": [-0.2, 0.1],
        "high": [0.2, 0.6],
        "pairs": [100, 20],
    }
)


def titles(figure):
    return [note.text for note in figure.layout.annotations]


def test_a_panel_a_source_with_its_correlation_and_spread():
    found = {"text": (BINS, 0.314), "sequence": (BINS, float("nan"))}
    figure = closeness_by_source(found)
    assert titles(figure) == ["text<br>Spearman ρ = 0.31", "sequence<br>Spearman ρ not defined"]
    band, line = figure.data[:2]
    np.testing.assert_allclose(line.x, [0.1, 0.5])
    np.testing.assert_allclose(line.y, [0.0, 0.3])
    np.testing.assert_allclose(band.y, [0.2, 0.6, 0.1, -0.2])
    assert figure.layout.xaxis.title.text == "Cosine similarity"
    assert figure.layout.yaxis.title.text == "Pearson r between responses"


@pytest.mark.parametrize("sources", [1, 3, 6])
def test_any_number_of_sources_has_a_panel_each(sources):
    found = {f"source {i}": (BINS, 0.1) for i in range(sources)}
    figure = closeness_by_source(found)
    assert len(figure.data) == 2 * sources
    assert len({(trace.xaxis, trace.yaxis) for trace in figure.data}) == sources


def test_neighbours_stand_beside_all_pairs():
    pairs = Pairs(np.linspace(-1, 1, 101, dtype=np.float32), {}, 15, 15)
    near = pd.DataFrame(
        {"gene": ["A", "B", "C"], "similarity": [0.9, 0.8, 0.7], "response": [0.2, np.nan, 0.6]}
    )
    figure = neighbour_agreement({"text": near}, pairs, "MED12")
    box, marks, mean = figure.data
    assert [box.q1[0], box.median[0], box.q3[0]] == pytest.approx([-0.5, 0, 0.5], abs=1e-6)
    assert [box.lowerfence[0], box.upperfence[0]] == pytest.approx([-0.9, 0.9], abs=1e-6)
    assert list(marks.x) == [0.2, 0.6]
    assert [row[0] for row in marks.customdata] == ["A", "C"]
    assert list(mean.x) == pytest.approx([0.4])
    assert figure.layout.yaxis.categoryarray == (ALL_PAIRS, "text")
    assert "MED12" in figure.layout.title.text
