import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.utils.validation import check_is_fitted

from llmpert.models.gp import GaussianProcess
from llmpert.models.gp import regressor as module


def kernel(variance, lengthscale, noise, bounds=("fixed", "fixed", "fixed")):
    rbf = ConstantKernel(variance, bounds[0]) * RBF(lengthscale, bounds[1])
    return rbf + WhiteKernel(noise, bounds[2])


def reference(model: GaussianProcess, Z: np.ndarray, Y: np.ndarray) -> GaussianProcessRegressor:
    """scikit-learn's Gaussian process at our hyper-parameters, on centred responses."""
    fixed = kernel(model.variance_, model.lengthscale_, model.noise_)
    return GaussianProcessRegressor(fixed, alpha=0, optimizer=None).fit(Z, Y - Y.mean(axis=0))


def smooth(seed: int, size: int, inputs: int, outputs: int, noise: float = 0.3):
    """Responses that vary smoothly with the inputs, plus noise."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(size, inputs))
    Y = np.sin(Z @ rng.normal(size=(inputs, outputs))) + 0.5 * rng.normal(size=outputs)
    return Z, Y + noise * rng.normal(size=Y.shape)


def duplicates(Z, Y):
    return np.repeat(Z[: len(Z) // 2 + 1], 2, axis=0)[: len(Z)], Y


def equal_inputs(Z, Y):
    return np.full_like(Z, Z[0, 0]), Y


def collinear(Z, Y):
    return Z[:, :1] * np.arange(1, Z.shape[1] + 1), Y


def constant_output(Z, Y):
    return Z, np.hstack([Y, np.full((len(Y), 1), 0.1)])


def as_it_is(Z, Y):
    return Z, Y


shapes = st.sampled_from([as_it_is, duplicates, equal_inputs, collinear, constant_output])
problems = st.builds(
    lambda seed, size, inputs, outputs, noise, shape: shape(
        *smooth(seed, size, inputs, outputs, noise)
    ),
    st.integers(0, 10**6),
    st.integers(2, 14),
    st.integers(1, 4),
    st.integers(1, 5),
    st.sampled_from([0.03, 0.3, 3.0]),
    shapes,
)


@settings(deadline=None, max_examples=40)
@given(problems)
@example(smooth(0, 2, 1, 1))
@example(equal_inputs(*smooth(1, 5, 3, 2)))
def test_agrees_with_scikit_learn_at_the_same_hyper_parameters(problem):
    Z, Y = problem
    model = GaussianProcess().fit(Z, Y)
    known = reference(model, Z, Y)
    assert model.log_marginal_likelihood_ == pytest.approx(
        known.log_marginal_likelihood_value_, rel=1e-6, abs=1e-6 * Y.size
    )
    genes = np.vstack([Z, np.random.default_rng(0).normal(size=(6, Z.shape[1])), Z[:1] + 100])
    mean, std = model.predict(genes, return_std=True)
    expected, spread = known.predict(genes, return_std=True)
    tolerance = 1e-6 * np.abs(Y).max()
    np.testing.assert_allclose(
        mean, expected.reshape(mean.shape) + Y.mean(axis=0), rtol=1e-5, atol=tolerance
    )
    np.testing.assert_allclose(
        std, spread.reshape(len(genes), -1) + np.zeros_like(std), rtol=1e-4, atol=tolerance
    )
    np.testing.assert_array_equal(model.predict(genes), mean)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@settings(deadline=None, max_examples=25, derandomize=True)
@given(problems)
def test_optimum_is_as_good_as_scikit_learns(problem):
    Z, Y = problem
    model = GaussianProcess().fit(Z, Y)
    distances = pdist(Z)[pdist(Z) > 0]
    distance = np.median(distances) if len(distances) else 1.0
    scale = Y.var(axis=0).mean()
    free = kernel(
        scale / 2,
        distance,
        scale / 2,
        (
            (1e-5 * scale, 1e2 * scale),
            (1e-2 * distance, 1e2 * distance),
            (1e-6 * scale, 1e2 * scale),
        ),
    )
    known = GaussianProcessRegressor(free, alpha=0, n_restarts_optimizer=1, random_state=0)
    known.fit(Z, Y - Y.mean(axis=0))
    # In nats a value; the surface of a handful of values can have several hills of like height.
    lost = (known.log_marginal_likelihood_value_ - model.log_marginal_likelihood_) / Y.size
    assert lost < 0.03


@pytest.mark.parametrize("seed", range(4))
def test_no_better_hyper_parameters_on_a_fine_grid(seed):
    Z, Y = smooth(seed, 30, 2, 4)
    model = GaussianProcess().fit(Z, Y)
    centred = Y - Y.mean(axis=0)
    best = max(
        GaussianProcessRegressor(kernel(v, l, n), alpha=0, optimizer=None)
        .fit(Z, centred)
        .log_marginal_likelihood_value_
        for v in np.geomspace(0.05, 20, 7)
        for l in np.geomspace(0.1, 20, 9)
        for n in np.geomspace(0.01, 2, 7)
    )
    assert model.log_marginal_likelihood_ >= best


def test_finds_the_hyper_parameters_that_made_the_data():
    rng = np.random.default_rng(5)
    Z = rng.uniform(-3, 3, size=(150, 2))
    squared = ((Z[:, None] - Z[None]) ** 2).sum(axis=-1)
    covariance = 4.0 * np.exp(-squared / (2 * 1.5**2)) + 0.25 * np.eye(150)
    Y = np.linalg.cholesky(covariance) @ rng.normal(size=(150, 200))
    model = GaussianProcess().fit(Z, Y)
    assert model.lengthscale_ == pytest.approx(1.5, rel=0.05)
    assert model.variance_ == pytest.approx(4.0, rel=0.15)
    assert model.noise_ == pytest.approx(0.25, rel=0.05)


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@settings(deadline=None, max_examples=100)
@given(
    st.integers(2, 8).flatmap(
        lambda size: st.tuples(
            arrays(np.float64, (size, 2), elements=finite),
            arrays(np.float64, (size, 3), elements=finite),
        )
    )
)
@example((np.array([[0.0, 0], [1e-30, 0], [1e30, 0]]), np.eye(3)))
@example((np.array([[0.0], [1e-90], [2e-90], [1e100]]), np.eye(4)))
@example((np.zeros((3, 2)), np.zeros((3, 3))))
@example((np.zeros((2, 2)), np.array([[3e38] * 3, [-3e38] * 3])))
def test_any_finite_numbers_can_be_fitted(problem):
    Z, Y = problem
    mean, std = GaussianProcess().fit(Z, Y).predict(np.vstack([Z, Z + 1]), return_std=True)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert (std > 0).all()


def test_an_outlying_gene_leaves_the_others_alone():
    # With squared lengths instead of differences, distances of 1 would be lost beside 1e9.
    Z, Y = smooth(2, 40, 2, 3, noise=0.1)
    far = np.vstack([Z, [[1e9, 0]]])
    model = GaussianProcess().fit(far, np.vstack([Y, Y.mean(axis=0)]))
    np.testing.assert_allclose(model.predict(Z), GaussianProcess().fit(Z, Y).predict(Z), atol=0.02)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 10**6),
    st.floats(-6, 6).map(lambda x: 10**x),
    st.floats(-6, 6).map(lambda x: 10**x),
    st.floats(-10, 10),
)
def test_units_of_inputs_and_responses_do_not_matter(seed, unit, input_unit, shift):
    Z, Y = smooth(seed, 12, 2, 3)
    genes = np.random.default_rng(seed).normal(size=(4, 2))
    plain, changed = GaussianProcess().fit(Z, Y), GaussianProcess()
    changed.fit(input_unit * Z + 3 * input_unit, unit * (Y + shift))
    mean, std = plain.predict(genes, return_std=True)
    other_mean, other_std = changed.predict(input_unit * genes + 3 * input_unit, return_std=True)
    np.testing.assert_allclose(other_mean / unit - shift, mean, atol=2e-3)
    np.testing.assert_allclose(other_std / unit, std, rtol=2e-3)
    assert changed.log_marginal_likelihood_ == pytest.approx(
        plain.log_marginal_likelihood_ - Y.size * math.log(unit), abs=1e-4 * Y.size
    )


def test_far_from_all_training_genes_lies_the_training_mean():
    Z, Y = smooth(3, 25, 3, 6)
    model = GaussianProcess().fit(Z, Y)
    mean, std = model.predict(np.full((1, 3), 1e6), return_std=True)
    np.testing.assert_allclose(mean[0], Y.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, np.sqrt(model.variance_ + model.noise_), rtol=1e-9)


def test_uncertainty_is_one_number_a_perturbation():
    Z, Y = smooth(4, 25, 3, 6)
    genes = np.vstack([Z[:2], Z[:1] + 2, Z[:1] + 50])
    model = GaussianProcess().fit(Z, Y)
    std = model.predict(genes, return_std=True)[1]
    assert std.shape == (4, 6)
    assert (std == std[:, :1]).all()
    assert (std >= math.sqrt(model.noise_) * (1 - 1e-12)).all()
    assert std[0, 0] < std[2, 0] < std[3, 0]


def test_fits_are_calibrated_on_data_from_the_model():
    rng = np.random.default_rng(8)
    Z = rng.uniform(-3, 3, size=(120, 2))
    squared = ((Z[:, None] - Z[None]) ** 2).sum(axis=-1)
    covariance = np.exp(-squared / 2) + 0.2 * np.eye(120)
    Y = np.linalg.cholesky(covariance) @ rng.normal(size=(120, 100))
    mean, std = GaussianProcess().fit(Z[:80], Y[:80]).predict(Z[80:], return_std=True)
    assert np.mean(np.abs(Y[80:] - mean) < 1.96 * std) == pytest.approx(0.95, abs=0.015)


def test_each_evaluation_makes_one_factorisation_whatever_the_outputs(monkeypatch):
    cholesky = torch.linalg.cholesky
    calls = []
    monkeypatch.setattr(torch.linalg, "cholesky", lambda m: calls.append(m.shape) or cholesky(m))
    Z, Y = smooth(6, 20, 2, 50)
    for outputs in (1, 50):
        calls.clear()
        model = GaussianProcess().fit(Z, Y[:, :outputs])
        # One more for the predictions.
        assert len(calls) == model.evaluations_ + 1
        assert set(calls) == {(20, 20)}


def test_constant_responses_are_predicted_as_they_are():
    Z = np.random.default_rng(0).normal(size=(6, 2))
    model = GaussianProcess().fit(Z, np.full((6, 4), 0.3))
    mean, std = model.predict(Z + 1, return_std=True)
    np.testing.assert_allclose(mean, 0.3, rtol=1e-12)
    assert (std > 0).all()
    assert (std < 0.01).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["Z", "Y"])
def test_missing_and_infinite_numbers_are_refused(bad, where):
    values = {"Z": np.zeros((3, 2)), "Y": np.zeros((3, 2))}
    values[where][1, 1] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        GaussianProcess().fit(**values)


@pytest.mark.parametrize(
    ("Z", "Y", "message"),
    [
        (np.zeros((1, 2)), np.zeros((1, 2)), "minimum of 2"),
        (np.zeros((3, 2)), np.zeros((4, 2)), "inconsistent"),
        (np.zeros(3), np.zeros((3, 2)), "2D array"),
        (np.zeros((3, 2)), np.zeros(3), "2D array"),
        (np.full((3, 2), 1e200), np.zeros((3, 2)), "magnitudes"),
        (np.zeros((3, 2)), np.full((3, 2), -1e200), "magnitudes"),
    ],
)
def test_what_is_no_problem_is_refused(Z, Y, message):
    with pytest.raises(ValueError, match=message):
        GaussianProcess().fit(Z, Y)


def test_prediction_needs_a_fit_and_the_same_inputs():
    model = GaussianProcess()
    with pytest.raises(Exception, match="not fitted"):
        model.predict(np.zeros((1, 2)))
    model.fit(*smooth(0, 5, 2, 1))
    check_is_fitted(model)
    with pytest.raises(ValueError, match="3 features"):
        model.predict(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="NaN"):
        model.predict(np.full((1, 2), np.nan))


def test_leaves_arrays_and_torch_as_they_were():
    Z, Y = smooth(7, 10, 2, 3)
    before = Z.copy(), Y.copy()
    dtype, state = torch.get_default_dtype(), torch.get_rng_state()
    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()
    model = GaussianProcess().fit(Z, Y)
    mean, _ = model.predict(Z, return_std=True)
    np.testing.assert_array_equal(Z, before[0])
    np.testing.assert_array_equal(Y, before[1])
    assert torch.get_default_dtype() == dtype
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (threads, grad)
    # Nor does the model depend on what becomes of them.
    genes = Z.copy()
    Z += 1
    Y += 1
    np.testing.assert_array_equal(model.predict(genes), mean)


def test_takes_single_precision_and_read_only_arrays(recwarn):
    Z, Y = smooth(9, 15, 2, 3)
    Z, Y = Z.astype(np.float32), Y.astype(np.float32)
    Z.setflags(write=False)
    Y.setflags(write=False)
    mean = GaussianProcess().fit(Z, Y).predict(Z)
    assert mean.dtype == np.float64
    expected = GaussianProcess().fit(Z.astype(np.float64), Y.astype(np.float64)).predict(Z)
    np.testing.assert_array_equal(mean, expected)
    assert not recwarn.list


def test_fitting_again_forgets_the_first_fit():
    first, second = smooth(1, 12, 2, 3), smooth(2, 9, 4, 2)
    model = GaussianProcess().fit(*first).fit(*second)
    fresh = GaussianProcess().fit(*second)
    np.testing.assert_array_equal(model.predict(second[0]), fresh.predict(second[0]))
    assert model.evaluations_ == fresh.evaluations_


def test_the_iteration_limit_holds():
    Z, Y = smooth(1, 30, 2, 3)
    short, full = GaussianProcess(max_iterations=1).fit(Z, Y), GaussianProcess().fit(Z, Y)
    assert short.evaluations_ < full.evaluations_
    assert short.log_marginal_likelihood_ < full.log_marginal_likelihood_


def test_search_limits_keep_any_covariance_factorisable():
    # The worst case: all genes at one place, and the smallest noise.
    size = 1500
    shape = torch.ones(size, size, dtype=torch.float64)
    shape.diagonal().add_(module.NOISE_LIMITS[0])
    assert torch.isfinite(torch.linalg.cholesky(shape)).all()
