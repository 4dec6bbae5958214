import numpy as np
import pandas as pd
import pytest

from llmpert.figures.contributions import contributions
from llmpert.insight.contributions import Basis

NAMES = ["A", "B", "C", "D"]
SHARES = pd.DataFrame(
    {"text": [0.5, -0.2, 0.1, 0.1], "sequence": [0.1, 0.0, 0.3, 0.0],
     "text+sequence": [0.0, 0.0, 0.1, 0.0]},
    index=NAMES,
)  # fmt: skip


def basis(shares: pd.DataFrame = SHARES) -> Basis:
    return Basis("X", shares, pd.Series([0.9, 0.1, 0.8, 0.2], index=NAMES), 1.0)


def test_bars_are_shares_in_percent_stacked_by_source():
    figure = contributions(basis(), 2)
    assert [bar.name for bar in figure.data] == [
        "text", "sequence", "text + sequence (near in all at once)",
    ]  # fmt: skip
    for bar, source in zip(figure.data, SHARES, strict=True):
        assert list(bar.y) == ["A", "C", "all others (2)"]
        rest = SHARES.loc[["B", "D"], source].sum()
        expected = [*SHARES.loc[["A", "C"], source], rest]
        np.testing.assert_allclose(bar.x, np.multiply(100, expected))
    assert sum(sum(bar.x) for bar in figure.data) == pytest.approx(100)
    assert figure.layout.barmode == "relative"
    assert "%" in figure.layout.xaxis.title.text
    assert len({bar.marker.pattern.shape for bar in figure.data}) == 3  # not by colour alone
    assert "similarity 0.90" in figure.data[0].customdata[0]


def test_the_strongest_stand_on_top_and_nothing_is_left_over():
    figure = contributions(basis(SHARES[["text"]]), 10)
    assert list(figure.data[0].y) == ["A", "B", "C", "D"]  # by absolute share
    assert list(figure.layout.yaxis.categoryarray) == ["D", "C", "B", "A"]  # drawn upwards
