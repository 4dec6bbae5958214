"""What a source is worth: against scores of the fits themselves."""

import numpy as np
import pytest
from scipy.stats import wilcoxon

from llmpert.embeddings import Embedding
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.grid import run
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.scores import registry
from llmpert.insight.sources import TOGETHER, choices, covered, sets_helped, source_fits, worth
from tests.support import small

TABLE = small.gene_table({"KD003": "OLD3"})
SETTINGS = Settings(folds=2, n_hvgs=30, components=6)


@pytest.fixture(scope="module")
def problem() -> Problem:
    rng = np.random.default_rng(5)
    noise = Embedding("noise", small.names("KD", 35), rng.normal(size=(35, 8)), {"source": "test"})
    return Problem.align(small.screen(), [small.embedding("text"), noise], TABLE)


@pytest.fixture(scope="module")
def fits(problem):
    return source_fits(problem, lambda of: Experiment(problem.only(*of.split("+")), SETTINGS))


def scores(problem: Problem, choice: str, model: str, metric: str):
    of = Experiment(problem.only(*choice.split("+")), SETTINGS)
    size = of.largest_training_size
    parts = [of.scores(model, size, fold).set_index("perturbation")[metric] for fold in range(2)]
    return np.concatenate([part.sort_index() for part in parts])


@pytest.mark.parametrize("name", ["pearson_all", "mae_all"])
def test_worth_is_the_difference_that_a_source_makes(problem, fits, name):
    metric, sign = registry()[name], 1 if name == "pearson_all" else -1
    fitted = Experiment(problem, SETTINGS).fit_all("gp")
    found = worth(problem, run(fits).table, metric, fitted).set_index("source")
    assert list(found.index) == ["text", "noise", TOGETHER]
    together = scores(problem, "text+noise", "gp", name)
    for source, others in (("text", "noise"), ("noise", "text")):
        alone, without = (scores(problem, one, "gp", name) for one in (source, others))
        row = found.loc[source]
        assert row["alone"] == pytest.approx(alone.mean())
        assert row["adds"] == pytest.approx(sign * (together - without).mean())
        assert row["low"] <= row["adds"] <= row["high"]
        mean = scores(problem, source, "mean", name)
        assert row["over_mean"] == pytest.approx(sign * (alone - mean).mean())
    ratios = fitted.model.signal_to_noise_
    assert found.loc["text", "weight"] == ratios["text"] / sum(ratios.values())
    assert found["weight"].sum() == pytest.approx(1)
    # Noise does no harm, and the source that knows something does all the good.
    assert found.loc["text", "low"] > 0
    assert found.loc["noise", "weight"] < 0.1


def test_gene_sets_gain_by_the_signed_rank_test_of_scipy(problem, fits):
    metric, sets = registry()["mae_all"], {"first": small.names("KD", 12), "few": ["KD001"]}
    found = sets_helped(problem, run(fits).table, metric, sets).set_index("source")
    assert set(found.index) == {"text", "noise"}
    assert set(found["set"]) == {"first"}
    folds = Experiment(problem, SETTINGS)
    names = np.concatenate([np.sort(problem.perturbations[folds.tested(f)]) for f in range(2)])
    inside = np.isin(names, sets["first"])
    together, without = (
        scores(problem, one, "gp", "mae_all")[inside] for one in ("text+noise", "noise")
    )
    row = found.loc["text"]
    assert row["p"] == wilcoxon(together - without).pvalue
    assert row["gain"] == pytest.approx(np.median(without - together))
    assert row["which"] == "gains"


def test_coverage_is_of_the_whole_screen(problem):
    assert covered(small.names("KD", 40), problem) == {"text": 40, "noise": 35}


def test_each_source_is_left_out_once():
    sources = [small.embedding(name) for name in ("a", "b", "c")]
    of = Problem.align(small.screen(), sources, TABLE)
    without = {"b+c": "a", "a+c": "b", "a+b": "c"}
    assert choices(of) == {"a": "", "b": "", "c": "", "a+b+c": "", **without}
    with pytest.raises(InputError, match="two sources or more to compare, found a alone"):
        choices(of.only("a"))
