from dataclasses import replace

import numpy as np
import pytest

from llmpert.errors import InputError
from llmpert.evaluation import prediction as module
from llmpert.evaluation.prediction import Prediction
from llmpert.models.distribution import WIDTH_LEVELS, Distribution


@pytest.fixture
def prediction() -> Prediction:
    mean = np.arange(6, dtype=np.float32).reshape(2, 3)
    names = np.array(["A", "B"], dtype=object), np.array(["X", "Y", "Z"], dtype=object)
    std = np.broadcast_to(np.float32([[0.5], [1.5]]), (2, 3))
    return Prediction(*names, mean, std, np.zeros(2), Distribution.of_widths(2 * WIDTH_LEVELS))


def test_a_row_is_one_perturbation(prediction):
    row = prediction.row("B")
    assert row.perturbations.tolist() == ["B"]
    assert row.genes.tolist() == ["X", "Y", "Z"]
    assert row.mean.tolist() == [[3, 4, 5]]
    assert row.std.tolist() == [[1.5, 1.5, 1.5]]
    with pytest.raises(InputError, match="no prediction for C"):
        prediction.row("C")


def test_the_table_has_a_row_a_perturbation_and_gene(prediction):
    table = prediction.table()
    assert table.columns.tolist() == [
        "perturbation",
        "gene",
        "mean",
        "median",
        "sd",
        "low95",
        "high95",
    ]
    assert table.loc[4, ["perturbation", "gene", "mean", "median", "sd"]].tolist() == [
        "B",
        "Y",
        4,
        4,
        1.5,
    ]
    assert table.loc[4, ["low95", "high95"]].tolist() == pytest.approx([4 - 2.85, 4 + 2.85])
    assert len(table) == 6


def test_models_without_deviation_leave_it_missing(prediction):
    plain = Prediction(prediction.perturbations, prediction.genes, prediction.mean, None)
    assert plain.table()[["median", "sd", "low95", "high95"]].isna().all(axis=None)
    assert plain.interval(0.8) is None
    assert plain.row("A").std is None


def test_a_file_is_read_back_and_replaced_whole(prediction, tmp_path):
    path = tmp_path / "p.npz"
    prediction.save(path)
    prediction.row("B").save(path)
    again = Prediction.load(path)
    assert again.table().equals(prediction.row("B").table())
    assert [p.name for p in tmp_path.iterdir()] == ["p.npz"]


def test_symmetric_intervals_are_multiples_of_the_deviation(prediction):
    low, high = prediction.interval(0.8)
    np.testing.assert_allclose(high - prediction.mean, 1.6 * prediction.std, rtol=1e-6)
    np.testing.assert_allclose(prediction.mean - low, 1.6 * prediction.std, rtol=1e-6)


def test_chances_count_equally_likely_responses(prediction):
    up, down = prediction.chances(2.5)
    likely = prediction.responses(1)
    assert up[1].tolist() == [np.mean(gene > 2.5).astype(np.float32) for gene in likely]
    assert down[0].tolist() == [np.mean(gene < -2.5) for gene in prediction.responses(0)]
    assert (prediction.chances(0)[0] >= up).all()
    table = prediction.table(beyond=2.5)
    np.testing.assert_array_equal(table["p_up"], up.ravel())
    np.testing.assert_array_equal(table["p_down"], down.ravel())
    either = [np.mean(np.abs(gene) > 2.5) for row in range(2) for gene in prediction.responses(row)]
    np.testing.assert_allclose(table["p_change"], either, atol=1e-6)


def test_where_genes_are_only_raised_no_chance_to_be_lowered_is_told(prediction):
    table = prediction.table(beyond=2.5, raised_only=True)
    assert [name for name in table if name.startswith("p_")] == ["p_up"]


def test_models_without_distribution_tell_no_chance(prediction):
    plain = Prediction(prediction.perturbations, prediction.genes, prediction.mean, None)
    assert not [name for name in plain.table(beyond=0) if name.startswith("p_")]


@pytest.mark.parametrize("threshold", [-0.1, np.nan, np.inf])
def test_a_threshold_that_is_none_is_refused(prediction, threshold):
    with pytest.raises(InputError, match="Expected a change of 0 or more"):
        prediction.table(beyond=threshold)


def test_a_difference_moves_the_whole_distribution(prediction):
    """Also one that looks outcomes up by the mean itself, which is another in a difference."""
    by_value = Distribution(
        np.zeros(1), np.array([[0.0, 5.0]]), np.array([[[0.0] * 100, [1.0] * 100]]), False
    )
    reference = np.array([1.0, -2.0, 0.5])
    for one in (prediction, replace(prediction, distribution=by_value)):
        moved = one.relative_to(reference).relative_to(reference)
        np.testing.assert_allclose(moved.mean, one.mean - 2 * reference)
        np.testing.assert_allclose(
            moved.interval(0.5), one.interval(0.5) - 2 * reference, atol=1e-6
        )
        np.testing.assert_allclose(
            moved.responses(1), one.responses(1) - 2 * reference[:, None], atol=1e-6
        )


def test_a_mixture_pools_what_its_parts_find_likely(prediction):
    mixture = prediction.mixed(np.array(["AB"], dtype=object))
    pooled = np.sort(np.hstack([prediction.responses(0), prediction.responses(1)]), axis=1)
    np.testing.assert_array_equal(mixture.responses(0), pooled[:, 1::2])
    low, high = mixture.interval(0.9)
    expected = [np.quantile(pooled, q, axis=1) for q in (0.05, 0.95)]
    np.testing.assert_allclose([low[0], high[0]], expected, atol=0.1)
    assert mixture.row("AB").table().equals(mixture.table())
    assert mixture.of_genes(np.array([2])).quantile(0.5) == mixture.quantile(0.5)[:, 2]


def test_a_file_of_an_earlier_version_is_made_again(prediction, tmp_path):
    path = tmp_path / "p.npz"
    arrays = {"mean": np.zeros(1), "interval_multiples": np.ones(99)}
    np.savez(path, digest=module._digest(arrays), **arrays)
    with pytest.raises(ValueError, match="not what was written"):
        Prediction.load(path)
