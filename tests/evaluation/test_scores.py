"""All scores, against other implementations, a case worked by hand, and what must hold of any."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import rankdata, spearmanr, ttest_ind_from_stats
from sklearn.metrics import average_precision_score, r2_score

from llmpert.errors import InputError
from llmpert.evaluation import differential
from llmpert.evaluation.comparison import Measured
from llmpert.evaluation.discrimination import Distances
from llmpert.evaluation.metrics import interval_score, top_genes
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.scores import GROUPS, LACKS, choose, evaluate, registry
from llmpert.models.distribution import Distribution
from tests.support import small

KINDS = ("l1", "l2", "cosine")
METRICS = registry(5)


def measured(seed: int = 0, perturbations: int = 6, genes: int = 40, **fields) -> Measured:
    """Responses of which everything is known."""
    rng = np.random.default_rng(seed)
    response, spread = rng.normal(size=(perturbations, genes)), rng.uniform(0.5, 2, genes)
    return Measured(
        response,
        top_genes(response, 100, spread),
        **{
            "reference": rng.normal(size=genes) / 3,
            "own": np.array([2, -1, 0, 39, -1, 7])[:perturbations],
            "called": np.abs(response / spread) > 1,
            "weights": differential.weights(response),
            "spread": spread,
            **fields,
        },
    )


def likely(mean: np.ndarray) -> Prediction:
    rows, columns = mean.shape
    return Prediction(
        np.arange(rows), np.arange(columns), mean, np.full(mean.shape, 0.5), np.zeros(rows),
        Distribution.normal(),
    )  # fmt: skip


def scores(predicted: np.ndarray, of: Measured) -> dict[str, np.ndarray]:
    return evaluate(predicted, of, METRICS, likely(predicted))


def test_the_registry_describes_every_score():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.definition.endswith(".")
        assert metric.edge_cases.endswith(".")
        assert metric.group in GROUPS
        assert metric.needs <= LACKS.keys()
    assert len({metric.label for metric in METRICS.values()}) == len(METRICS)
    assert [metric.group for metric in METRICS.values()] == sorted(
        (metric.group for metric in METRICS.values()), key=GROUPS.index
    )


def test_scores_are_chosen_by_name():
    assert [metric.name for metric in choose([])] == list(registry())[:4]
    assert choose(["all"]) == list(registry().values())
    assert [metric.name for metric in choose(["crps", "mae_top7"], 7)] == ["mae_top7", "crps"]
    with pytest.raises(InputError, match=r"found mae_top20\.$"):
        choose(["mae_top20"], 7)


def test_the_truth_scores_best_and_noise_worse():
    of = measured()
    perfect = evaluate(of.response, of, METRICS)
    noisy = scores(np.random.default_rng(9).normal(size=of.response.shape), of)
    assert noisy.keys() == METRICS.keys()
    for name, values in perfect.items():
        if name.endswith("_top100"):  # there are forty
            np.testing.assert_allclose(values, noisy[name])
            continue
        np.testing.assert_allclose(values, METRICS[name].perfect, atol=1e-9, err_msg=name)
        assert (abs(values - noisy[name]) > 1e-3).any(), name


@given(st.integers(0, 10**6))
def test_the_order_of_perturbations_and_genes_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    of = measured(seed, own=np.array([2, -1, 0, 39, -1, 7]))
    predicted = rng.normal(size=of.response.shape)
    rows, genes = rng.permutation(6), rng.permutation(40)
    where = np.argsort(genes)
    shuffled = Measured(
        of.response[rows][:, genes],
        where[of.strongest[rows]],
        of.reference[genes],
        np.where(of.own[rows] >= 0, where[of.own[rows]], -1),
        of.called[rows][:, genes],
        of.weights[rows][:, genes],
        of.spread[genes],
    )
    before, after = scores(predicted, of), scores(predicted[rows][:, genes], shuffled)
    for name, values in before.items():
        np.testing.assert_allclose(after[name], values[rows], atol=1e-9, err_msg=name)


@given(st.integers(0, 10**6), st.floats(0.1, 100))
def test_louder_predictions_gain_nothing_where_only_direction_counts(seed, factor):
    of = measured(seed)
    predicted = np.random.default_rng(seed).normal(size=of.response.shape)
    before, after = (evaluate(x, of, METRICS) for x in (predicted, factor * predicted))
    for name in before:
        if "cosine" in name or name.endswith("_de") or "overlap" in name or name == "pearson_all":
            np.testing.assert_allclose(after[name], before[name], atol=1e-9, err_msg=name)


@pytest.mark.parametrize("constant", ["mean", "nothing"])
def test_predictions_that_are_the_same_for_all_have_no_skill(constant):
    of = measured()
    row = of.reference if constant == "mean" else np.zeros(40)
    found = evaluate(np.tile(row, (6, 1)).astype(np.float32), of, METRICS)
    for kind in KINDS:
        np.testing.assert_array_equal(found[f"discrimination_{kind}_back"], 0.5)
    assert found["centroid_accuracy"].mean() == pytest.approx(0.5)
    assert found["discrimination_l1"].mean() == pytest.approx(0.5, abs=0.2)
    if constant == "mean":
        np.testing.assert_array_equal(found["pearson_relative"], 0)
        np.testing.assert_allclose(found["r2_relative"], 0, atol=1e-6)
    else:
        np.testing.assert_array_equal(found["direction_de"], 0.5)
        # As if drawn at random.
        np.testing.assert_allclose(found["overlap_top5"], 5 / 40)
        np.testing.assert_allclose(found["auprc_de"], of.called.mean(axis=1))


PREDICTED = np.array([[1.0, 0, 0, 0], [0, 2, 0, 1], [1, 0, 1, 0]])
TRUE = np.array([[2.0, 0, 0, 0], [0, 1, 0, 1], [2, 0, 3, 0]])
BY_HAND = {
    # Distances of predictions (rows) to measurements: L1 [1 3 4], [5 1 8], [2 4 3].
    "l1": ([1, 1, 0.5], [1, 1, 1]),
    # Squares [1 3 10], [9 1 18], [2 4 5]: the third is nearest to the first and second.
    "l2": ([1, 1, 0], [1, 1, 1]),
    # Cosines [1 0 .55], [0 .95 0], [.71 0 .98].
    "cosine": ([1, 1, 1], [1, 1, 1]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_three_perturbations_worked_by_hand(kind):
    distances = Distances(PREDICTED, TRUE, kind)
    forth, back = BY_HAND[kind]
    np.testing.assert_allclose(distances.of_predictions(), forth)
    np.testing.assert_allclose(distances.of_measurements(), back)


def test_a_gene_left_out_is_not_looked_at_worked_by_hand():
    # Without the first gene the first prediction is 0: as far from the first measurement (0) as
    # nothing, from the second 2, from the third 3. Nothing else changes.
    own = np.array([0, -1, -1])
    np.testing.assert_allclose(Distances(PREDICTED, TRUE, "l1").of_predictions(own), [1, 1, 0.5])
    # Without the third gene the third is [1 0 0] before [2 0 0], [0 1 1], [2 0 0]: the first and
    # third are as far.
    own = np.array([-1, -1, 2])
    np.testing.assert_allclose(Distances(PREDICTED, TRUE, "l1").of_predictions(own)[2], 0.75)


@given(st.integers(0, 10**6), st.sampled_from(KINDS))
def test_discrimination_is_brute_force(seed, kind):
    rng = np.random.default_rng(seed)
    # Whole numbers, so that there are ties.
    predicted, true = rng.integers(-1, 2, size=(2, 7, 5)).astype(float)
    own = rng.integers(-1, 5, 7)
    found = Distances(predicted, true, kind)
    for pair, values in (
        ((predicted, true), found.of_predictions(own)),
        ((true, predicted), found.of_measurements(own)),
    ):
        for row in range(7):
            a, b = (np.delete(part, own[row], axis=1) if own[row] >= 0 else part for part in pair)
            if kind == "cosine":
                lengths = np.linalg.norm(a[row]) * np.linalg.norm(b, axis=1)
                away = -np.divide(b @ a[row], lengths, out=np.zeros(7), where=lengths > 0)
            else:
                away = cdist(a[[row]], b, {"l1": "cityblock", "l2": "euclidean"}[kind])[0]
            # Mid-ranks, from the nearest: 0 .. 6.
            assert values[row] == pytest.approx(1 - (rankdata(away.round(9))[row] - 1) / 6)


def test_a_perturbation_alone_is_told_apart_from_nobody():
    found = evaluate(np.ones((1, 40)), measured(perturbations=1), METRICS)
    assert not [name for name in found if "discrimination" in name or "centroid" in name]


def test_discrimination_is_cell_evals():
    module = pytest.importorskip("cell_eval.metrics._anndata", reason="cell-eval is not installed")
    rng = np.random.default_rng(3)
    names = np.array([f"G{number}" for number in range(9)])
    genes = np.array([f"G{number}" for number in range(3, 23)])
    true = rng.normal(size=(9, 20))
    predicted = true + rng.normal(size=(9, 20))

    def effects(embed_key=None):
        for p, t in zip(predicted, true, strict=True):
            yield SimpleNamespace(
                perturbation_effect=lambda which, abs, p=p, t=t: t if which == "real" else p
            )

    data = SimpleNamespace(perts=names, genes=genes, iter_bulk_arrays=effects)
    own = np.array([-1, -1, -1, *range(6)])
    for kind in KINDS:
        theirs = module.discrimination_score(data, metric=kind)
        # It divides ranks by the number of perturbations, ours by that of the others.
        expected = [1 - (1 - theirs[name]) * 9 / 8 for name in names]
        np.testing.assert_allclose(Distances(predicted, true, kind).of_predictions(own), expected)


@given(st.integers(0, 10**6), st.integers(1, 60))
def test_the_strongest_genes_are_drawn_at_random_among_equals(seed, count):
    rng = np.random.default_rng(seed)
    strength, wanted = rng.integers(0, 4, size=(1, 12)).astype(float), rng.random((1, 12)) < 0.4
    draws = []
    for _ in range(300):
        order = np.lexsort((rng.random(12), -strength[0]))[:count]
        draws.append(wanted[0, order].mean())
    found = differential.hits(strength, wanted, count)[0]
    assert found == pytest.approx(np.mean(draws), abs=0.12)


@given(st.integers(0, 10**6))
def test_areas_and_rank_correlations_are_scikit_learns_and_scipys(seed):
    rng = np.random.default_rng(seed)
    strength, wanted = rng.integers(0, 6, size=(4, 15)).astype(float), rng.random((4, 15)) < 0.4
    wanted[:, :3] = [True, True, False]
    other = rng.normal(size=(4, 15))
    area = differential.average_precision(strength, wanted)
    correlation = differential.spearman(strength, other, wanted)
    for row in range(4):
        assert area[row] == pytest.approx(average_precision_score(wanted[row], strength[row]))
        pair = strength[row, wanted[row]], other[row, wanted[row]]
        if np.ptp(pair[0]):
            assert correlation[row] == pytest.approx(spearmanr(*pair).statistic)
        else:
            assert np.isnan(correlation[row])


def test_nothing_is_found_where_nothing_responds():
    nothing = np.zeros((1, 4), bool)
    some = np.arange(4.0)[None]
    assert np.isnan(differential.average_precision(some, nothing)).all()
    assert np.isnan(differential.direction(some, some, nothing)).all()
    assert np.isnan(differential.spearman(some, some, nothing)).all()


def test_directions_worked_by_hand():
    predicted, true = np.array([[1.0, -2, 0, 5]]), np.array([[3.0, 1, 2, -1]])
    every = np.ones((1, 4), bool)
    assert differential.direction(predicted, true, every) == pytest.approx([1.5 / 4])
    assert differential.direction(predicted, true, predicted > 0) == pytest.approx([0.5])


def test_weighted_scores_are_scikit_learns():
    of = measured()
    predicted = np.random.default_rng(4).normal(size=of.response.shape)
    found = evaluate(predicted, of, METRICS)
    for row in range(6):
        t = np.abs(of.response[row])
        weight = ((t - t.min()) / (t.max() - t.min())) ** 2
        pair = of.response[row] - of.reference, predicted[row] - of.reference
        assert found["weighted_r2"][row] == pytest.approx(r2_score(*pair, sample_weight=weight))
        error = np.average((pair[0] - pair[1]) ** 2, weights=weight)
        assert found["weighted_mse"][row] == pytest.approx(error)
        total = np.square(pair[0]).sum()
        left = np.square(pair[0] - pair[1]).sum()
        assert found["r2_relative"][row] == pytest.approx(1 - left / total)
        relative = np.corrcoef(*pair)[0, 1]
        assert found["pearson_relative"][row] == pytest.approx(relative)


def test_t_values_against_the_rest_are_scipys_of_all_cells():
    rng = np.random.default_rng(0)
    groups = [rng.normal(rng.normal(), 1 + part, size=(5 + 3 * part, 4)) for part in range(4)]
    mean, variance = (
        np.array([getattr(group, what)(axis=0) for group in groups]) for what in ("mean", "var")
    )
    cells = np.array([len(group) for group in groups])
    found = differential.t_against_rest(mean, variance, cells, np.array([2, 0]))
    for row, at in enumerate((2, 0)):
        rest = np.vstack([group for number, group in enumerate(groups) if number != at])
        # As if there were as many cells in the rest.
        of = [(part.mean(axis=0), part.std(axis=0), cells[at]) for part in (groups[at], rest)]
        expected = ttest_ind_from_stats(*of[0], *of[1], equal_var=False).statistic
        np.testing.assert_allclose(found[row], expected, rtol=1e-9)


def test_interval_scores_worked_by_hand():
    low, high = np.array([0.0, 0, 0]), np.array([1.0, 1, 1])
    found = interval_score(low, high, np.array([0.5, -0.1, 1.2]), 0.8)
    assert found == pytest.approx([1, 2, 3])


def test_a_certain_distribution_scores_its_error():
    of = measured()
    predicted = np.random.default_rng(4).normal(size=of.response.shape)
    certain = replace(likely(predicted), std=np.zeros(predicted.shape))
    found = evaluate(predicted, of, METRICS, certain)
    np.testing.assert_allclose(found["crps"], found["mae_all"])
    np.testing.assert_allclose(found["interval_score"], 40 * found["mae_all"])


def test_scores_without_meaning_are_left_out_with_a_reason():
    of = measured(raised_only=True, weights=None)
    found = evaluate(of.response, of, METRICS)
    missing = METRICS.keys() - found.keys()
    assert missing == {"direction_de", "weighted_mse", "weighted_r2", "crps", "interval_score"}
    for name in missing:
        assert any(LACKS[need] in METRICS[name].may_lack for need in METRICS[name].needs)


def test_what_a_screen_knows_decides_what_is_scored():
    bulk = small.screen()
    every = {name: np.ones(bulk.response.shape) for name in ("t", "variance")}
    cells = replace(
        bulk, cells=np.arange(5, 45), layers={**every, "q": (bulk.response < 0) * 1.0}
    )  # fmt: skip
    ranks = replace(bulk, response=np.maximum(bulk.response, 0))
    rows, genes, train = np.arange(5), np.arange(10), np.arange(5, 40)
    of = {
        name: Measured.of(screen, rows, genes, train, 5)
        for name, screen in (("bulk", bulk), ("cells", cells), ("ranks", ranks))
    }
    found = {name: set(evaluate(one.response, one, METRICS)) for name, one in of.items()}
    weighted, called = {"weighted_mse", "weighted_r2"}, {"auprc_de", "spearman_de"}
    assert found["cells"] >= weighted | called | {"direction_de"}
    assert not found["bulk"] & (weighted | called | {"direction_de", "precision_top5"})
    assert found["ranks"] >= called
    assert not found["ranks"] & (weighted | {"direction_de"})
    np.testing.assert_array_equal(of["cells"].called, bulk.response[:5, :10] >= 0)
    np.testing.assert_array_equal(of["ranks"].called, bulk.response[:5, :10] > 0)
    np.testing.assert_allclose(of["bulk"].reference, bulk.response[5:, :10].mean(0), rtol=1e-6)
