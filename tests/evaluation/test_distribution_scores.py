"""CRPS, PIT and coverage of equally likely responses: against integrals, SciPy and counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import energy_distance, norm

from llmpert.evaluation.metrics import covered, crps, pit
from llmpert.models.distribution import LEVELS

numbers = st.integers(-4, 4).map(float)
samples = st.lists(numbers, min_size=1, max_size=9).map(sorted).map(np.array)


@given(samples, numbers)
def test_crps_is_half_the_squared_energy_distance(responses, measured):
    expected = energy_distance(responses, [measured]) ** 2 / 2
    assert crps(responses, np.array(measured)) == pytest.approx(expected, abs=1e-9)


def test_crps_is_the_integral_of_squared_differences_of_distribution_functions():
    def integral(mean, measured):
        square = lambda x: (norm.cdf(x, mean) - (x >= measured)) ** 2  # noqa: E731
        return quad(square, -9, measured)[0] + quad(square, measured, 9)[0]

    mean, measured = np.array([[0.0, 0.5], [-1.0, 0.0]]), np.array([[0.0, 2.0], [-1.5, -2.5]])
    found = crps(mean[..., None] + norm.ppf(LEVELS), measured)
    expected = [[integral(*pair) for pair in zip(*rows)] for rows in zip(mean, measured)]  # noqa: B905
    np.testing.assert_allclose(found, expected, rtol=0.01)


@given(samples, numbers)
def test_pit_counts_ranks_below_and_those_shared(responses, measured):
    below, up_to = pit(responses, np.array(measured))
    size = len(responses)
    levels = [0, *(np.arange(size) + 0.5) / size, 1]
    assert below == pytest.approx(levels[sum(response < measured for response in responses)])
    assert up_to == pytest.approx(levels[1 + sum(response <= measured for response in responses)])


@pytest.mark.parametrize("zeros", [0.0, 0.3, 0.85, 1.0])
def test_true_predictions_cover_what_they_say_with_and_without_ties(zeros):
    """Of a variable that is 0 or else exponential."""
    rng = np.random.default_rng(0)
    measured = np.where(rng.random(40_000) < zeros, 0, rng.exponential(size=40_000))
    above = np.clip((LEVELS - zeros) / (1 - zeros), 0, None) if zeros < 1 else 0 * LEVELS
    between = pit(-np.log1p(-above), measured)
    for level in (0.2, 0.8, 0.95):
        assert covered(*between, level).mean() == pytest.approx(level, abs=0.01)


@given(st.floats(0, 1), st.floats(0.01, 1), st.floats(0.05, 0.95))
def test_coverage_is_the_share_of_numbers_between_that_are_inside(below, width, level):
    numbers = below + width * (np.arange(20_000) + 0.5) / 20_000
    expected = np.mean(np.abs(numbers - 0.5) <= level / 2)
    found = covered(np.array(below), np.array(below + width), level)
    assert found == pytest.approx(expected, abs=2e-4)
