"""One line predicted from another: what enters, what does not, and by which names."""

from dataclasses import replace

import numpy as np
import pytest

from llmpert.datasets import Dataset
from llmpert.embeddings.elsewhere import Elsewhere
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.results import NO_EMBEDDING
from llmpert.evaluation.scores import paper
from llmpert.evaluation.store import ResultsStore
from llmpert.models.registry import EVALUATED, LINE
from llmpert.screens import Screen
from tests.support import small

TABLE = small.gene_table({"KD000": "", "KD001": ""})
SETTINGS = Settings(folds=4, n_hvgs=12, top=5, components=6)
SOURCE = "measured in LineB"
MODELS = ["gp", *(name for name, spec in EVALUATED.items() if spec.copies == LINE)]


@pytest.fixture
def store(tmp_path) -> ResultsStore:
    return ResultsStore(tmp_path / "results")


def data(here: Screen | None = None, there: Screen | None = None) -> Dataset:
    """LineB measures other genes first, and did not knock down the first two."""
    other = small.screen("LineB", seed=1, genes=40)
    other = other.select(list(other.perturbations[2:]), list(other.genes[::-1]))
    screens = (here or small.screen("LineA"), there or other)
    lines = {screen.line: screen for screen in screens}
    return Dataset("two", lines, {"text": small.embedding()}, gene_table=TABLE)


def experiment(store: ResultsStore, made: Dataset, *sources: str) -> Experiment:
    problem = made.elsewhere("LineA")
    return Experiment(problem.only(*sources) if sources else problem, SETTINGS, store)


def test_knockdowns_that_were_not_made_elsewhere_are_left_out_with_the_reason():
    problem = data().elsewhere("LineA")
    assert problem.embedding_name == f"text+{SOURCE}"
    assert problem.left_out == {
        f"KD00{n}": f"KD00{n} was not knocked down in LineB" for n in range(2)
    }
    assert list(problem.perturbations) == small.names("KD", 40)[2:]


def test_a_copy_is_what_the_other_line_measured_of_each_gene(store):
    made = data()
    one = experiment(store, made)
    found = one.fold_prediction("copy", 20, 0)
    expected = made.screens["LineB"].select(list(found.perturbations), list(found.genes))
    np.testing.assert_array_equal(found.mean, expected.response)
    # Of a gene of neither fold, by whatever model, and of one that the other line lacks.
    trained = one.fit_all("copy", held_out=["KD005"])
    again = made.screens["LineB"].select(["KD005"], list(trained.genes))
    np.testing.assert_array_equal(trained.predict(["KD005"]).mean, again.response)
    with pytest.raises(InputError, match="KD000 was not knocked down in LineB"):
        trained.predict(["KD000"])


@pytest.mark.parametrize("model", MODELS)
def test_test_responses_reach_predictions_from_the_other_line_alone(model, store, tmp_path):
    original = data()
    one = experiment(store, original)
    tested = one.problem.perturbations[one.tested(1)]

    def changed(screen: Screen) -> Screen:
        response = screen.response.copy()
        response[np.isin(screen.perturbations, tested)] += np.linspace(1, 9, len(screen.genes))
        return replace(screen, response=response)

    here, there = (original.screens[line] for line in small.LINES)
    before = one.fold_prediction(model, 20, 1).mean
    others = [data(changed(here), there), data(here, changed(there))]
    same, moved = (
        experiment(ResultsStore(tmp_path / f"{n}"), other).fold_prediction(model, 20, 1).mean
        for n, other in enumerate(others)
    )
    np.testing.assert_array_equal(same, before)
    assert not np.array_equal(moved, before)


def test_lines_need_not_share_a_measured_gene_unless_they_are_copied(store):
    other = small.screen("LineB", seed=1)
    other = replace(other, genes=np.array([f"ELSE{n}" for n in range(30)], dtype=object))
    one = experiment(store, data(there=other), SOURCE)
    assert one.scores("gp", 20, 0)["pearson_all"].mean() > 0.5
    with pytest.raises(InputError, match="LineA and LineB measure no gene in common"):
        one.scores("copy", 20, 0)


def test_results_say_what_each_model_knew(store):
    made = data()
    whole = made.elsewhere("LineA")
    compared = [Experiment(whole.only(*c.split("+")), SETTINGS, store)
                for c in ("text", SOURCE, f"text+{SOURCE}")]  # fmt: skip
    fits = grid(compared, ["mean", "copy", "stack-copy", "gp"], [20])
    table = run(fits).table
    known = table.groupby("model", observed=True)["embedding"].unique().map(set)
    assert known["mean"] == {NO_EMBEDDING}
    assert known["copy"] == {SOURCE}
    assert known["stack-copy"] == {SOURCE, f"text+{SOURCE}"}
    assert known["gp"] == {"text", SOURCE, f"text+{SOURCE}"}
    # Each tests every perturbation once.
    table = table[table["metric"].isin(list(paper(SETTINGS.top)))]
    assert set(table.groupby(["model", "embedding"], observed=True).size()) == {38 * 4}


def test_what_cannot_be_copied_is_said(store):
    alone = Experiment(Problem.align(small.screen(), [small.embedding()], TABLE), SETTINGS, store)
    with pytest.raises(InputError, match="responses of another line"):
        grid([alone], ["gp", "copy"], [20])
    with pytest.raises(InputError, match="responses of another line"):
        alone.scores("copy", 20, 0)
    with pytest.raises(InputError, match="two lines or more"):
        Dataset("one", {"LineA": small.screen()}, {"text": small.embedding()}).elsewhere("LineA")


def test_kept_fits_are_of_the_other_line_as_it_was(store):
    one, same = (experiment(store, data(), SOURCE) for _ in range(2))
    other = experiment(store, data(there=small.screen("LineB", seed=2)), SOURCE)
    part = one.split(20, 0)
    for model in MODELS:
        assert one.key(model, part) == same.key(model, part) != other.key(model, part)
    assert Elsewhere.of(small.screen()).fingerprint != Elsewhere.of(
        replace(small.screen(), genes=small.screen().genes[::-1])
    ).fingerprint  # fmt: skip
