"""Signal and noise of outputs: against dense Gaussian processes and the matrix-variate normal."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA

from llmpert.models.gp import outputs as module
from llmpert.models.gp.outputs import ComponentNoise, SharedNoise
from llmpert.models.gp.solver import Spectrum

PRIOR = 3.0
"""Kernel of a gene with itself."""


class Problem:
    """A kernel between training genes, relative noise, centred responses and other genes."""

    def __init__(self, size: int, outputs: int, seed: int, structured: bool = True) -> None:
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(size + 4, 2))
        kernel = PRIOR * np.exp(-0.5 * ((z[:, None] - z) ** 2).sum(axis=-1))
        self.K, self.cross, self.between = (
            kernel[:size, :size],
            kernel[:size, size:],
            kernel[size:, size:],
        )
        self.r = rng.uniform(0.4, 2.5, size)
        Y = np.sqrt(self.r)[:, None] * rng.normal(size=(size, outputs))
        if structured:  # a few programmes that follow the kernel
            root = np.linalg.cholesky(self.K + 1e-9 * np.eye(size))
            Y += root @ rng.normal(size=(size, 2)) @ (2 * rng.normal(size=(2, outputs)))
        self.Y = Y - Y.mean(axis=0)
        self.spectrum = Spectrum(torch.from_numpy(self.K), torch.from_numpy(self.r))
        self.rotated_cross = self.spectrum.rotate(torch.from_numpy(self.cross))

    def fit(self, model: type) -> SharedNoise | ComponentNoise:
        Y = torch.from_numpy(self.Y)
        return model(self.spectrum, Y, Y @ Y.T)

    def dense(self, y: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance (kernel units) of the other genes for one output."""
        solved = np.linalg.solve(self.K + level * np.diag(self.r), np.c_[y, self.cross])
        explained = (self.cross * solved[:, 1:]).sum(axis=0)
        return self.cross.T @ solved[:, 0], PRIOR - explained

    def left_out(self, y: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Error of every training row and variance (kernel units) of its signal, from others."""
        C = self.K + level * np.diag(self.r)
        errors, variances = np.empty(len(y)), np.empty(len(y))
        for row in range(len(y)):
            others = np.delete(np.arange(len(y)), row)
            weights = np.linalg.solve(C[np.ix_(others, others)], C[others, row])
            errors[row] = y[row] - weights @ y[others]
            variances[row] = self.K[row, row] - weights @ C[others, row]
        return errors, variances


sizes = st.integers(2, 12), st.integers(1, 15), st.integers(0, 10**6)


@settings(deadline=None, max_examples=settings().max_examples // 2)
@given(*sizes)
def test_shared_noise_is_a_dense_process_for_every_output(size, outputs, seed):
    problem = Problem(size, outputs, seed)
    model = problem.fit(SharedNoise)
    C = problem.K + np.diag(problem.r)
    variance = np.mean(problem.Y * np.linalg.solve(C, problem.Y))
    np.testing.assert_allclose(model.signal, np.full(outputs, variance))
    np.testing.assert_allclose(model.noise, np.full(outputs, variance))
    mean = model.mean(problem.rotated_cross).numpy()
    spread = model.variance(problem.rotated_cross, PRIOR).numpy()
    errors, error_variance = (part.numpy() for part in model.leave_one_out(slice(None)))
    assert spread.shape == mean.shape == (4, outputs)
    assert errors.shape == error_variance.shape == (size, outputs)
    for output in range(outputs):
        y = problem.Y[:, output]
        expected_mean, expected_spread = problem.dense(y, 1.0)
        np.testing.assert_allclose(mean[:, output], expected_mean, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(
            spread[:, output], variance * expected_spread, rtol=1e-7, atol=1e-9
        )
        left, left_variance = problem.left_out(y, 1.0)
        np.testing.assert_allclose(errors[:, output], left, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(
            error_variance[:, output], variance * left_variance, rtol=1e-7, atol=1e-9 * variance
        )


@settings(deadline=None, max_examples=settings().max_examples // 2)
@given(*sizes)
def test_component_noise_is_a_dense_process_for_every_component(size, outputs, seed):
    problem = Problem(size, outputs, seed)
    model = problem.fit(ComponentNoise)
    axes, signal, level = (x.numpy() for x in (model.axes, model.component_signal, model.level))
    np.testing.assert_allclose(axes.T @ axes, np.eye(axes.shape[1]), atol=1e-6)
    scores = problem.Y @ axes
    rest = problem.Y - scores @ axes.T
    rest_noise = np.mean(rest**2 / problem.r[:, None], axis=0)
    mean, spread = np.zeros((4, outputs)), np.zeros((4, outputs))
    errors, error_variance = rest.copy(), np.zeros_like(rest)
    for component, axis in enumerate(axes.T):
        y, at = scores[:, component], level[component]
        expected_mean, expected_spread = problem.dense(y, at)
        mean += np.outer(expected_mean, axis)
        spread += np.outer(signal[component] * expected_spread, axis**2)
        left, left_variance = problem.left_out(y, at)
        errors += np.outer(left, axis)
        error_variance = error_variance + np.outer(signal[component] * left_variance, axis**2)
    close = {"rtol": 1e-6, "atol": 1e-8 * np.abs(problem.Y).max()}
    np.testing.assert_allclose(model.mean(problem.rotated_cross), mean, **close)
    np.testing.assert_allclose(model.variance(problem.rotated_cross, PRIOR), spread, **close)
    found, found_variance = model.leave_one_out(slice(None))
    np.testing.assert_allclose(found, errors, **close)
    np.testing.assert_allclose(found_variance, error_variance, **close)
    np.testing.assert_allclose(model.signal, (axes**2) @ signal, **close)
    np.testing.assert_allclose(model.noise, (axes**2) @ (signal * level) + rest_noise, **close)
    some = model.leave_one_out(slice(None, None, 2))
    for part, whole in zip(some, (found, found_variance), strict=True):
        torch.testing.assert_close(part, whole[::2])


@pytest.mark.parametrize(("size", "outputs"), [(3, 2), (5, 3), (4, 6), (6, 4)])
@pytest.mark.parametrize("seed", range(3))
def test_component_noise_is_the_matrix_variate_normal(monkeypatch, size, outputs, seed):
    """vec(Y) ~ N(0, S kron K + N kron R) with signal S and noise N across outputs."""
    monkeypatch.setattr(module, "LEAST_GAIN", -0.1)  # so few rows seldom show signal
    problem = Problem(size, outputs, seed)
    model = problem.fit(ComponentNoise)
    axes, signal, level = (x.numpy() for x in (model.axes, model.component_signal, model.level))
    assert len(signal)  # or there is nothing to see here
    S = axes @ np.diag(signal) @ axes.T
    # Noise beyond the components is independent of them, whatever its size.
    beyond = 0.7 * (np.eye(outputs) - axes @ axes.T)
    N = axes @ np.diag(signal * level) @ axes.T + beyond
    C = np.kron(S, problem.K) + np.kron(N, np.diag(problem.r))
    y = problem.Y.ravel(order="F")
    across = np.kron(S, problem.cross)
    solved = np.linalg.solve(C, np.c_[y, across])
    mean = (across.T @ solved[:, 0]).reshape(4, outputs, order="F")
    covariance = np.kron(S, problem.between) - across.T @ solved[:, 1:]
    variance = np.diag(covariance).reshape(4, outputs, order="F")
    np.testing.assert_allclose(model.mean(problem.rotated_cross), mean, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(
        model.variance(problem.rotated_cross, PRIOR), variance, rtol=1e-6, atol=1e-8
    )

    errors, error_variance = (part.numpy() for part in model.leave_one_out(slice(None)))
    row_of = np.tile(np.arange(size), outputs)
    for row in range(size):
        inside, outside = row_of == row, row_of != row
        weights = np.linalg.solve(C[np.ix_(outside, outside)], C[np.ix_(outside, inside)])
        np.testing.assert_allclose(errors[row], y[inside] - weights.T @ y[outside], atol=1e-7)
        conditional = C[np.ix_(inside, inside)] - C[np.ix_(inside, outside)] @ weights
        expected = np.diag(conditional - problem.r[row] * N)
        np.testing.assert_allclose(error_variance[row], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("structured", [True, False])
@pytest.mark.parametrize(("size", "outputs"), [(4, 3), (12, 9), (40, 8)])
@pytest.mark.parametrize("seed", range(3))
def test_signal_and_level_maximise_each_components_likelihood(size, outputs, seed, structured):
    problem = Problem(size, outputs, seed, structured)
    rotated = problem.spectrum.rotate(torch.from_numpy(problem.Y))
    signal, level = (x.numpy() for x in module._signal_and_level(problem.spectrum, rotated))
    R, lowest, highest = np.diag(problem.r), *np.log(module.LEVELS[[0, -1]].numpy())
    for output, y in enumerate(problem.Y.T):

        def loss(log_level: float, y: np.ndarray = y) -> float:
            C = problem.K + np.exp(log_level) * R
            best = y @ np.linalg.solve(C, y) / size
            return -multivariate_normal(np.zeros(size), best * C).logpdf(y)

        grid = np.linspace(lowest, highest, 15)
        around = grid[np.argmin([loss(x) for x in grid])] + np.array([-1.2, 1.2])
        best = minimize_scalar(loss, bounds=np.clip(around, lowest, highest), method="bounded")
        noise = np.mean(y**2 / problem.r)
        gain = multivariate_normal(np.zeros(size), noise * R).logpdf(y) * -1 - best.fun
        if signal[output] == 0:
            assert gain < module.LEAST_GAIN + 0.01
            continue
        assert gain > module.LEAST_GAIN - 0.01
        at = np.log(level[output])
        assert loss(at) < best.fun + 0.01
        C = problem.K + level[output] * R
        assert signal[output] == pytest.approx(y @ np.linalg.solve(C, y) / size, rel=1e-6)


def test_components_of_pure_noise_carry_no_signal():
    problem = Problem(150, 40, seed=0, structured=False)
    rotated = problem.spectrum.rotate(torch.from_numpy(problem.Y))
    signal, _ = module._signal_and_level(problem.spectrum, rotated)
    assert (signal == 0).double().mean() > 0.9
    # Then the responses are all noise, and predictions are the mean.
    still = problem.fit(ComponentNoise)
    noise = (problem.Y**2 / problem.r[:, None]).mean(axis=0)
    assert still.mean(problem.rotated_cross).abs().max() < 0.5
    np.testing.assert_allclose(still.noise, noise, rtol=0.35)


def test_signal_and_noise_are_told_apart():
    """Two programmes follow the kernel and stand out; all else is noise of a known size."""
    rng = np.random.default_rng(1)
    problem = Problem(200, 10, seed=1)
    axes = np.vstack([np.linalg.qr(rng.normal(size=(5, 2)))[0], np.zeros((5, 2))])
    root = np.linalg.cholesky(problem.K + 1e-9 * np.eye(200))
    programmes = root @ rng.normal(size=(200, 2)) * [4, 3]
    sizes = np.array([0.5] * 5 + [0.3, 0.5, 0.7, 0.9, 1.1])
    noise = np.sqrt(problem.r)[:, None] * rng.normal(size=(200, 10)) * sizes
    Y = programmes @ axes.T + noise
    problem.Y = Y - Y.mean(axis=0)
    model = problem.fit(ComponentNoise)
    assert 2 <= model.axes.shape[1] <= 4
    np.testing.assert_allclose(model.noise, sizes**2, rtol=0.35)
    np.testing.assert_allclose(model.signal, (axes**2) @ [16, 9], rtol=0.6, atol=0.3)


@pytest.mark.parametrize(("size", "outputs"), [(30, 8), (8, 30), (12, 12), (2, 5), (5, 1)])
def test_axes_are_principal_components(size, outputs):
    Y = Problem(size, outputs, seed=2).Y
    centred = torch.from_numpy(Y)
    axes = module._principal_axes(centred, centred @ centred.T, 100).numpy()
    rank = min(size - 1, outputs)
    known = PCA(rank).fit(Y).components_.T
    assert axes.shape == (outputs, rank)
    np.testing.assert_allclose(np.abs((axes[:, ::-1] * known).sum(axis=0)), 1, atol=1e-8)


def test_only_leading_axes_are_kept():
    for shape in ((30, 8), (8, 30)):
        Y = Problem(*shape, seed=3).Y
        centred = torch.from_numpy(Y)
        axes = module._principal_axes(centred, centred @ centred.T, 3).numpy()
        known = PCA(3).fit(Y).components_
        np.testing.assert_allclose(axes @ axes.T, known.T @ known, atol=1e-8)


def test_outputs_that_never_vary_have_neither_signal_nor_noise():
    problem = Problem(7, 4, seed=4)
    problem.Y = np.zeros((7, 4))
    for kind in (SharedNoise, ComponentNoise):
        model = problem.fit(kind)
        assert not model.mean(problem.rotated_cross).any()
        assert not model.variance(problem.rotated_cross, PRIOR).any()
        assert not model.noise.any()
        assert not torch.cat(model.leave_one_out(slice(None))).any()
