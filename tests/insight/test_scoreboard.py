"""Which model is best, against cases worked by hand."""

import numpy as np
import pandas as pd
import pytest

from llmpert.evaluation.results import summarise
from llmpert.evaluation.scores import registry
from llmpert.figures import scoreboard as figures
from llmpert.insight.scoreboard import (
    QUARTERS,
    board,
    bootstrap,
    by_unlikeness,
    calibrated,
    differences,
    disagreement,
    unlikeness,
)

METRICS = [registry()[name] for name in ("pearson_all", "mae_all", "discrimination_l1")]
VALUES = {
    "mean": (0.26, 0.2, 0.5),
    "copy of the other line": (0.24, 0.18, 0.79),
    "no-change": (np.nan, 0.15, 0.5),
}
NAMES = ("Non-control mean", "copy of the other line", "No change")


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    """Scores of eight knockdowns, their mean as above, in two folds."""
    around = np.linspace(-0.07, 0.07, 8)
    rows = [
        ("L", "none", model, 10, at % 2, 0, f"P{at}", metric.name, value + around[at])
        for model, values in VALUES.items()
        for metric, value in zip(METRICS, values, strict=True)
        for at in range(8)
    ]
    columns = [
        "line",
        "embedding",
        "model",
        "train_size",
        "fold",
        "repeat",
        "perturbation",
        "metric",
        "value",
    ]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture(scope="module")
def table(results) -> pd.DataFrame:
    return board(summarise(results), "L", 10, METRICS, {"pearson_all": 0.76})


def test_another_score_makes_another_model_the_best(table):
    place = table.pivot(index="method", columns="metric", values="rank")
    assert place.loc[NAMES[0]].to_dict() == {
        "pearson_all": 1, "mae_all": 3, "discrimination_l1": 2,
    }  # fmt: skip
    assert place.loc[NAMES[1]].tolist() == [1, 2, 2]
    # Without a mean there is no place; equals share theirs.
    assert np.isnan(place.loc[NAMES[2], "pearson_all"])
    assert place.loc[NAMES[2], "discrimination_l1"] == 2
    words = disagreement(table)
    for name in NAMES:
        assert f"**{name}**" in words


def test_no_skill_is_the_mean_and_the_ceiling_is_known_or_perfect(table):
    scale = table.pivot(index="method", columns="metric", values="calibrated")
    np.testing.assert_allclose(scale.loc[NAMES[0]], 0, atol=1e-12)
    # Worse than no skill stays below 0.
    assert scale.loc[NAMES[1], "pearson_all"] == pytest.approx((0.24 - 0.26) / (0.76 - 0.26))
    assert scale.loc[NAMES[1], "mae_all"] == pytest.approx(0.1)
    assert scale.loc[NAMES[1], "discrimination_l1"] == pytest.approx(0.58)


def test_a_ceiling_at_no_skill_calibrates_nothing():
    assert np.isnan(calibrated(np.array([1.0, 2.0]), 0.5, 0.5)).all()


def test_differences_are_paired_and_above_zero_where_ours_is_better(results):
    found = differences(results, NAMES[1], NAMES[0], METRICS).set_index("metric")
    assert found["difference"].tolist() == pytest.approx([-0.02 / 0.74, 0.02 / 0.2, 0.29 / 0.5])
    # The same knockdowns: what they differ by together is no uncertainty.
    np.testing.assert_allclose(found["low"], found["difference"])
    np.testing.assert_allclose(found["high"], found["difference"])
    assert (found["perturbations"] == 8).all()
    assert differences(results, NAMES[2], NAMES[0], METRICS)["metric"].tolist() == [
        "mae_all", "discrimination_l1",
    ]  # fmt: skip


def test_intervals_are_those_of_a_mean():
    values = np.random.default_rng(0).normal(size=400)
    low, high = bootstrap(values, np.random.default_rng(1))
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_quarters_go_from_like_the_mean_to_unlike_it(results):
    unlike = pd.Series(np.arange(8.0), [f"P{at}" for at in range(8)])
    found = by_unlikeness(results, METRICS[0], unlike)
    mine = found[found["method"] == NAMES[0]]
    assert mine["quarter"].tolist() == list(QUARTERS)
    assert mine["value"].tolist() == pytest.approx([0.2, 0.24, 0.28, 0.32])
    assert (mine["perturbations"] == 2).all()


def test_unlike_is_what_does_not_follow_the_mean():
    response = np.array([[1.0, 2, 3], [2, 4, 6], [3, 2, 1]])
    found = unlikeness(response, ["A", "B", "C"])
    assert found.tolist() == pytest.approx([0, 0, 2])


def test_names_of_columns_leave_out_what_the_choice_of_embedding_says(table):
    one = table[table["method"].isin(NAMES[:1])].replace({NAMES[0]: "Model, text"})
    other = one.replace({"Model, text": "Other, measured elsewhere"})
    third = one.replace({"Model, text": "Model, text + measured"})
    drawn = figures.ranks(pd.concat([one, other, third]), "L", "text").data[0]
    assert {name.replace("<br>", " ") for name in drawn.x} == {
        "Model", "Other", "Model, text + measured",
    }  # fmt: skip


def test_figures_draw_places_differences_and_quarters(results, table):
    drawn = figures.ranks(table, "L").data[0]
    methods = [name.replace("<br>", " ") for name in drawn.x]
    shown = pd.DataFrame(drawn.z, list(drawn.y), methods)
    place = table.pivot(index="score", columns="method", values="rank")
    for score, method in ((s, m) for s in shown.index for m in shown.columns):
        assert shown.loc[score, method] == pytest.approx(place.loc[score, method], nan_ok=True)
    found = differences(results, NAMES[1], NAMES[0], METRICS)
    trace = figures.paired(found, NAMES[1], NAMES[0]).data[0]
    assert list(trace.x) == found["difference"].tolist()
    unlike = pd.Series(np.arange(8.0), [f"P{at}" for at in range(8)])
    lines = figures.unlike(by_unlikeness(results, METRICS[0], unlike), "Pearson").data
    assert {trace.name for trace in lines} == {*NAMES[:2]}
