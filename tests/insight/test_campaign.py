"""Simulated campaigns: what is chosen, from what is known, and what it is worth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial import distance

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.figures.design import campaign_curves
from llmpert.insight.campaign import (
    CENTRES,
    CHOSEN,
    LARGEST,
    RANDOM,
    STRATEGIES,
    WIDE,
    Campaign,
    campaign,
    summary,
)
from llmpert.screens import Screen
from tests.support import small

SIZES = (6, 12)


def experiment(screen=None):
    problem = Problem.align(screen or small.screen(), [small.embedding("text")])
    return Experiment(problem, Settings(folds=4, n_hvgs=30, components=5))


@pytest.fixture(scope="module")
def made():
    return experiment()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_knockdowns_are_chosen_of_the_training_part_and_those_of_before_stay(made, strategy):
    (first, _), (second, r) = Campaign(made, 1).steps(strategy, SIZES)
    assert (len(first), len(set(second))) == SIZES
    assert set(first) < set(second)
    assert not set(second) & set(made.tested(1))
    fitted = made.fit_rows("gp", np.sort(second), 1)
    assert set(fitted.trained_on) == set(made.problem.perturbations[second])
    test = made.problem.perturbations[made.tested(1)]
    measured = made.problem.screen.select(list(test), list(fitted.genes)).response
    predicted = fitted.predict(list(test)).mean
    each = [stats.pearsonr(*pair)[0] for pair in zip(predicted, measured, strict=True)]
    assert r == pytest.approx(np.mean(each), abs=1e-5)


@pytest.mark.parametrize("strategy", [CHOSEN, LARGEST])
def test_no_response_enters_before_its_knockdown_is_chosen(made, strategy):
    (first, _), (second, _) = Campaign(made, 0).steps(strategy, SIZES)
    screen = small.screen()
    others = np.setdiff1d(np.arange(len(screen.perturbations)), first)
    response = screen.response.copy()
    response[others] = -5 * response[others[::-1]]
    changed = experiment(Screen(screen.line, response, screen.perturbations, screen.genes,
                                      screen.unit))  # fmt: skip
    (before, _), (after, _) = Campaign(changed, 0).steps(strategy, SIZES)
    np.testing.assert_array_equal(first, before)
    np.testing.assert_array_equal(second, after)


@pytest.mark.parametrize("strategy", [CHOSEN, WIDE])
def test_the_first_knockdown_tells_most_of_the_targets(made, strategy):
    inputs, joined = made.problem.inputs(5)
    unseen = joined.transform(made.problem.find_all(made.problem.unseen()))
    everything = np.concatenate([unseen, inputs])
    scale = 0.35 * np.median(distance.pdist(everything))
    aims = inputs if strategy == CHOSEN else everything
    covariance = np.exp(-distance.cdist(aims, inputs, "sqeuclidean") / (2 * scale**2))
    pool = made.split(2, 1).train_pool
    expected = pool[np.square(covariance).sum(axis=0)[pool].argmax()]
    assert next(Campaign(made, 1).steps(strategy, [3]))[0][0] == expected


def test_centres_are_far_from_each_other(made):
    inputs, _ = made.problem.inputs(5)

    def closest(rows):
        apart = np.linalg.norm(inputs[rows][:, None] - inputs[rows], axis=2)
        return apart[np.triu_indices(len(rows), 1)].min()

    chosen = next(Campaign(made, 0).steps(CENTRES, [6]))[0]
    others = [next(Campaign(made, 0, seed).steps(RANDOM, [6]))[0] for seed in range(5)]
    assert closest(chosen) > np.median([closest(rows) for rows in others])


def test_a_summary_says_how_many_random_knockdowns_do_as_well():
    found = pd.DataFrame(
        [(RANDOM, 0, 0, 10, 0.2), (RANDOM, 1, 1, 10, 0.4), (RANDOM, 0, 0, 20, 0.5),
         (RANDOM, 1, 1, 20, 0.5), (CHOSEN, 0, 0, 10, 0.4), (CHOSEN, 0, 0, 20, 0.9)],
        columns=["strategy", "repeat", "fold", "knockdowns", "r"],
    )  # fmt: skip
    table = summary(found).set_index(["strategy", "knockdowns"])
    assert table.loc[(RANDOM, 10), "r"] == pytest.approx(0.3)
    assert table.loc[(RANDOM, 10), "se"] == pytest.approx(0.1)
    assert table.loc[(CHOSEN, 10), "as_random"] == pytest.approx(15)
    assert np.isnan(table.loc[(CHOSEN, 20), "as_random"])
    figure = campaign_curves(table.reset_index(), "LineA")
    lines = {trace.name: trace for trace in figure.data if trace.name}
    np.testing.assert_allclose(lines["Integrated variance"].y, [0.4, 0.9])
    assert "10 chosen ones reach what 15 random ones do" in figure.layout.title.text


def test_a_campaign_has_every_strategy_on_every_fold(made):
    seen = []
    found = campaign(made, [CHOSEN, RANDOM], [5], 6, lambda *what: seen.append(what))
    assert found.groupby("strategy")["fold"].agg(list).to_dict() == {
        CHOSEN: [0, 1, 2, 3], RANDOM: [0, 1, 2, 3, 0, 1]
    }  # fmt: skip
    assert len(seen) == 10


@pytest.mark.parametrize(
    ("strategy", "sizes", "message"),
    [(CHOSEN, [31], "from 2 to 30"), (CHOSEN, [], "none"), ("best", [5], "'best'")],
)
def test_wrong_campaigns(made, strategy, sizes, message):
    with pytest.raises(InputError, match=message):
        next(Campaign(made, 0).steps(strategy, sizes))
