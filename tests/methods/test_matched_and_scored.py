"""Predictions made elsewhere, scored: against the scores of the same predictions made here."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.results import COLUMNS, summarise
from llmpert.evaluation.scores import paper
from llmpert.evaluation.splits import nearest_size
from llmpert.evaluation.store import ResultsStore
from llmpert.methods.predictions import (
    ExternalPredictions,
    by_size,
    check,
    held_out,
    matched,
    not_differences,
    not_predicted,
    scores,
)
from tests.support import external_predictions, small

TABLE = small.gene_table({"KD005": "OLD5|OLDER5", "OUT003": "OLD3", "KD007": ""})
SPREAD = np.linspace(0.5, 2, 30)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """Twenty of thirty genes are scored, which ones differs between folds."""
    problem = Problem.align(small.screen(control_sd=SPREAD), [small.embedding()], TABLE)
    store = ResultsStore(tmp_path_factory.mktemp("store"))
    return Experiment(problem, Settings(n_hvgs=20, top=5, components=5), store)


def elsewhere(experiment, model="gp", size=32):
    """A registry model's held-out predictions as another program would hand them over.

    Genes that a fold does not predict are far off, so that scoring them would show.
    """
    screen = experiment.problem.screen
    delta = np.full(screen.response.shape, 1e6, np.float32)
    fold = np.full(len(delta), "", dtype=object)
    trained_on = {}
    for number in range(5):
        part = experiment.split(size, number)
        made = experiment.fold_prediction(model, size, number)
        columns = pd.Index(screen.genes).get_indexer(made.genes)
        delta[np.ix_(part.test, columns)] = made.mean
        fold[part.test] = f"model {number}"
        trained_on[f"model {number}"] = screen.perturbations[part.train]
    return ExternalPredictions(
        "Other", screen.line, screen.unit, screen.perturbations, screen.genes, delta, fold,
        trained_on, source="other.h5ad",
    )  # fmt: skip


def shuffled(predictions, seed=0, rename=()):
    """The same predictions in another order, under other names, with genes that nobody knows."""
    rng = np.random.default_rng(seed)
    rows, columns = (rng.permutation(n) for n in predictions.delta.shape)
    new = dict(rename)
    delta = np.c_[predictions.delta, np.ones(len(rows))]
    return replace(
        predictions,
        perturbations=[new.get(p, p) for p in predictions.perturbations[rows]],
        genes=[*(new.get(g, g) for g in predictions.genes[columns]), "UNKNOWN"],
        delta=delta[rows][:, [*columns, delta.shape[1] - 1]],
        fold=predictions.fold[rows],
        trained_on={
            f: [*(new.get(p, p) for p in rng.permutation(names)), "ELSEWHERE"]
            for f, names in predictions.trained_on.items()
        },
    )


@pytest.mark.parametrize("model", ["mean", "gp"])
def test_our_own_predictions_score_as_the_model_that_made_them(experiment, model):
    ours = run(grid([experiment], [model], [32])).table
    given = shuffled(
        elsewhere(experiment, model), 3, {"KD005": "OLD5", "OUT003": "OLD3", "KD007": "kd007"}
    )
    found = scores(matched(given, experiment.problem.screen, TABLE), experiment)
    assert tuple(found.columns) == COLUMNS
    key = ["metric", "perturbation"]
    assert set(found["metric"].value_counts()) == {40}
    assert set(found["metric"]) >= set(paper(experiment.settings.top))
    # What was made elsewhere has no distribution.
    ours = ours[ours["metric"].isin(found["metric"])]
    found, ours = (t.astype({k: str for k in key}).sort_values(key) for t in (found, ours))
    np.testing.assert_array_equal(found["value"], ours["value"])
    np.testing.assert_array_equal(found["fold"], ours["fold"])
    np.testing.assert_array_equal(found["perturbation"], ours["perturbation"])
    assert set(found["model"]) == {"Other"}
    assert set(found["embedding"]) == {"none"}
    assert set(found["train_size"]) == {33}
    assert set(found["repeat"]) == {0}
    columns = ["mean", "se", "folds", "perturbations", "undefined"]
    pd.testing.assert_frame_equal(
        summarise(found).sort_values("metric")[columns].reset_index(drop=True),
        summarise(ours).sort_values("metric")[columns].reset_index(drop=True),
    )


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.sets(st.integers(0, 39), min_size=1, max_size=39))
def test_order_and_missing_rows_change_no_score(experiment, seed, kept):
    whole = elsewhere(experiment, "mean")
    rows = sorted(kept)
    part = replace(
        whole,
        perturbations=whole.perturbations[rows], delta=whole.delta[rows], fold=whole.fold[rows],
    )  # fmt: skip
    found = matched(shuffled(part, seed), experiment.problem.screen, TABLE)
    assert list(found.perturbations) == list(whole.perturbations[rows])
    np.testing.assert_array_equal(found.delta, part.delta)
    np.testing.assert_array_equal(found.fold, part.fold)
    key = ["perturbation", "metric"]
    expected = scores(whole, experiment).set_index(key)["value"]
    values = scores(found, experiment).set_index(key)["value"]
    # Other scores compare a perturbation with the others that were predicted.
    values = values[
        values.index.get_level_values("metric").isin(list(paper(experiment.settings.top)))
    ]
    assert len(values) == 4 * len(rows)
    np.testing.assert_allclose(values, expected[values.index], rtol=1e-12)
    assert not_predicted(found, experiment.problem.screen) == list(
        np.delete(whole.perturbations, rows)
    )


def test_the_measurement_is_never_part_of_what_is_predicted(experiment):
    screen = experiment.problem.screen
    predictions = elsewhere(experiment, "mean")
    perfect = replace(predictions, delta=screen.response)
    found = scores(perfect, experiment).groupby("metric")["value"].mean()
    assert found["pearson_all"] == pytest.approx(1)
    assert found["mae_all"] == 0


def test_one_perturbation_is_handed_out_at_the_genes_that_it_is_scored_on(experiment):
    whole = elsewhere(experiment, "mean")
    for name in ("KD000", "KD023"):
        ours = experiment.fold_prediction("mean", 32, experiment.fold_of(name)).row(name)
        found = held_out(whole, experiment, name)
        np.testing.assert_array_equal(found.genes, ours.genes)
        np.testing.assert_array_equal(found.mean, ours.mean)
        assert found.std is None
        kept = whole.perturbations != name
        rest = replace(
            whole,
            perturbations=whole.perturbations[kept], delta=whole.delta[kept],
            fold=whole.fold[kept],
        )  # fmt: skip
        assert held_out(rest, experiment, name) is None
    with pytest.raises(InputError, match="KD044 has no held-out prediction"):
        held_out(whole, experiment, "KD044")


def test_the_training_size_can_be_given(experiment):
    assert set(scores(elsewhere(experiment, "mean"), experiment, 30)["train_size"]) == {30}


def refuses(experiment, said, **changed):
    predictions = replace(elsewhere(experiment, "mean"), **changed)
    with pytest.raises(InputError, match=r"^other\.h5ad: expected ") as caught:
        check(matched(predictions, experiment.problem.screen, TABLE), experiment)
    caught.match(said)


def test_another_line_or_unit_is_refused(experiment):
    refuses(experiment, r"predictions of LineA, found HeLa\.$", line="HeLa")
    refuses(experiment, "the screen, Δ expression, found counts", unit="counts")


def test_other_genes_are_counted_and_named(experiment):
    genes = elsewhere(experiment, "mean").genes
    refuses(experiment, r"a gene of the screen \(OUT000, .*only others \(X0", genes=[
        f"X{n}" for n in range(30)
    ])  # fmt: skip
    folds = [set(experiment.scored_genes(fold)) for fold in range(5)]
    scored = sorted(set.union(*folds))
    assert len(scored) > 20  # some genes are scored in some folds only
    never = next(at for at in range(30) if at not in scored)
    sometimes = next(at for at in scored if not all(at in fold for fold in folds))
    renamed = genes.copy()
    renamed[[never, sometimes]] = "never", "sometimes"
    refuses(experiment, f"the {len(scored)} genes.* 1 of them missing: {genes[sometimes]}",
            genes=renamed)  # fmt: skip
    renamed[sometimes] = genes[sometimes]
    check(matched(replace(elsewhere(experiment, "mean"), genes=renamed),
                  experiment.problem.screen, TABLE), experiment)  # fmt: skip


def test_a_gene_may_be_missing_where_a_perturbation_is_not_scored_on_it(experiment):
    whole = elsewhere(experiment, "mean")
    delta = np.where(whole.delta == 1e6, np.nan, whole.delta)
    assert np.isnan(delta).any()
    given = shuffled(replace(whole, delta=delta), 1)
    found = matched(given, experiment.problem.screen, TABLE)
    check(found, experiment)
    pd.testing.assert_frame_equal(scores(found, experiment, 32), scores(whole, experiment))
    row = int(experiment.tested(2)[0])
    column = int(experiment.scored_genes(2)[0])
    delta[row, column] = np.nan
    refuses(experiment, rf"1 of them missing: {whole.genes[column]}\.$", delta=delta)


def test_missing_perturbations_are_counted_named_and_allowed_when_it_is_said(experiment):
    whole = elsewhere(experiment, "mean")
    rest = replace(
        whole, perturbations=whole.perturbations[2:], delta=whole.delta[2:], fold=whole.fold[2:]
    )
    with pytest.raises(InputError, match=r"all 40 perturbations of LineA.*2 of them missing: "
                       r"KD000, KD001\.$"):  # fmt: skip
        check(rest, experiment)
    check(rest, experiment, allow_missing=True)
    refuses(experiment, r"a perturbation of the screen \(KD000, .*only others \(X0", perturbations=[
        f"X{n}" for n in range(40)
    ])  # fmt: skip


def test_an_overlap_under_another_name_is_refused(experiment):
    whole = elsewhere(experiment, "mean")
    fold = whole.fold[5]
    trained_on = {**whole.trained_on, fold: [*whole.trained_on[fold], "OLDER5"]}
    refuses(experiment, f"1 that fold {fold} was trained on: KD005", trained_on=trained_on)
    # Neither name is the screen's.
    trained_on[fold][-1] = "KD005"
    names = whole.perturbations.copy()
    names[5] = "OLD5"
    refuses(experiment, f"fold {fold} was trained on: OLD5", trained_on=trained_on,
            perturbations=names)  # fmt: skip


def test_training_names_that_match_nothing_are_refused(experiment):
    whole = elsewhere(experiment, "mean")
    odd = {fold: [f"{name}+ctrl" for name in names] for fold, names in whole.trained_on.items()}
    refuses(experiment, r"only others \(KD\d+\+ctrl", trained_on=odd)


def test_two_rows_of_one_gene_are_refused_unless_one_is_the_screens_own(experiment):
    whole = elsewhere(experiment, "mean")
    names = whole.perturbations.copy()
    names[5], names[6] = "OLD5", "OLDER5"
    trained_on = {f: [n for n in names_ if n not in ("KD005", "KD006")]
                  for f, names_ in whole.trained_on.items()}  # fmt: skip
    refuses(experiment, "one perturbation that means KD005, found OLD5, OLDER5",
            perturbations=names, trained_on=trained_on)  # fmt: skip
    names[6] = "KD005"
    found = matched(replace(whole, perturbations=names, trained_on=trained_on),
                    experiment.problem.screen, TABLE)  # fmt: skip
    at = list(found.perturbations).index("KD005")
    np.testing.assert_array_equal(found.delta[at], whole.delta[6])
    assert "KD006" not in found.perturbations


@pytest.mark.parametrize(
    ("size", "counts_as"),
    [(1419, 1400), (1540, 1400), (1541, 1541), (1260, 1400), (1259, 1259), (880, 800), (90, 100),
     (300, 300), (440, 400), (100, 100)],
)  # fmt: skip
def test_a_size_within_a_tenth_counts_as_the_page_s(size, counts_as):
    assert nearest_size(size, (100, 200, 400, 800, 1400)) == counts_as


def test_the_nearest_size_is_taken_where_several_count_as_one(experiment):
    def trained(size, method="Other"):
        names = {f"model {n}": [f"T{i}" for i in range(size)] for n in range(5)}
        return replace(elsewhere(experiment, "mean"), trained_on=names, method=method)

    every = [trained(95), trained(102), trained(108), trained(300), trained(200, "More")]
    found = by_size(every, (100, 200))
    assert {key: one.train_size for key, one in found.items()} == {
        ("Other", 100): 102, ("Other", 300): 300, ("More", 200): 200,
    }  # fmt: skip
    assert by_size(every[::-1], (100, 200)) == found


def test_predictions_that_may_be_expression_are_told():
    """As GEARS hands them over: the level of each gene, plus a little."""
    screen = small.screen()
    made = external_predictions.predictions(screen)
    assert not_differences(made, screen) == ""
    level = np.random.default_rng(5).gamma(2, 2, len(screen.genes)) + 2
    absolute = replace(made, delta=np.clip(made.delta + level, 0, None))
    assert "No value is negative, while LineA has decreases, and they are" in not_differences(
        absolute, screen
    )
    ranks = replace(screen, response=np.abs(screen.response))
    assert not_differences(absolute, ranks) == ""
    holes = replace(absolute, delta=np.where(absolute.delta > 5, np.nan, absolute.delta))
    assert not_differences(holes, screen) != ""
