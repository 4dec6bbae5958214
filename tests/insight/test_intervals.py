"""Whether intervals hold: of made-up outcomes whose truth is known, and against counting."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.evaluation.calibration import BINS, COLUMNS, GROUPS, HISTOGRAM
from llmpert.insight import intervals
from llmpert.insight.intervals import ANY, BEST


def outcomes(rows: int = 40, seed: int = 0, **columns) -> pd.DataFrame:
    """Outcomes of predictions that are true; `columns` are set."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.random((rows, len(COLUMNS))), columns=[*COLUMNS])
    table.loc[:, [*HISTOGRAM]] = 1 / BINS
    for group in GROUPS:
        table[f"inside {group}"] = 0.8
        table[f"share {group}"] = 0.25 if group.startswith("sd") else 0.1
    table["share other"] = 0.9
    for name, value in columns.items():
        table[name.replace("_", " ")] = value
    return table


def inside(table: pd.DataFrame) -> pd.Series:
    return intervals.coverage(table).set_index(["by", "group"])["inside"]


def test_true_predictions_hold_everywhere():
    made = outcomes()
    found = intervals.coverage(made)
    np.testing.assert_allclose(found["inside"], 0.8)
    assert intervals.sentence(found).startswith("**Yes**: 80 % intervals hold 80 % of")
    levels = intervals.levels(made)
    np.testing.assert_allclose(levels["inside"], levels["level"])
    assert levels["level"].tolist() == pytest.approx(list(np.arange(1, 20) / 20))
    np.testing.assert_allclose(intervals.histogram(made)["share"], 0.05)


def test_groups_are_weighted_by_their_measurements():
    """Half of the knockdowns have all their measurements in the first quarter, half outside."""
    first = np.arange(40) < 20
    made = outcomes(**{"inside sd quarter 1": np.where(first, 1.0, 0.4)})
    made["share sd quarter 1"] = np.where(first, 0.3, 0.1)
    found = inside(made)
    assert found["predicted sd", "smallest"] == pytest.approx((0.3 * 1 + 0.1 * 0.4) / 0.4)
    assert found["predicted sd", "largest"] == pytest.approx(0.8)


def test_quarters_of_knockdowns_go_by_their_own_values():
    effect = np.random.default_rng(1).permutation(40).astype(float)
    made = outcomes(effect=effect)
    for n in range(1, 5):
        made[f"inside sd quarter {n}"] = 1 - effect / 100
    found = inside(made)
    for n, word in enumerate(intervals.ORDERS):
        assert found["effect size", word] == pytest.approx(1 - (10 * n + 4.5) / 100)


def test_groups_without_measurements_are_left_out():
    made = outcomes(**{"inside zero": np.nan, "share zero": 0.0, "share other": 1.0})
    assert "measured" not in set(intervals.coverage(made)["by"])
    assert "zero" not in intervals.sentence(intervals.coverage(made))


def test_the_sentence_says_where_intervals_do_not_hold():
    words = intervals.sentence(intervals.coverage(outcomes(**{"inside strongest": 0.7})))
    assert words.startswith("**On average, yes**")
    assert "**70 %** of the 20 strongest predicted genes" in words
    narrow = {f"inside sd quarter {n}": 0.5 for n in range(1, 5)}
    words = intervals.sentence(intervals.coverage(outcomes(**narrow)))
    assert words == "**No**: 80 % intervals hold 50 % of the measurements of held-out knockdowns."


values = st.lists(st.one_of(st.floats(-1, 1), st.just(float("nan"))), min_size=1, max_size=30)


@settings(max_examples=20)
@given(values, st.integers(0, 1000))
def test_curves_are_means_of_those_kept(accuracy, seed):
    accuracy = pd.Series(accuracy)
    signs = pd.DataFrame({"sign": np.random.default_rng(seed).permutation(len(accuracy))})
    found = intervals.risk_coverage(accuracy, signs)
    known = accuracy.notna()
    order = signs[known].sort_values("sign", ascending=False).index
    for row in found.to_dict("records"):
        count = int(np.ceil(round(row["kept"] * known.sum(), 6)))
        assert row["knockdowns"] == count
        expected = {
            "sign": accuracy[order[:count]].mean(),
            ANY: accuracy.mean(),
            BEST: accuracy.sort_values(ascending=False)[:count].mean(),
        }[row["sign"]]
        assert row["accuracy"] == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_errors_are_of_the_most_certain_genes():
    made = outcomes()
    for n in range(1, 11):
        made[f"error of {n} tenths"] = float(n) + np.arange(40) / 39 - 0.5
    found = intervals.errors_of_kept_genes(made)
    assert found["error"].tolist() == pytest.approx(range(1, 11))
    assert found["kept"].tolist() == pytest.approx([n / 10 for n in range(1, 11)])
