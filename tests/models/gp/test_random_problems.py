"""Random small problems, however awkward: against dense NumPy from the fitted hyper-parameters."""

from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from llmpert.models.gp import search as searching
from llmpert.models.gp.likelihood import Posterior
from llmpert.models.gp.regressor import GaussianProcess

RELATIVE = 1e-6


@dataclass(frozen=True)
class Problem:
    """How to make inputs and responses."""

    seed: int = 0
    size: int = 6
    outputs: int = 3
    widths: tuple[int, ...] = (2,)
    noise: float = 0.3
    inputs: str = "as they are"
    responses: str = "as they are"
    input_unit: float = 1.0
    unit: float = 1.0
    by_cells: bool = False
    model: str = "components"

    @property
    def parts(self) -> dict[str, slice]:
        ends = np.cumsum(self.widths)
        return {
            f"source {k}": slice(end - width, end)
            for k, (end, width) in enumerate(zip(ends, self.widths, strict=True))
        }

    def data(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        rng = np.random.default_rng(self.seed)
        Z = rng.normal(size=(self.size, sum(self.widths)))
        if self.inputs == "duplicates":
            Z = Z[rng.integers(0, max(1, self.size // 2), self.size)]
        elif self.inputs == "one place":
            Z = np.repeat(Z[:1], self.size, axis=0)
        elif self.inputs == "collinear":
            Z = Z[:, :1] * np.arange(1, Z.shape[1] + 1)
        elif self.inputs == "nearly singular":
            Z = Z[:1] + 1e-7 * Z
        elif self.inputs == "an outlier":
            Z[-1] += 1e6
        Y = np.sin(Z @ rng.normal(size=(Z.shape[1], self.outputs)))
        Y += self.noise * rng.normal(size=Y.shape)
        if self.responses == "a constant output":
            Y[:, 0] = 0.1
        elif self.responses == "all constant":
            Y[:] = 0.1
        elif self.responses == "one large output":
            Y[:, 0] *= 1e4
        elif self.responses == "repeated":
            Y[:] = Y[:, :1]
        cells = rng.integers(1, 2000, self.size) if self.by_cells else None
        return self.input_unit * Z, self.unit * Y, cells

    def others(self) -> np.ndarray:
        """Genes to predict: trained on, near and far."""
        Z = self.data()[0]
        rng = np.random.default_rng(self.seed + 1)
        return np.vstack(
            [Z[:2], Z[:2] + self.input_unit * rng.normal(size=Z[:2].shape), Z[:1] * 1e3]
        )


problems = st.builds(
    Problem,
    seed=st.integers(0, 10**6),
    size=st.integers(2, 12),
    outputs=st.integers(1, 6),
    widths=st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple),
    noise=st.sampled_from([0.0, 0.03, 0.3, 3.0]),
    inputs=st.sampled_from(
        ["as they are", "duplicates", "one place", "collinear", "nearly singular", "an outlier"]
    ),
    responses=st.sampled_from(
        ["as they are", "a constant output", "all constant", "one large output", "repeated"]
    ),
    input_unit=st.sampled_from([1.0, 1e-8, 1e8]),
    unit=st.sampled_from([1.0, 1e-8, 1e8]),
    by_cells=st.booleans(),
    model=st.sampled_from(["components", "shared"]),
)


def kernel(model: GaussianProcess, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """K, in units of the noise of a typical measurement."""
    columns = {**model.parts, "+".join(model.parts): slice(None)}
    K = np.zeros((len(A), len(B)))
    for name, ratio in model.signal_to_noise_.items():
        d = cdist(A[:, columns[name]], B[:, columns[name]]) / model.lengthscales_[name]
        K += ratio * np.exp(-0.5 * np.minimum(d, 100) ** 2)
    return K


def dense(
    model: GaussianProcess,
    Z: np.ndarray,
    Y: np.ndarray,
    cells: np.ndarray | None,
    genes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of measurements, by solves with the N x N matrix for every component."""
    K, across = kernel(model, Z, Z), kernel(model, Z, genes)
    relative_sampling_noise = np.ones(len(Z)) if cells is None else np.median(cells) / cells
    r = 1 + model.sampling_share_ * (relative_sampling_noise - 1)
    prior = sum(model.signal_to_noise_.values())
    centred = Y - model.mean_
    if model.noise == "shared":
        axes, levels = np.eye(Y.shape[1]), np.ones(Y.shape[1])
        v = np.mean(centred * np.linalg.solve(K + np.diag(r), centred))
        signals = np.full(Y.shape[1], v)
        beyond = np.zeros(Y.shape[1])
    else:
        # What is a component's signal and noise is tested with the outputs.
        fitted = model._outputs
        axes, levels = fitted.axes.numpy(), fitted.level.numpy()
        scores = centred @ axes
        signals = np.array(
            [
                np.mean(y * np.linalg.solve(K + level * np.diag(r), y))
                for y, level in zip(scores.T, levels, strict=True)
            ]
        )
        rest = centred - scores @ axes.T
        beyond = np.mean(rest**2 / r[:, None], axis=0)
    mean, variance = np.zeros((2, len(genes), Y.shape[1]))
    for axis, level, scale in zip(axes.T, levels, signals, strict=True):
        C = K + level * np.diag(r)
        mean += np.outer(across.T @ np.linalg.solve(C, centred @ axis), axis)
        explained = (across * np.linalg.solve(C, across)).sum(axis=0)
        variance += np.outer(scale * (prior - explained + level), axis**2)
    return mean + model.mean_, variance + beyond


@settings(
    max_examples=2 * settings().max_examples,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(problems)
@example(Problem(size=2, outputs=1, widths=(1,)))
@example(Problem(size=2, inputs="one place", by_cells=True))
@example(Problem(size=12, noise=0.0, inputs="duplicates"))
@example(Problem(size=12, noise=0.0, inputs="duplicates", model="shared", widths=(2, 2, 2)))
@example(Problem(size=12, noise=0.0, inputs="nearly singular", widths=(1, 3)))
@example(Problem(responses="all constant", by_cells=True))
@example(Problem(size=12, inputs="an outlier", widths=(3, 3), input_unit=1e-8))
def test_prediction_is_that_of_a_dense_process(problem):
    Z, Y, cells = problem.data()
    model = GaussianProcess(problem.parts, problem.model).fit(Z, Y, cells)
    genes = problem.others()
    mean, std, departure = model.predict_with_departure(genes)
    errors, left_out = model.leave_one_out()
    for numbers in (mean, std, errors, left_out, model.signal_variance_, model.noise_variance_):
        assert np.isfinite(numbers).all()
    assert (std >= 0).all()
    assert (left_out >= 0).all()
    assert np.isfinite(model.log_marginal_likelihood_)
    assert 0 < model.inflation_ < np.inf
    assert np.isfinite(model.distribution_.responses(mean, std, departure)).all()
    expected, variance = dense(model, Z, Y, cells, genes)
    # Relative to the responses' own size: both lose digits where the kernel is nearly singular.
    size = np.abs(Y - model.mean_).max()
    np.testing.assert_allclose(mean, expected, rtol=RELATIVE, atol=RELATIVE * size)
    np.testing.assert_allclose(
        (std / model.inflation_) ** 2, variance, rtol=RELATIVE, atol=(RELATIVE * size) ** 2
    )


@settings(deadline=None, max_examples=settings().max_examples // 2, derandomize=True)
@given(problems)
def test_the_optimum_is_no_worse_than_any_start(problem):
    Z, Y, cells = problem.data()
    seen = {}

    def spy(statistics, covariance, start):
        starts = [
            covariance.values(ratio, lengthscale)
            for ratio in searching.RATIO_STARTS
            for lengthscale in searching.LENGTHSCALE_STARTS
        ]
        seen["starts"] = min(Posterior(statistics, covariance, start).loss for start in starts)
        likelihood = searching.search(statistics, covariance, start)
        seen["found"] = -(likelihood + covariance.log_prior()[0])
        return likelihood

    with patch("llmpert.models.gp.regressor.search", spy):
        GaussianProcess(problem.parts, problem.model).fit(Z, Y, cells)
    assert seen["found"] <= seen["starts"] + 1e-9 * max(1, abs(seen["starts"]))


@settings(deadline=None, derandomize=True)
@given(problems)
@example(Problem(outputs=1))
def test_some_outputs_are_predicted_as_among_all(problem):
    Z, Y, cells = problem.data()
    model = GaussianProcess(problem.parts, noise=problem.model).fit(Z, Y, cells)
    columns = np.random.default_rng(problem.seed).permutation(problem.outputs)[:4]
    some = model.only(columns)
    assert some.mean_.shape == columns.shape
    for whole, part in (
        *zip(
            model.predict(problem.others(), True), some.predict(problem.others(), True), strict=True
        ),
        *zip(model.leave_one_out(), some.leave_one_out(), strict=True),
        *zip(model.predict_left_out(), some.predict_left_out(), strict=True),
        (model.signal_variance_[None], some.signal_variance_[None]),
        (model.noise_variance_[None], some.noise_variance_[None]),
    ):
        scale = np.abs(whole).max() or 1.0
        np.testing.assert_allclose(part, whole[:, columns], rtol=1e-9, atol=1e-9 * scale)
