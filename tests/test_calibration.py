import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from benchmarks import calibration
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.problem import Problem
from llmpert.models.distribution import WIDTH_LEVELS, Distribution
from tests.support.small import embedding, names, screen

NORMAL = Distribution.of_widths(norm.ppf((1 + WIDTH_LEVELS) / 2))


def prediction(mean, std, distribution=NORMAL, genes=None):
    rows, columns = np.shape(mean)
    genes = np.array(genes or names("OUT", columns), dtype=object)
    knockdowns = np.array(names("KD", rows), dtype=object)
    return Prediction(knockdowns, genes, mean, std, np.zeros(rows), distribution)


@given(st.integers(0, 10_000), st.integers(1, 7), st.integers(1, 5))
def test_coverage_is_what_counting_gives(seed, rows, columns):
    rng = np.random.default_rng(seed)
    folds = [
        (
            prediction(
                rng.normal(size=(rows, columns)), rng.uniform(0.1, 2, (rows, columns)),
                genes=rng.permutation(names("OUT", 8))[:columns].tolist(),
            ),
            rng.normal(size=(rows, columns)),
        )
        for _ in range(3)
    ]  # fmt: skip
    table = calibration.coverage(folds, levels=(0.5, 0.8))
    counted = {}
    for predicted, measured in folds:
        for level in (0.5, 0.8):
            for j, gene in enumerate(predicted.genes):
                inside = counted.setdefault((gene, level), [])
                for i in range(rows):
                    rank = sum(predicted.responses(i)[j] < measured[i, j])
                    between = max(rank - 0.5, 0) / 100, min(rank + 0.5, 100) / 100
                    low, high = np.clip(between, (1 - level) / 2, (1 + level) / 2)
                    inside.append((high - low) / (between[1] - between[0]))
    found = {(r.gene, r.level): (r.observed, r.perturbations) for r in table.itertuples()}
    expected = {key: (np.mean(inside), len(inside)) for key, inside in counted.items()}
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert found[key] == pytest.approx(values)

    for row in calibration.reliability(table).itertuples():
        everything = [inside for key, inside in counted.items() if key[1] == row.level]
        assert row.observed == pytest.approx(np.mean(np.concatenate(everything)))
        most = max(map(len, everything))
        by_gene = [np.mean(inside) for inside in everything if len(inside) == most]
        assert (row.low, row.high) == pytest.approx(tuple(np.quantile(by_gene, (0.05, 0.95))))


def simulated(claimed, true=1.0, rows=2000, columns=50):
    """Normal errors of one standard deviation, intervals that claim another."""
    mean = np.zeros((rows, columns))
    measured = np.random.default_rng(0).normal(size=mean.shape) * true
    return [(prediction(mean, np.broadcast_to(claimed, mean.shape)), measured)]


def test_true_standard_deviations_are_calibrated():
    table = calibration.coverage(simulated(1.0))
    found = calibration.reliability(table)
    assert found["level"].tolist() == pytest.approx(np.arange(0.05, 1, 0.05))
    # 100,000 measurements: a standard error of at most 0.0016; of a gene's 2,000, 0.011.
    np.testing.assert_allclose(found["observed"], found["level"], atol=0.006)
    assert calibration.expected_error(table) < 0.003
    assert (found["high"] - found["low"]).max() < 4 * 0.011


def test_the_expected_error_of_widths_that_are_half_of_what_they_should_be():
    levels = np.array(calibration.LEVELS)
    covered = 2 * norm.cdf(norm.ppf((1 + levels) / 2) / 2) - 1
    table = calibration.coverage(simulated(0.5))
    assert calibration.expected_error(table) == pytest.approx((levels - covered).mean(), abs=0.003)
    assert (calibration.reliability(table)["observed"] < levels).all()


def test_one_width_for_genes_of_different_noise_shows_in_their_coverage():
    true = np.where(np.arange(50) < 25, 0.5, 2.0)
    shared = calibration.reliability(calibration.coverage(simulated(1.0, true), levels=(0.8,)))
    own = calibration.reliability(calibration.coverage(simulated(true, true), levels=(0.8,)))
    assert shared["low"][0] == pytest.approx(2 * norm.cdf(norm.ppf(0.9) / 2) - 1, abs=0.03)
    assert shared["high"][0] == pytest.approx(2 * norm.cdf(norm.ppf(0.9) * 2) - 1, abs=0.03)
    assert own["high"][0] - own["low"][0] < 0.05


def test_width_variation_of_a_hand_worked_case():
    first = prediction(np.zeros((2, 2)), np.array([[1.0, 3.0], [1.0, 5.0]]))
    second = prediction(np.zeros((1, 2)), np.array([[2.0, 2.0]]))
    # Widths 1 and 4: mean 2.5, standard deviation 1.5.
    assert calibration.width_variation([first]) == pytest.approx(0.6)
    assert calibration.width_variation([first, second]) == pytest.approx(0.3)


def test_held_out_predictions_come_with_their_own_measurements():
    problem = Problem.align(screen(), [embedding()])
    experiment = Experiment(problem, Settings(n_hvgs=12))
    folds = list(calibration.held_out(experiment, "gp"))
    assert len(folds) == 5
    tested = np.concatenate([predicted.perturbations for predicted, _ in folds])
    assert sorted(tested) == sorted(problem.screen.perturbations)
    for predicted, measured in folds:
        assert measured.shape == predicted.mean.shape == (8, 12)
        for i, j in ((0, 0), (3, 7)):
            row = problem.screen.perturbations == predicted.perturbations[i]
            column = problem.screen.genes == predicted.genes[j]
            assert measured[i, j] == problem.screen.response[row, column]
    table = calibration.coverage(folds)
    assert table["perturbations"].max() == 40
    # The responses follow the embedding, with normal noise.
    assert 0.7 < calibration.reliability(table).set_index("level")["observed"][0.8] < 0.9


def test_models_without_intervals_are_refused():
    bare = prediction(np.zeros((2, 2)), None, None)
    with pytest.raises(InputError, match="intervals"):
        calibration.coverage([(bare, np.zeros((2, 2)))])
    with pytest.raises(InputError, match="intervals"):
        calibration.width_variation([bare])
    with pytest.raises(InputError, match="at least one"):
        calibration.coverage([])
