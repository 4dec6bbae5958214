"""Predictive distributions: against known ones, counted coverage and bins picked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from llmpert.models.distribution import COUNT, LEVELS, WIDTH_LEVELS, Distribution, thinned


def ranks(rng, rows, genes):
    """Like rank scores: mostly 0, the more often above it the higher the predicted mean is."""
    mean = rng.uniform(0, 0.8, (rows, genes))
    measured = np.where(rng.random(mean.shape) < mean, rng.uniform(0.2, 1, mean.shape), 0.0)
    return mean, np.full_like(mean, 0.3), np.full(rows, 1.0), measured


def skewed(rng, rows, genes):
    """Errors of an exponential variable, in units of a deviation that differs between genes."""
    std = np.broadcast_to(rng.uniform(0.1, 5, genes), (rows, genes))
    mean = rng.normal(size=(rows, genes)) * std
    return mean, std, rng.uniform(0, 3, rows), mean + std * (rng.exponential(size=std.shape) - 1)


@pytest.mark.parametrize(("draw", "standardised"), [(ranks, False), (skewed, True)])
def test_every_level_holds_what_it_says_on_new_data_at_every_place(draw, standardised):
    rng = np.random.default_rng(0)
    made = Distribution.of(*draw(rng, 200, 300))
    assert made.standardised == standardised
    mean, std, departure, measured = draw(rng, 400, 300)
    place = mean / std
    for part in (place < np.quantile(place, 0.25), place > np.quantile(place, 0.75)):
        for level in (0.1, 0.5, 0.9, 0.97):
            end = made.quantile(level, mean, std, departure)
            below, up_to = (
                (measured < end - 1e-6)[part].mean(),
                (measured <= end + 1e-6)[part].mean(),
            )
            # Interpolated between bins, an end may lie just above the zeros.
            assert below - 0.02 <= level <= up_to + 0.02


def test_skewed_errors_give_their_own_quantiles():
    made = Distribution.of(*skewed(np.random.default_rng(1), 200, 1000))
    mean, std, departure = np.array([[1.0]]), np.array([[2.0]]), np.array([1.5])
    for level in (0.05, 0.5, 0.95):
        expected = 1 + 2 * (-np.log(1 - level) - 1)
        assert made.quantile(level, mean, std, departure)[0, 0] == pytest.approx(expected, abs=0.25)


def test_a_departure_between_strata_mixes_their_outcomes():
    """Two strata of errors of 1 and of 3; halfway between them they are of 2."""
    rng = np.random.default_rng(2)
    departure = np.repeat([0.0, 10.0], 30)
    size = np.where(departure > 5, 3.0, 1.0)[:, None]
    mean, std = rng.normal(size=(60, 500)), np.ones((60, 500))
    made = Distribution.of(mean, std, departure, mean + size * rng.normal(size=mean.shape))
    at = np.array([-5, 0, 5, 10, 50])
    upper = made.quantile(norm.cdf(1), np.zeros((5, 1)), np.ones((5, 1)), at)[:, 0]
    np.testing.assert_allclose(upper, [1, 1, 2, 3, 3], atol=0.25)


problems = st.tuples(
    st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 30), st.sampled_from([ranks, skewed])
)


@given(problems)
def test_quantiles_ascend_stay_where_ranks_are_and_are_those_of_the_responses(problem):
    seed, rows, genes, draw = problem
    rng = np.random.default_rng(seed)
    learned = draw(rng, rows, genes)
    made = Distribution.of(*learned)
    mean, std, departure, _ = draw(rng, 4, 7)
    mean, departure = mean * 3 - 0.5, departure * rng.uniform(0, 3, 4)
    found = made.responses(mean, std, departure)
    assert found.shape == (4, 7, COUNT)
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=2) >= -1e-5 * np.abs(found).max()).all()
    if not made.standardised:
        assert found.min() >= np.float32(learned[3].min()) - 1e-6
        assert found.max() <= np.float32(learned[3].max()) + 1e-6
    for at in (0, 49, 99):
        np.testing.assert_allclose(
            made.quantile(LEVELS[at], mean, std, departure), found[..., at], rtol=1e-4, atol=1e-5
        )
    middle = made.quantile(0.5, mean, std, departure)
    np.testing.assert_allclose(middle, found[..., 49:51].mean(axis=2), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(made.quantile(0, mean, std, departure), found[..., 0])
    again = Distribution.of_arrays(made.arrays())
    np.testing.assert_allclose(again.responses(mean, std, departure), found, rtol=1e-4, atol=1e-4)


def test_genes_that_never_vary_teach_nothing_and_are_known():
    rng = np.random.default_rng(3)
    mean, std, departure, measured = skewed(rng, 50, 40)
    alone = Distribution.of(mean, std, departure, measured)
    constant = np.full((50, 9), 0.1)
    made = Distribution.of(
        *(np.hstack(pair) for pair in ((mean, constant), (std, 0 * constant))), departure,
        np.hstack([measured, constant]),
    )  # fmt: skip
    np.testing.assert_array_equal(made.outcomes, alone.outcomes)
    for one in (made, Distribution.of(*ranks(rng, 50, 40))):
        found = one.responses(np.array([[0.1]]), np.zeros((1, 1)), np.ones(1))
        np.testing.assert_allclose(found, 0.1, rtol=1e-6)


def test_where_nothing_varies_the_mean_is_certain():
    nothing = np.full((3, 4), 0.2)
    made = Distribution.of(nothing, 0 * nothing, np.zeros(3), nothing)
    assert (made.responses(nothing, 0 * nothing, np.zeros(3)) == 0.2).all()


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_few_perturbations_give_the_quantiles_of_all_outcomes(rows):
    mean, std, departure, measured = skewed(np.random.default_rng(4), rows, 20)
    made = Distribution.of(mean, std, departure, measured)
    errors = np.sort(((measured - mean) / std).ravel())
    assert made.outcomes.shape == (1, 1, COUNT)
    expected = errors[np.floor(LEVELS * len(errors) + 1e-9).astype(int)]
    np.testing.assert_allclose(made.outcomes[0, 0], expected, rtol=1e-6)


def test_symmetric_widths_of_older_files_are_kept():
    made = Distribution.of_widths(norm.ppf((1 + WIDTH_LEVELS) / 2))
    mean, std = np.array([[1.0, 0.0]]), np.array([[2.0, 0.5]])
    for level in (0.25, 0.5, 0.8, 0.95, 0.975):
        expected = norm(mean, std).ppf(level)
        found = made.quantile(level, mean, std, np.zeros(1))
        np.testing.assert_allclose(found, expected, atol=0.03)


@given(st.integers(1, 500))
def test_thinned_values_are_the_order_statistics_of_their_levels(size):
    expected = [int((2 * k + 1) * size / (2 * COUNT)) for k in range(COUNT)]
    assert thinned(np.arange(size)).tolist() == expected
