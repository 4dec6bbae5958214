from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.grid import about, grid, run, training_sizes
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.results import COLUMNS, NO_EMBEDDING, Results
from llmpert.evaluation.store import ResultsStore
from llmpert.parallel import workers
from tests.support import small

TABLE = small.gene_table({"OTHER": ""})
SETTINGS = Settings(folds=4, n_hvgs=12, top=5, components=6)
FAST = ["random", "mean", "knn"]


@pytest.fixture
def store(tmp_path) -> ResultsStore:
    return ResultsStore(tmp_path / "results")


def experiments(store: ResultsStore, **fields) -> list[Experiment]:
    """Two lines, each with each of two embeddings and with both."""
    sources = [small.embedding(), small.embedding("sequence", seed=4)]
    made = []
    for seed, line in enumerate(small.LINES):
        aligned = Problem.align(small.screen(line, seed=seed, **fields), sources, TABLE)
        parts = (aligned.only("text"), aligned.only("sequence"), aligned)
        made += [Experiment(part, SETTINGS, store) for part in parts]
    return made


def sorted_table(results: Results) -> pd.DataFrame:
    plain = results.table.astype({c: str for c in ("line", "embedding", "model", "metric")})
    return plain.sort_values(list(COLUMNS)).reset_index(drop=True)


def test_all_fits_are_in_the_table_once(store):
    fits = grid(experiments(store), FAST, [5, 20], repeats=2)
    # Per line: 2 models without embedding, 1 with three embeddings; 2 sizes, 2 repeats, 4 folds.
    assert len(fits) == 2 * (2 + 3) * 2 * 2 * 4
    table = run(fits).table
    assert tuple(table.columns) == COLUMNS
    # Each repeat tests each of 40 perturbations once, under all scores that bulk data allow.
    assert len(table) == 2 * (2 + 3) * 2 * 2 * 40 * 15
    counted = table.groupby(
        ["line", "embedding", "model", "train_size", "repeat", "metric"], observed=True
    )["perturbation"].agg(["size", "nunique"])
    assert len(counted) == 2 * (2 + 3) * 2 * 2 * 15
    assert (counted == 40).all(axis=None)
    folds = table.groupby(["line", "perturbation"], observed=True)["fold"].nunique()
    assert (folds == 1).all()
    by_model = table.groupby("model", observed=True)["embedding"].unique()
    assert set(by_model["knn"]) == {"text", "sequence", "text+sequence"}
    assert set(by_model["mean"]) == set(by_model["random"]) == {NO_EMBEDDING}
    assert set(table["train_size"]) == {5, 20}
    assert set(table["repeat"]) == {0, 1}
    assert str(table["line"].dtype) == "category"


def test_some_scores_can_be_gathered(store):
    fits = grid(experiments(store)[:1], ["mean"], [20])
    every, some = run(fits).table, run(fits, metrics=["mae_all", "crps"]).table
    wanted = every.loc[every["metric"] == "mae_all", "value"]
    assert some["value"].tolist() == wanted.tolist()
    assert set(some["metric"]) == {"mae_all"}


def test_rows_are_the_scores_of_their_fits(store):
    fits = grid(experiments(store), ["knn"], [10])
    table = run(fits).table
    for fit in fits[::5]:
        scores = fit.experiment.scores("knn", 10, fit.fold, 0)
        rows = table[
            (table["line"] == fit.experiment.problem.screen.line)
            & (table["embedding"] == fit.embedding)
            & (table["fold"] == fit.fold)
        ]
        long = scores.melt("perturbation", var_name="metric")
        for column in ("perturbation", "metric", "value"):
            np.testing.assert_array_equal(rows[column], long[column])


def test_small_training_sets_come_first(store):
    sizes = [fit.train_size for fit in grid(experiments(store), FAST, [20, 5, 10])]
    assert sizes == sorted(sizes)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("stop", [0, 7])
def test_a_stopped_run_goes_on_where_it_was(store, tmp_path, monkeypatch, stop):
    made: list[str] = []
    fit_and_predict = Experiment._fit_and_predict

    def counted(self, model, part):
        made.append(model)
        return fit_and_predict(self, model, part)

    monkeypatch.setattr(Experiment, "_fit_and_predict", counted)

    def stopping(done: int, total: int, label: str) -> None:
        if done == stop:
            raise Stopped

    fits = grid(experiments(store), FAST, [5])
    with pytest.raises(Stopped):
        run(fits, stopping)
    assert len(made) == stop
    kept = [fit.experiment.store.has_scores(fit.key) for fit in fits]
    assert kept == [True] * stop + [False] * (len(fits) - stop)

    resumed = run(grid(experiments(ResultsStore(store.folder)), FAST, [5]))
    assert len(made) == len(fits)
    straight = run(grid(experiments(ResultsStore(tmp_path / "other")), FAST, [5]))
    pd.testing.assert_frame_equal(resumed.table, straight.table)
    made.clear()
    again = run(fits)
    assert not made
    pd.testing.assert_frame_equal(again.table, straight.table)


@pytest.mark.processes
def test_fits_made_by_other_processes_are_the_same_and_kept_here(store, tmp_path):
    fits = grid(experiments(store), FAST, [5])
    with workers(2) as somewhere:
        spread = run(fits, somewhere=somewhere)
    assert all(fit.experiment.store.has_scores(fit.key) for fit in fits)
    here = run(grid(experiments(ResultsStore(tmp_path / "other")), FAST, [5]))
    pd.testing.assert_frame_equal(spread.table, here.table, rtol=1e-6)


def test_fits_that_others_make_meanwhile_are_not_made_again(store, monkeypatch):
    made: list[str] = []
    fit_and_predict = Experiment._fit_and_predict

    def counted(self, model, part):
        made.append(model)
        return fit_and_predict(self, model, part)

    monkeypatch.setattr(Experiment, "_fit_and_predict", counted)
    fits = grid(experiments(store), FAST, [5])

    def overtaken(done: int, total: int, label: str) -> None:
        if done == 1:
            run(grid(experiments(ResultsStore(store.folder)), FAST, [5]))

    run(fits, overtaken)
    assert len(made) == len(fits)


def test_progress_tells_every_step(store):
    told: list[tuple[int, int, str]] = []
    fits = grid(experiments(store)[:1], ["mean", "knn"], [5])
    run(fits, lambda *step: told.append(step))
    assert [step[0] for step in told] == list(range(9))
    assert {step[1] for step in told} == {8}
    assert "LineA: Non-control mean, 5 training perturbations, fold 1, repeat 1" in {
        step[2] for step in told
    }
    assert any("kNN (k = 1) on text" in step[2] for step in told)


def test_the_order_of_experiments_and_models_does_not_matter(store, tmp_path):
    models = [*FAST, "linear"]
    one = run(grid(experiments(store)[2:4], models, [5, 8]))
    other = ResultsStore(tmp_path / "other")
    two = run(grid(experiments(other)[3:1:-1], models[::-1], [8, 5, 8]))
    pd.testing.assert_frame_equal(sorted_table(one), sorted_table(two))
    assert one.about == two.about


def test_training_sizes_are_cut_to_what_folds_offer(store):
    one = experiments(store)[0]
    assert one.largest_training_size == 30
    assert training_sizes(one, [20, 5, 20]) == ([5, 20], {})
    assert training_sizes(one, [30, 31, 1000, 10]) == ([10, 30], {31: 30, 1000: 30})
    assert training_sizes(one, []) == ([30], {})
    assert {fit.train_size for fit in grid([one], ["mean"], [500])} == {30}
    for size in (1, 0, -3):
        with pytest.raises(InputError, match=f"found {size}"):
            training_sizes(one, [10, size])


def test_lines_of_different_length_have_their_own_largest_size(store):
    lines = [
        Experiment(
            Problem.align(small.screen(line, count), [small.embedding()], TABLE), SETTINGS, store
        )
        for line, count in (("LineA", 40), ("LineB", 21))
    ]
    table = run(grid(lines, ["mean"], [])).table
    sizes = table.groupby("line", observed=True)["train_size"].unique()
    assert (sizes["LineA"].tolist(), sizes["LineB"].tolist()) == ([30], [15])


def test_an_uneven_fold_tests_every_perturbation(store):
    aligned = Problem.align(small.screen(perturbations=23), [small.embedding()], TABLE)
    table = run(grid([Experiment(aligned, SETTINGS, store)], ["gp"], [])).table
    assert set(table["train_size"]) == {17}
    assert (table.groupby("metric", observed=True)["perturbation"].nunique() == 23).all()


@pytest.mark.parametrize(
    ("models", "repeats", "message"),
    [
        (["mean", "forest"], 1, "found forest"),
        (["mean"], 0, "at least 1 repeat, found 0"),
        ([], 1, "found 6 and 0"),
    ],
)
def test_grids_that_cannot_be_are_refused(store, models, repeats, message):
    with pytest.raises(InputError, match=message):
        grid(experiments(store), models, [5], repeats)


def test_a_grid_without_experiments_is_refused():
    with pytest.raises(InputError, match="at least one experiment"):
        grid([], ["mean"], [5])


def test_folds_that_leave_nothing_to_train_on_are_refused(store):
    aligned = Problem.align(small.screen(perturbations=3), [small.embedding()], TABLE)
    one = Experiment(aligned, replace(SETTINGS, folds=2), store)
    with pytest.raises(InputError, match="2 folds of 3 perturbations of LineA"):
        grid([one], ["mean"], [])


def other_screen(one: Experiment) -> Experiment:
    """The same line with fewer perturbations: what another embedding's coverage would leave."""
    aligned = Problem.align(small.screen(perturbations=30), one.problem.embeddings, TABLE)
    return replace(one, problem=aligned)


def other_vectors(one: Experiment) -> Experiment:
    return replace(one, problem=Problem.align(small.screen(), [small.embedding(seed=9)], TABLE))


def other_settings(one: Experiment) -> Experiment:
    return replace(one, settings=replace(SETTINGS, seed=3))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (other_screen, "wherever LineA is evaluated"),
        (other_vectors, "wherever LineA with text is evaluated"),
        (other_settings, "one set of settings"),
    ],
)
def test_experiments_whose_results_would_be_mixed_up_are_refused(store, other, message):
    one = experiments(store)[0]
    with pytest.raises(InputError, match=message):
        grid([one, other(one)], ["mean"], [5])


def test_the_same_experiment_twice_counts_once(store):
    one, two = experiments(store)[0], experiments(store)[0]
    assert len(grid([one, two, one], FAST, [5])) == 3 * 4


def test_results_say_what_they_are_about(store, tmp_path):
    results = run(grid(experiments(store), ["mean", "knn"], [5]))
    lines = results.about["lines"]
    # Both lines have the same perturbations and embeddings, and must not be taken for one.
    assert set(lines) == set(small.LINES)
    assert lines["LineA"]["fingerprint"] != lines["LineB"]["fingerprint"]
    assert lines["LineB"]["perturbations"] == 40
    assert lines["LineB"]["unit"] == "Δ expression"
    assert lines["LineA"]["source"] == "made for a test"
    assert set(results.about["embeddings"]) == {"text", "sequence"}
    assert not results.about["embeddings"]["text"]["stand_in"]
    assert results.about["settings"]["folds"] == 4
    assert not results.simulated
    results.write(tmp_path / "r.parquet")
    assert Results.read(tmp_path / "r.parquet").about == results.about


def test_results_name_the_downloads_they_rest_on(store):
    download = {"url": "https://example.org/a", "md5": "0" * 32, "licence": "CC BY 4.0"}
    screen = small.screen(provenance={"download": download})
    odd = replace(small.embedding(), provenance={"download": "from somewhere"})
    problem = Problem.align(screen, [odd], TABLE)
    told = about(grid([Experiment(problem, SETTINGS, store)], ["mean"], [5]))
    assert told["lines"]["LineA"]["download_md5"] == "0" * 32
    assert told["lines"]["LineA"]["download_url"] == "https://example.org/a"
    assert "download_md5" not in told["embeddings"]["text"]


@pytest.mark.parametrize("part", ["screen", "embedding"])
def test_anything_simulated_marks_the_results(store, part):
    marked = {"provenance": {"simulated": True, "source": "a recipe"}}
    screen = small.screen(**(marked if part == "screen" else {}))
    embedding = small.embedding()
    if part == "embedding":
        embedding = replace(embedding, provenance={**marked["provenance"], "stand_in": True})
    one = Experiment(Problem.align(screen, [embedding], TABLE), SETTINGS, store)
    plain = Problem.align(small.screen("LineB", seed=1), [small.embedding("sequence")], TABLE)
    told = about(grid([Experiment(plain, SETTINGS, store), one], ["mean"], [5]))
    assert told["simulated"] is True
    # An embedding is named although the model does not use it.
    assert told["embeddings"]["text"]["stand_in"] == (part == "embedding")
