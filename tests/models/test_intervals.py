"""Prediction intervals: against the normal distribution and counted coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from llmpert.models.intervals import LEVELS, Intervals


def test_normal_errors_give_normal_intervals():
    intervals = Intervals.from_errors(np.random.default_rng(0).normal(size=400_000))
    for level in (0.1, 0.5, 0.8, 0.95):
        assert intervals.quantile(level) == pytest.approx(norm.ppf((1 + level) / 2), abs=0.02)


@pytest.mark.parametrize("draw", ["standard_t", "standard_exponential", "uniform"])
def test_intervals_hold_their_share_of_new_errors(draw):
    rng = np.random.default_rng(1)
    arguments = (3,) if draw == "standard_t" else ()
    errors = getattr(rng, draw)(*arguments, size=(2, 100_000))
    intervals = Intervals.from_errors(errors[0])
    for level in (0.5, 0.8, 0.95):
        inside = np.abs(errors[1]) <= intervals.quantile(level)
        assert inside.mean() == pytest.approx(level, abs=0.01)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0.01, 0.99))
def test_intervals_widen_with_their_level(errors, level):
    intervals = Intervals.from_errors(np.array(errors))
    assert len(intervals.quantiles) == len(LEVELS)
    assert (np.diff(intervals.quantiles) >= 0).all()
    quantile = intervals.quantile(level)
    assert 0 <= quantile <= np.abs(errors).max()
    assert quantile <= intervals.quantile(0.99)


def test_levels_between_are_interpolated_and_signs_do_not_matter():
    errors = np.random.default_rng(2).normal(size=(40, 7))
    intervals = Intervals.from_errors(errors)
    np.testing.assert_array_equal(intervals.quantiles, Intervals.from_errors(-errors).quantiles)
    assert intervals.quantile(0.5) == pytest.approx(np.median(np.abs(errors)))
    middle = (intervals.quantile(0.5) + intervals.quantile(0.51)) / 2
    assert intervals.quantile(0.505) == pytest.approx(middle)
