"""A line predicted with the help of another: what each setting knows, and what it must not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from llmpert.datasets import Dataset
from llmpert.errors import InputError
from llmpert.evaluation import lines
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.grid import run
from llmpert.evaluation.store import ResultsStore
from llmpert.screens import Screen
from tests.support import small

TABLE = small.gene_table({"KD000": "", "KD001": ""})
SETTINGS = Settings(folds=2, n_hvgs=12, top=5, components=6)
MODELS = ["mean", "gp", "gp-copy", "copy"]


def data(here: Screen | None = None, there: Screen | None = None) -> Dataset:
    """LineB did not knock down the last ten of LineA, and measures more genes."""
    other = small.screen("LineB", seed=1, genes=40)
    screens = here or small.screen(), there or other.select(list(other.perturbations[:30]))
    return Dataset("two", {one.line: one for one in screens}, {"text": small.embedding()},
                   gene_table=TABLE)  # fmt: skip


def hidden(made: Dataset, tmp_path) -> list[Experiment]:
    one = Experiment(made.problem("LineA"), SETTINGS, ResultsStore(tmp_path))
    return lines.hidden(one, [made.problem("LineB")])


@pytest.fixture(scope="module")
def folds(tmp_path_factory) -> list[Experiment]:
    return hidden(data(), tmp_path_factory.mktemp("results"))


def test_settings_have_names():
    source = "text+measured in LineB"
    assert lines.setting(source, 20) == lines.MEASURED_ELSEWHERE
    assert lines.setting("measured in LineB", 0) == lines.UNSEEN_LINE
    assert lines.setting("text", 20) == lines.UNSEEN_PERTURBATION
    assert lines.setting("text+predicted in LineB", 20) == lines.UNSEEN_PERTURBATION
    assert lines.setting("predicted in LineB", 0) == lines.BOTH


def test_the_other_lines_model_predicts_each_knockdown_without_its_response(folds):
    made, fold = data(), 1
    tested = folds[fold].problem.perturbations[folds[fold].tested(fold)]
    every = Settings(n_hvgs=40)
    fitted = Experiment(made.problem("LineB"), every).fit_all("gp", list(tested))
    problem = folds[fold].problem
    assert problem.embedding_name == "text+predicted in LineB"
    found = dict(zip(problem.perturbations, problem.vectors["predicted in LineB"], strict=True))
    assert len(found) == 40
    left_out = dict(zip(fitted.trained_on, fitted.model.predict_left_out()[0], strict=True))
    assert not set(left_out) & set(tested)
    for name, vector in found.items():
        expected = left_out.get(name)
        expected = fitted.predict([name]).mean[0] if expected is None else expected
        np.testing.assert_allclose(vector, expected, rtol=1e-5)


@pytest.mark.parametrize("model", ["gp", "gp-copy", "copy"])
def test_responses_to_tested_knockdowns_in_either_line_reach_no_prediction(model, folds, tmp_path):
    original, fold = data(), 0
    tested = folds[fold].problem.perturbations[folds[fold].tested(fold)]

    def changed(screen: Screen) -> Screen:
        response = screen.response.copy()
        response[np.isin(screen.perturbations, tested)] += np.linspace(1, 9, len(screen.genes))
        return replace(screen, response=response)

    other = data(*(changed(screen) for screen in original.screens.values()))
    before, after = (
        of[fold].fold_prediction(model, 20, fold).mean for of in (folds, hidden(other, tmp_path))
    )
    np.testing.assert_array_equal(after, before)


def test_each_fold_is_fitted_on_its_own_experiment(folds):
    fits = lines.hidden_fits(folds, MODELS, [10, 20])
    assert [fit.experiment for fit in fits] == [folds[fit.fold] for fit in fits]
    assert {(fit.model, fit.train_size) for fit in fits} == {
        (model, size) for model in MODELS[1:] for size in (10, 20)
    }
    table = run(fits, metrics=["pearson_all"]).table
    assert (
        table.groupby(["model", "train_size"], observed=True)["perturbation"].nunique().eq(40).all()
    )


def test_an_unseen_line_is_what_the_other_line_did(folds):
    made = data()
    whole = Experiment(made.elsewhere("LineA"), SETTINGS)
    found = lines.unseen_line([whole] * 2)
    table = found[found["metric"] == "pearson_all"].set_index("perturbation")["value"]
    assert list(table.index.sort_values()) == small.names("KD", 30)
    for fold in range(2):
        genes = whole.scored_genes(fold)
        for row in whole.tested(fold):
            name = whole.problem.perturbations[row]
            a, b = (made.screens[line].select([name]).response[0] for line in small.LINES)
            assert table[name] == pytest.approx(np.corrcoef(a[genes], b[genes])[0, 1], abs=1e-6)
    both = pd.concat([found, lines.unseen_line(folds)])
    assert set(both["embedding"]) == {"measured in LineB", "predicted in LineB"}
    assert set(both["train_size"]) == {0}


def test_a_line_with_three_knockdowns_is_no_help_and_says_so(tmp_path):
    there = small.screen("LineB", seed=1).select(["KD000", "KD001", "KD002"])
    made = data(there=there)
    with pytest.raises(
        InputError, match=r"Only [01] perturbation\(s\) of LineB|LineB cannot predict"
    ):
        hidden(made, tmp_path)


def test_a_line_whose_model_learns_nothing_is_named(tmp_path):
    three = small.screen("LineB", seed=1).select(small.names("KD", 3))
    noise = np.random.default_rng(0).normal(size=three.response.shape)
    here = small.screen().select(small.names("KD", 40)[3:])
    with pytest.raises(InputError, match=r"LineB cannot predict LineA: .* its 3 knockdowns"):
        hidden(data(here, replace(three, response=noise)), tmp_path)
