"""Plans of the next knockdowns, against models that are given what a plan would measure."""

import numpy as np
import pandas as pd
import pytest

from llmpert.datasets import DatasetStore
from llmpert.datasets.builtin import RANKS
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.figures.design import chosen_map, plan_curves
from llmpert.insight import design
from llmpert.insight.clusters import labels
from llmpert.insight.design import Ground, Plan, expected_effects, places, plan
from llmpert.io.paths import shipped
from tests.support import small

HELD_OUT = [f"KD{n:03d}" for n in range(20, 40)]


@pytest.fixture(scope="module")
def fitted():
    problem = Problem.align(small.screen(), [small.embedding("text")])
    experiment = Experiment(problem, Settings(folds=4, n_hvgs=30, components=5))
    return experiment.fit_all("gp", held_out=HELD_OUT)


@pytest.fixture(scope="module")
def ground(fitted):
    return Ground.of(fitted, [*HELD_OUT, *(f"KD{n:03d}" for n in range(40, 45))])


def variance(fitted, ground, measured, weights):
    """What is left over all genes once some were measured, by their rows in the ground."""
    arrays = fitted.model.arrays()
    more = ground.inputs[measured].astype(float)
    arrays["inputs"] = np.vstack([arrays["inputs"], more])
    arrays["relative_noise"] = np.append(arrays["relative_noise"], np.ones(len(more)))
    nothing = np.zeros((len(more), arrays["scores"].shape[1]))  # variances know no responses
    arrays["scores"] = np.vstack([arrays["scores"], nothing])
    model = type(fitted.model).of_arrays(fitted.joined.parts, arrays)
    return (model.components_of(ground.inputs.astype(float))[1].sum(axis=1) * weights).sum()


def gain_of(fitted, ground, before, row):
    """By the definition: the gain counts what a gene tells about itself as about any other."""
    ones = np.ones(len(ground.names))
    whole = variance(fitted, ground, [], ones)
    left = [variance(fitted, ground, rows, ones) for rows in (before, [*before, row])]
    return (left[0] - left[1]) / whole


def test_gains_are_what_measuring_takes_from_the_variance(fitted, ground):
    found = plan(ground, 6, exact=True)
    for at, row in enumerate(found.rows):
        before = [int(one) for one in found.rows[:at]]
        expected = gain_of(fitted, ground, before, int(row))
        assert found.table["gain"][at] == pytest.approx(expected, rel=0.02, abs=2e-4)
        others = [gain_of(fitted, ground, before, int(one)) for one in ground.open[::4]]
        assert expected >= max(others) - 2e-3
    assert not ground.measured[found.rows].any()
    np.testing.assert_allclose(found.table["together"], np.cumsum(found.table["gain"]))


def test_random_plans_tell_less_and_their_shares_are_right(fitted, ground):
    found = plan(ground, 5)
    assert found.table["together"].iloc[-1] > found.random.mean(axis=0)[4]
    assert (np.diff(found.random, axis=1) > -1e-6).all()
    assert found.worth is None or found.worth >= 5
    ones = np.ones(len(ground.names))
    left = variance(fitted, ground, ground.open, ones) / variance(fitted, ground, [], ones)
    np.testing.assert_allclose(found.random[:, -1], 1 - left, atol=2e-3)


def test_a_plan_is_kept_for_its_ground_alone(fitted, ground, tmp_path):
    found, path = plan(ground, 6), tmp_path / "plan.json"
    found.save(path, ground)
    kept = Plan.load(path, ground)
    pd.testing.assert_frame_equal(kept.table, found.table, rtol=1e-5)
    np.testing.assert_allclose(kept.random, found.random, rtol=1e-5)
    fewer = kept.first(4, ground)
    assert list(fewer.rows) == list(plan(ground, 4).rows)
    assert len(fewer.table) == 4
    assert Plan.load(path, Ground.of(fitted, HELD_OUT)) is None


def test_the_shipped_plan_is_that_of_the_shipped_model():
    model = DatasetStore().load(RANKS).trained["K562"]
    ground = Ground.of(model.fitted, model.fitted.known.unseen())
    kept = Plan.load(shipped() / RANKS / "plan_K562.json", ground)
    again = plan(ground, 8, kept.rows)  # among those chosen, the first are the first again
    assert list(again.table["gene"]) == list(kept.table["gene"][:8])
    np.testing.assert_allclose(again.table["gain"], kept.table["gain"][:8], rtol=1e-3)


def test_targets_pull_the_plan_towards_themselves(fitted, ground):
    rows, weights = ground.targets({"KD042": 2.0, "KD001": 0.0})
    assert (ground.names[rows].tolist(), weights.tolist()) == (["KD042"], [2.0])
    found = plan(ground, 1, targets=(rows, weights), exact=True)
    only = (ground.names == "KD042").astype(float)
    left = [variance(fitted, ground, [int(one)], only) for one in ground.open]
    best = left[list(ground.open).index(found.rows[0])]
    assert best == pytest.approx(min(left), rel=0.02)


def test_effects_weigh_targets(fitted, ground):
    effects = expected_effects(fitted, ground)
    mean = fitted.predict(list(ground.names)).mean - fitted.model.mean_
    length = np.linalg.norm(mean, axis=1)
    np.testing.assert_allclose(effects, length / length.mean(), rtol=1e-3)
    found = plan(ground, 1, effects=effects, exact=True)
    left = [variance(fitted, ground, [int(one)], effects) for one in ground.open]
    assert left[list(ground.open).index(found.rows[0])] == pytest.approx(min(left), rel=0.01)


def test_a_sample_of_targets_stands_for_all(ground, monkeypatch):
    whole = plan(ground, 5, exact=True)
    monkeypatch.setattr(design, "MOST_TARGETS", 22)
    some = plan(ground, 5, exact=True)
    assert some.table["together"].iloc[-1] == pytest.approx(
        whole.table["together"].iloc[-1], abs=0.1
    )


def test_typed_candidates_are_sorted(ground):
    rows, why = ground.candidates(["KD041", "KD020", "KD001", "NOSUCH", "TP53"])
    assert ground.names[rows].tolist() == ["KD041", "KD020"]
    assert why == {
        design.UNKNOWN: ["NOSUCH"], design.LACKING: ["TP53"], design.MEASURED: ["KD001"]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda g: plan(g, 26), "Expected 1 to 25 knockdowns, as many as there are candidates"),
        (lambda g: plan(g, 0), "found 0"),
        (lambda g: plan(g, 1, g.open[:0]), "none to choose"),
        (lambda g: g.candidates([]), "one candidate or more, found none"),
        (lambda g: g.candidates(["NOSUCH"]), "1 unknown: NOSUCH"),
        (lambda g: g.candidates(["KD001"]), "1 knocked down already: KD001"),
        (lambda g: g.targets({"NOSUCH": 1.0}), "a weight above 0, found NOSUCH"),
        (lambda g: g.targets({"KD001": -1.0}), "weights of 0 or more, found others: KD001"),
    ],
)
def test_what_cannot_be_planned_gets_a_sentence(ground, wrong, message):
    with pytest.raises(InputError, match=message):
        wrong(ground)


def test_a_library_has_ensembl_ids_and_columns_for_guides(ground):
    found = plan(ground, 3)
    table = found.library(ground)
    assert list(table.columns) == [
        "gene", "ensembl_id", "rank", "gain", "guide_1", "guide_2", "guide_3"
    ]  # fmt: skip
    assert list(table["gene"]) == list(ground.names[found.rows])
    assert (table["ensembl_id"] == "").all()  # invented genes have none


def test_figures_draw_the_plan(ground):
    found = plan(ground, 4)
    band, random, chosen = plan_curves(found).data
    np.testing.assert_allclose(chosen.y, 100 * found.table["together"])
    np.testing.assert_allclose(random.y, 100 * found.random.mean(axis=0))
    assert max(band.y) >= max(random.y)
    where, shares = places(ground)
    assert 1 >= shares[0] >= shares[1] > 0
    table = where.assign(rank=np.where(ground.measured, 0, -1))
    table.loc[found.rows, "rank"] = [1, 2, 3, 4]
    names = labels(
        table[["x", "y"]].to_numpy(), table["gene"], [found.table["gene"][0]], shifts=[0]
    )
    drawn = chosen_map(table, shares, names)
    others, known, picked = drawn.data
    assert (len(others.x), len(known.x)) == (21, 20)
    assert list(picked.customdata) == list(found.table["gene"])
    (label,) = drawn.layout.annotations
    first = table[table["rank"] == 1].iloc[0]
    assert (label.x, label.y, label.text) == (first["x"], first["y"], f"<b>{first['gene']}</b>")
    many = table.loc[table.index.repeat(np.where(table["rank"] == -1, 30, 1))]
    shades, known, _ = chosen_map(many, shares, names, every=False).data
    assert np.nansum(shades.customdata) == 30 * 21
    assert len(known.x) == 20
