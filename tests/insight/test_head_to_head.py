"""Two methods by perturbation, against values worked by hand and SciPy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.results import NO_EMBEDDING
from llmpert.evaluation.scores import paper
from llmpert.evaluation.store import ResultsStore
from llmpert.insight.head_to_head import (
    OURS,
    RIVAL,
    TIE,
    UNDEFINED,
    Method,
    Tally,
    common_metrics,
    default_pair,
    effect_size,
    largest_effects,
    methods,
    methods_of,
    pairs,
    sets_won,
    short_labels,
)
from llmpert.models.registry import MODELS
from tests.support import small

METRICS = paper()
PEARSON, MAE = METRICS["pearson_top20"], METRICS["mae_all"]
GP, LINEAR = Method("gp", "text+sequence"), Method("linear", "text+sequence")


def results(ours, rival, metric=PEARSON):
    names = small.names("KD", len(ours))
    rows = [
        (method.model, method.embedding, name, metric.name, value)
        for method, values in ((GP, ours), (LINEAR, rival))
        for name, value in zip(names, values, strict=True)
    ]
    columns = ["model", "embedding", "perturbation", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def effect(*sizes):
    return pd.Series(sizes, index=small.names("KD", len(sizes)), dtype=float)


def test_winners_ties_and_undefined_values_are_told_apart():
    nan = float("nan")
    table = pairs(
        results([0.5, 0.1, 0.3, nan, 0.2], [0.2, 0.4, 0.3, 0.1, nan]),
        GP, LINEAR, PEARSON, effect(1, 2, 3, 4, 5),
    )  # fmt: skip
    assert list(table["perturbation"]) == ["KD004", "KD003", "KD002", "KD001", "KD000"]
    assert list(table["winner"]) == [UNDEFINED, UNDEFINED, TIE, RIVAL, OURS]
    np.testing.assert_allclose(table["difference"].iloc[2:], [0, -0.3, 0.3])
    tally = Tally.of(table)
    assert (tally.ours, tally.rival, tally.ties, tally.undefined) == (1, 1, 1, 2)
    assert tally.compared == 3
    assert tally.share == pytest.approx(1 / 3)


def test_the_smaller_error_wins():
    table = pairs(results([1.0, 3.0], [2.0, 2.0], MAE), GP, LINEAR, MAE, effect(2, 1))
    assert list(table["winner"]) == [OURS, RIVAL]
    assert list(table["difference"]) == [-1.0, 1.0]


def test_nothing_to_compare_has_no_share():
    table = pairs(results([float("nan")], [1.0]), GP, LINEAR, PEARSON, effect(1))
    assert Tally.of(table) == Tally(0, 0, 0, 1)
    assert np.isnan(Tally.of(table).share)


@given(st.integers(1, 40), st.floats(0.01, 1), st.integers(0, 1000))
def test_the_strongest_share_is_kept_and_counts_add_up(count, share, seed):
    rng = np.random.default_rng(seed)
    sizes = effect(*rng.permutation(count))
    values = rng.choice([0.1, 0.2, np.nan], size=(2, count))
    everything = pairs(results(*values), GP, LINEAR, PEARSON, sizes)
    assert len(everything) == count
    table = largest_effects(everything, share)
    assert len(table) == max(1, np.ceil(share * count))
    assert set(table["effect"]) == set(range(count - len(table), count))
    tally = Tally.of(table)
    assert tally.compared + tally.undefined == len(table)


def test_perturbations_as_strong_as_the_weakest_one_kept_are_kept_too():
    sizes = effect(3, 1, 2, 2 * (1 + 1e-7), 2, 1.9)
    everything = pairs(results([1.0] * 6, [0.0] * 6), GP, LINEAR, PEARSON, sizes)
    table = largest_effects(everything, 1 / 3)
    assert set(table["perturbation"]) == {"KD000", "KD002", "KD003", "KD004"}


def test_effect_size_is_the_root_mean_square():
    screen = small.screen(perturbations=3, genes=5)
    found = effect_size(screen)
    for row, name in enumerate(screen.perturbations):
        assert found[name] == pytest.approx(np.linalg.norm(screen.response[row]) / np.sqrt(5))


def test_every_model_is_offered_and_ours_meets_linear():
    offered = methods(["text", "sequence", "text+sequence"])
    assert Method("mean", NO_EMBEDDING) in offered
    assert sum(m.model == "knn" for m in offered) == 3
    assert default_pair(offered) == (GP, LINEAR)
    assert default_pair(methods(["text"])) == (Method("gp", "text"), Method("linear", "text"))


PUBLISHED = pd.DataFrame(
    [
        ("GEARS (published)", NO_EMBEDDING, "KD001", "pearson_top20", 0.4),
        ("GEARS (published)", NO_EMBEDDING, "KD002", "pearson_top20", 0.3),
        ("GEARS (published)", NO_EMBEDDING, "KD002", "mae_all", 0.1),
        ("Scouter (published)", NO_EMBEDDING, "KD002", "pearson_top20", 0.5),
        ("Scouter (published)", NO_EMBEDDING, "KD009", "pearson_top20", 0.7),
        ("other (published)", NO_EMBEDDING, "KD001", "mae_all", 0.2),
    ],
    columns=["model", "embedding", "perturbation", "metric", "value"],
)
GEARS, SCOUTER, OTHER = methods_of(PUBLISHED)


def test_published_methods_are_offered_but_none_at_first():
    assert [m.label for m in (GEARS, SCOUTER)] == ["GEARS (published)", "Scouter (published)"]
    assert GEARS.published
    assert not any(m.published or m.external for m in methods(["text"]))
    expected = (Method("gp", "text"), Method("linear", "text"))
    assert default_pair([*methods(["text"]), GEARS]) == expected
    assert default_pair([GEARS, *methods(["text"])]) == expected
    assert default_pair([GEARS, SCOUTER]) == (SCOUTER, GEARS)
    assert short_labels(GP, GEARS) == (MODELS["gp"].label, "GEARS (published)")


def test_predictions_of_gears_are_the_first_rival_as_in_the_paper():
    gears, other = Method("GEARS"), Method("A method")
    assert gears.external
    assert not gears.published
    assert not GEARS.external
    assert gears.label == "GEARS"
    offered = [*methods(["text", "text+sequence"]), GEARS, other, gears]
    assert default_pair(offered) == (GP, gears)
    assert default_pair(offered[:-1]) == (GP, LINEAR)
    assert common_metrics(GP, gears, PUBLISHED) == list(METRICS)
    assert common_metrics(gears, GEARS, PUBLISHED) == ["pearson_top20", "mae_all"]


def test_names_of_files_hold_nothing_odd():
    assert GP.slug == "gp-text+sequence"
    assert Method("a/b: c (published)").slug == "a-b-c-published-none"


def test_only_metrics_of_both_sides_are_common():
    assert common_metrics(GP, LINEAR, PUBLISHED) == list(METRICS)
    assert common_metrics(GP, GEARS, PUBLISHED) == ["pearson_top20", "mae_all"]
    assert common_metrics(GEARS, SCOUTER, PUBLISHED) == ["pearson_top20"]
    assert common_metrics(SCOUTER, OTHER, PUBLISHED) == []


def test_only_perturbations_of_both_sides_are_compared():
    found = pd.concat([results([0.5] * 3, [0.2] * 3), PUBLISHED])
    table = pairs(found, GP, GEARS, PEARSON, effect(1, 2, 3)).set_index("perturbation")
    assert list(table.index) == ["KD002", "KD001"]
    assert list(table["rival"]) == [0.3, 0.4]
    table = pairs(found, SCOUTER, GEARS, PEARSON, effect(*range(10)))
    assert list(table["perturbation"]) == ["KD002"]
    with pytest.raises(InputError, match=r"Scouter \(published\) and other \(published\)"):
        pairs(found, SCOUTER, OTHER, PEARSON, effect(1))


def test_one_method_has_no_rival():
    with pytest.raises(InputError, match="at least two methods"):
        default_pair([GP])


def test_labels_name_the_embedding_where_models_do_not_differ():
    assert short_labels(GP, LINEAR) == (MODELS["gp"].label, MODELS["linear"].label)
    assert short_labels(GP, Method("gp", "text"))[1] == f"{MODELS['gp'].label}, text"


def test_kept_scores_of_an_experiment_make_pairs(tmp_path):
    problem = Problem.align(small.screen(), [small.embedding()], small.gene_table({"A1": ""}))
    experiment = Experiment(problem, Settings(folds=4), ResultsStore(tmp_path))
    found = run(grid([experiment], ["linear", "knn"], [20])).table
    linear, knn = Method("linear", "text"), Method("knn", "text")
    sizes = effect_size(problem.screen)
    table = pairs(found, linear, knn, PEARSON, sizes).set_index("perturbation")
    assert sorted(table.index) == sorted(problem.screen.perturbations)
    for fold in range(4):
        scores = experiment.scores("linear", 20, fold).set_index("perturbation")
        expected = scores["pearson_top20"].to_numpy()
        np.testing.assert_array_equal(table.loc[scores.index, "ours"], expected)


def test_sets_are_ranked_by_the_signed_rank_test_on_their_own_perturbations():
    rng = np.random.default_rng(5)
    difference = np.concatenate([rng.uniform(0.1, 0.3, 10), rng.normal(0, 0.2, 10)])
    rival = np.zeros(20)
    table = pairs(results(difference, rival), GP, LINEAR, PEARSON, effect(*range(20)))
    names = small.names("KD", 20)
    sets = {
        "mixed": set(names[10:]),
        "won": set(names[:10]) | {"KD999"},
        "few": set(names[:5]),
    }
    won = sets_won(table, sets, PEARSON)
    assert list(won["set"]) == ["won", "mixed"]
    first = won.iloc[0]
    assert (first["perturbations"], first["ours"], first["rival"]) == (10, 10, 0)
    assert first["winner"] == OURS
    assert first["difference"] == pytest.approx(np.median(difference[:10]))
    assert first["p"] == pytest.approx(2 / 2**10)  # all ten signs alike, exactly
    mixed = wilcoxon(difference[10:]).pvalue
    assert won["p"].iloc[1] == pytest.approx(mixed)
    # Benjamini & Hochberg by hand: p x tests / rank, never above a larger one's.
    assert won["fdr"].iloc[0] == pytest.approx(min(2 * first["p"], mixed))
    assert won["fdr"].iloc[1] == pytest.approx(mixed)


def test_the_winner_of_a_set_has_the_smaller_error():
    table = pairs(results([1.0] * 6, range(2, 8), MAE), GP, LINEAR, MAE, effect(*range(6)))
    won = sets_won(table, {"all": set(small.names("KD", 6))}, MAE)
    assert list(won["winner"]) == [OURS]
    assert won["difference"].iloc[0] < 0


def test_small_sets_and_ties_are_not_tested():
    table = pairs(results([1.0] * 8, [1.0] * 3 + [0.5] * 5), GP, LINEAR, PEARSON, effect(*range(8)))
    won = sets_won(table, {"all": set(small.names("KD", 8))}, PEARSON)
    assert won.empty
    assert "fdr" in won.columns
