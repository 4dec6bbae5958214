"""Prediction intervals: against the normal distribution and counted coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from llmpert.models.intervals import LEVELS, interval_multiples, multiple


def test_normal_errors_give_normal_intervals():
    intervals = interval_multiples(np.random.default_rng(0).normal(size=400_000))
    for level in (0.1, 0.5, 0.8, 0.95):
        assert multiple(intervals, level) == pytest.approx(norm.ppf((1 + level) / 2), abs=0.02)


@pytest.mark.parametrize("draw", ["standard_t", "standard_exponential", "uniform"])
def test_intervals_hold_their_share_of_new_errors(draw):
    rng = np.random.default_rng(1)
    arguments = (3,) if draw == "standard_t" else ()
    errors = getattr(rng, draw)(*arguments, size=(2, 100_000))
    intervals = interval_multiples(errors[0])
    for level in (0.5, 0.8, 0.95):
        inside = np.abs(errors[1]) <= multiple(intervals, level)
        assert inside.mean() == pytest.approx(level, abs=0.01)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0.01, 0.99))
def test_intervals_widen_with_their_level(errors, level):
    intervals = interval_multiples(np.array(errors))
    assert len(intervals) == len(LEVELS)
    assert (np.diff(intervals) >= 0).all()
    quantile = multiple(intervals, level)
    assert 0 <= quantile <= np.abs(errors).max()
    assert quantile <= multiple(intervals, 0.99)


def test_levels_between_are_interpolated_and_signs_do_not_matter():
    errors = np.random.default_rng(2).normal(size=(40, 7))
    intervals = interval_multiples(errors)
    np.testing.assert_array_equal(intervals, interval_multiples(-errors))
    assert multiple(intervals, 0.5) == pytest.approx(np.median(np.abs(errors)))
    middle = (multiple(intervals, 0.5) + multiple(intervals, 0.51)) / 2
    assert multiple(intervals, 0.505) == pytest.approx(middle)
