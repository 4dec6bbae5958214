"""A model put together again from its arrays: random small problems, however awkward."""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from sklearn.exceptions import NotFittedError

from llmpert.models.gp.regressor import GaussianProcess
from tests.models.gp.test_random_problems import Problem, kernel, problems

components = problems.filter(lambda problem: problem.model == "components")
awkward = settings(derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def fit(problem: Problem, most: int = 100) -> tuple[GaussianProcess, np.ndarray, float]:
    """A model, its responses, and their size: all that is compared is relative to it."""
    Z, Y, cells = problem.data()
    model = GaussianProcess(problem.parts, components=most).fit(Z, Y, cells)
    return model, Y, float(np.abs(Y - model.mean_).max()) or 1.0


@awkward
@given(components)
@example(Problem(size=12, noise=0.0, inputs="nearly singular", widths=(1, 3)))
@example(Problem(size=12, noise=0.03, by_cells=True, widths=(2, 2), outputs=6))
def test_the_model_of_its_arrays_predicts_the_same(problem):
    model, _, size = fit(problem)
    again = GaussianProcess.of_arrays(problem.parts, model.arrays())
    genes = problem.others()
    pairs = [
        *zip(model.predict(genes, True), again.predict(genes, True), strict=True),
        *zip(model.predict_left_out(), again.predict_left_out(), strict=True),
    ]
    for first, second in pairs:
        np.testing.assert_allclose(second, first, rtol=1e-6, atol=1e-6 * size)
    np.testing.assert_array_equal(again.similarity(genes), model.similarity(genes))
    assert again.signal_to_noise_ == pytest.approx(model.signal_to_noise_)
    assert again.lengthscales_ == pytest.approx(model.lengthscales_)
    assert again.sampling_share_ == pytest.approx(model.sampling_share_)


@awkward
@given(components)
@example(Problem(size=12, noise=0.03, by_cells=True, widths=(2, 2), outputs=6))
def test_a_left_out_perturbation_is_predicted_as_by_a_dense_process_of_the_others(problem):
    """With the same hyper-parameters, components and mean."""
    model, Y, size = fit(problem, most=3)
    Z, _, cells = problem.data()
    relative = np.ones(len(Z)) if cells is None else np.median(cells) / cells
    r, K = 1 + model.sampling_share_ * (relative - 1), kernel(model, Z, Z)
    stored = model.arrays()
    axes, levels, scale = stored["axes"], stored["level"], stored["scales"][0]
    mean, std = model.predict_left_out()
    for row in range(len(Z)):
        others = np.delete(np.arange(len(Z)), row)
        expected, variance = model.mean_.copy(), stored["noise"].copy()
        for axis, level, signal in zip(axes.T, levels, stored["signal"], strict=True):
            C = (K + level * np.diag(r))[np.ix_(others, others)]
            weights = np.linalg.solve(C, K[others, row])
            expected += weights @ ((Y - model.mean_)[others] @ axis) * axis
            variance += (K[row, row] - weights @ K[others, row]) * signal * axis**2
        np.testing.assert_allclose(mean[row], expected, rtol=1e-6, atol=1e-6 * size)
        np.testing.assert_allclose(
            (std[row] / model.inflation_) ** 2, variance * scale**2, rtol=1e-5, atol=1e-11 * size**2
        )


def test_left_out_predictions_and_errors_say_the_same():
    problem = Problem(size=12, outputs=6, widths=(2, 2), by_cells=True)
    model, Y, _ = fit(problem, most=2)
    errors, std = model.leave_one_out(of_typical=True)
    rows = np.array([7, 2])
    mean, deviation = model.predict_left_out(rows)
    np.testing.assert_allclose(mean, (Y - errors)[rows], atol=1e-12)
    np.testing.assert_allclose(deviation, std[rows], rtol=1e-12)


def test_no_more_components_are_kept_than_asked_for():
    problem = Problem(seed=3, size=12, outputs=6, noise=0.03)
    sizes = [fit(problem, most)[0].arrays()["axes"].shape for most in (1, 2, 100)]
    assert sizes[:2] == [(6, 1), (6, 2)]
    assert sizes[2][1] > 2


def test_what_cannot_be_kept_is_refused():
    Z, Y, _ = Problem().data()
    with pytest.raises(ValueError, match="a model of components"):
        GaussianProcess(noise="shared").fit(Z, Y).arrays()
    with pytest.raises(ValueError, match="1 component or more, found 0"):
        GaussianProcess(components=0).fit(Z, Y)
    with pytest.raises(NotFittedError):
        GaussianProcess().arrays()
