"""The Gaussian process: against scikit-learn, dense NumPy and simulated data."""

import inspect
import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist, pdist
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.utils.validation import check_is_fitted

from llmpert.models.gp.regressor import GaussianProcess

THREE = {"a": slice(0, 2), "b": slice(2, 4), "c": slice(4, 6)}


class Columns(RBF):
    """scikit-learn's RBF on some columns."""

    def __init__(self, length_scale: float = 1.0, columns: slice = slice(None)) -> None:
        super().__init__(length_scale, "fixed")
        self.columns = columns

    def __call__(self, X, Y=None, eval_gradient=False):
        other = None if Y is None else Y[:, self.columns]
        return super().__call__(X[:, self.columns], other, eval_gradient)


def smooth(seed: int, size: int, inputs: int = 2, outputs: int = 5, noise: float = 0.3):
    """Responses that vary smoothly with the inputs, plus noise."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(size, inputs))
    Y = np.sin(Z @ rng.normal(size=(inputs, outputs))) + 0.5 * rng.normal(size=outputs)
    return Z, Y + noise * rng.normal(size=Y.shape)


def drawn(
    seed: int, size: int, outputs: int, noise: np.ndarray | float, test: int = 0, inputs: int = 2
):
    """Responses from the model itself (signal variance 1, lengthscale 1), and noiseless ones."""
    rng = np.random.default_rng(seed)
    Z = rng.uniform(-3, 3, size=(size + test, inputs))
    K = np.exp(-0.5 * cdist(Z, Z, "sqeuclidean")) + 1e-9 * np.eye(size + test)
    F = np.linalg.cholesky(K) @ rng.normal(size=(size + test, outputs))
    return Z, F + noise * rng.normal(size=F.shape), F


def reference(model: GaussianProcess, Z: np.ndarray, Y: np.ndarray) -> GaussianProcessRegressor:
    """scikit-learn's Gaussian process at our hyper-parameters, on centred responses."""
    noise = model.noise_variance_[0]
    parts = model.parts or {"all": slice(None)}
    columns = {**parts, "+".join(parts): slice(None)}
    kernel = WhiteKernel(noise)
    for name, ratio in model.signal_to_noise_.items():
        part = Columns(model.lengthscales_[name], columns[name])
        kernel = kernel + ConstantKernel(ratio * noise) * part
    known = GaussianProcessRegressor(kernel, alpha=0, optimizer=None)
    return known.fit(Z, Y - Y.mean(axis=0))


@pytest.mark.parametrize("parts", [None, {"a": slice(0, 2), "b": slice(2, 6)}, THREE])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scikit_learn_at_the_same_hyper_parameters(parts, seed):
    Z, Y = smooth(seed, 30, 6)
    model = GaussianProcess(parts, "shared").fit(Z, Y)
    known = reference(model, Z, Y)
    assert model.log_marginal_likelihood_ == pytest.approx(
        known.log_marginal_likelihood_value_, rel=1e-6
    )
    genes = np.vstack([Z, np.random.default_rng(0).normal(size=(6, 6)), Z[:1] + 100])
    mean, std = model.predict(genes, return_std=True)
    expected, spread = known.predict(genes, return_std=True)
    np.testing.assert_allclose(mean, expected + Y.mean(axis=0), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(std / model.inflation_, spread, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(genes), mean)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("noise", [0.03, 0.3, 2.0])
@pytest.mark.parametrize("size", [5, 40])
def test_optimum_is_as_good_as_scikit_learns(size, noise):
    Z, Y = smooth(size, size, noise=noise)
    model = GaussianProcess(noise="shared").fit(Z, Y)
    middle, scale = np.median(pdist(Z)), Y.var(axis=0).mean()
    kernel = ConstantKernel(scale / 2, (1e-6 * scale, 1e3 * scale)) * RBF(
        middle, (1e-2 * middle, 1e2 * middle)
    ) + WhiteKernel(scale / 2, (1e-6 * scale, 1e2 * scale))
    known = GaussianProcessRegressor(kernel, alpha=0, n_restarts_optimizer=3, random_state=0)
    known.fit(Z, Y - Y.mean(axis=0))
    # The priors may cost so much: half a nat for e² times the median distance.
    assert model.log_marginal_likelihood_ > known.log_marginal_likelihood_value_ - 2


@pytest.mark.parametrize("dimensions", [2, 8])
def test_a_source_that_says_nothing_gets_no_weight_and_does_no_harm(dimensions):
    Z, Y, F = drawn(1, 150, 60, 0.5, test=60)
    both = np.hstack([Z, np.random.default_rng(2).normal(size=(210, dimensions))])
    parts = {"tells": slice(0, 2), "silent": slice(2, 2 + dimensions)}
    model = GaussianProcess(parts).fit(both[:150], Y[:150])
    assert model.signal_to_noise_["silent"] < 0.03 * model.signal_to_noise_["tells"]

    def error(predicted: np.ndarray) -> float:
        return np.sqrt(np.mean((predicted - F[150:]) ** 2))

    alone = error(GaussianProcess().fit(Z[:150], Y[:150]).predict(Z[150:]))
    assert error(model.predict(both[150:])) < 1.03 * alone
    # Side by side under one lengthscale it does harm.
    assert error(GaussianProcess().fit(both[:150], Y[:150]).predict(both[150:])) > 1.2 * alone


@pytest.mark.parametrize("seed", range(2))
def test_six_sources_converge(seed):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(120, 18))
    Y = np.sin(Z[:, :3] @ rng.normal(size=(3, 30))) + np.sin(Z[:, 6:9] @ rng.normal(size=(3, 30)))
    Y += 0.5 * rng.normal(size=Y.shape)
    parts = {f"source {k}": slice(3 * k, 3 * k + 3) for k in range(6)}
    model = GaussianProcess(parts).fit(Z, Y)
    ratios = np.array([model.signal_to_noise_[name] for name in parts])
    assert np.isfinite(ratios).all()
    assert min(ratios[[0, 2]]) > 3 * max(ratios[[1, 3, 4, 5]])
    assert all(1e-2 < length < 1e3 for length in model.lengthscales_.values())
    mean, std = model.predict(rng.normal(size=(20, 18)), return_std=True)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()


@pytest.mark.parametrize("noise", ["shared", "components"])
def test_prediction_returns_to_the_training_mean_far_from_training_genes(noise):
    Z, Y, _ = drawn(3, 60, 8, 0.3)
    model = GaussianProcess(noise=noise).fit(Z, Y)
    # Along a line out of the training genes: 0 to 12 lengthscales from the outermost.
    edge = Z[Z[:, 0].argmax()]
    steps = np.linspace(0, 12 * model.lengthscales_["all"], 80)
    mean, std = model.predict(edge + np.outer(steps, [1, 0]), return_std=True)
    assert (np.diff(std, axis=0) >= -1e-12).all()
    away = np.abs(mean - Y.mean(axis=0)).max(axis=1)
    assert away[-1] < 1e-10
    assert away[0] > 0.1
    assert (np.diff(away[20:]) <= 1e-12).all()
    prior = np.sqrt(model.signal_variance_ + model.noise_variance_) * model.inflation_
    np.testing.assert_allclose(std[-1], prior, rtol=1e-9)
    assert (std[0] < 0.9 * prior).mean() > 0.7
    np.testing.assert_allclose(model.mean_, Y.mean(axis=0), rtol=1e-12)


def test_uncertainty_differs_between_outputs_with_their_noise():
    sizes = np.array([0.2, 0.2, 0.5, 1.0, 2.0])
    Z, Y, _ = drawn(4, 120, 5, sizes)
    model = GaussianProcess().fit(Z, Y)
    assert (np.diff(model.noise_variance_)[1:] > 0).all()
    std = model.predict(Z[:5] + 0.05, return_std=True)[1]
    assert (std[:, 4] > 2 * std[:, 0]).all()
    shared = GaussianProcess(noise="shared").fit(Z, Y)
    even = shared.predict(Z[:5] + 0.05, return_std=True)[1]
    np.testing.assert_allclose(even, even[:, :1] + 0 * even, rtol=1e-12)
    # With noise told apart, quiet outputs are measured better than they are with it shared.
    assert (std[:, :2] < even[:, :2]).all()


@pytest.mark.parametrize("share", [0.1, 0.8])
def test_sampling_noise_is_found(share):
    rng = np.random.default_rng(5)
    cells = np.exp(rng.normal(4, 1, size=250)).round() + 1
    noise = 0.8 * np.sqrt(1 - share + share * np.median(cells) / cells)
    Z, Y, _ = drawn(6, 250, 80, noise[:, None])
    model = GaussianProcess().fit(Z, Y, cells)
    assert model.sampling_share_ == pytest.approx(share, abs=0.07)
    assert GaussianProcess().fit(Z, Y).sampling_share_ == 0
    assert GaussianProcess().fit(Z, Y, np.full(250, 7)).sampling_share_ == 0


@pytest.mark.parametrize("noise", ["shared", "components"])
def test_noisier_perturbations_are_trusted_less(noise):
    rng = np.random.default_rng(7)
    cells = np.where(rng.random(200) < 0.5, 20, 2000)
    spread = np.sqrt(100 / cells)
    Z, Y, F = drawn(8, 200, 40, spread[:, None])
    model, blind = GaussianProcess(noise=noise).fit(Z, Y, cells), GaussianProcess(noise=noise)
    error, error_blind = (np.mean((m.predict(Z) - F) ** 2) for m in (model, blind.fit(Z, Y)))
    assert error < 0.8 * error_blind
    # A measurement of many cells is followed, one of few is not.
    residual = np.abs(model.predict(Z) - Y).mean(axis=1)
    assert residual[cells == 2000].mean() < 0.3 * residual[cells == 20].mean()
    left_out = model.leave_one_out()[1].mean(axis=1)
    assert left_out[cells == 20].min() > left_out[cells == 2000].max()


@pytest.mark.parametrize("by_cells", [False, True])
def test_leave_one_out_is_a_fit_to_the_others(by_cells):
    Z, Y = smooth(9, 25, 6)
    cells = np.random.default_rng(9).integers(20, 500, 25) if by_cells else None
    model = GaussianProcess(THREE, "shared").fit(Z, Y, cells)
    K = signal(model, Z, Z)
    relative_sampling_noise = np.ones(25) if cells is None else np.median(cells) / cells
    relative = 1 + model.sampling_share_ * (relative_sampling_noise - 1)
    v, centred = model.noise_variance_[0], Y - Y.mean(axis=0)
    errors, std = model.leave_one_out()
    for row in range(25):
        others = np.delete(np.arange(25), row)
        C = v * (K + np.diag(relative))
        weights = np.linalg.solve(C[np.ix_(others, others)], C[others, row])
        np.testing.assert_allclose(errors[row], centred[row] - weights @ centred[others], atol=1e-8)
        expected = np.sqrt(C[row, row] - weights @ C[others, row]) * model.inflation_
        np.testing.assert_allclose(std[row], expected, rtol=1e-6)
    some = model.leave_one_out(slice(1, None, 3))
    np.testing.assert_allclose(some, (errors[1::3], std[1::3]))


def signal(model: GaussianProcess, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """K between genes, in units of the noise of a typical measurement."""
    parts = model.parts or {"all": slice(None)}
    columns = {**parts, "+".join(parts): slice(None)}
    return sum(
        ratio
        * np.exp(
            -0.5
            * (cdist(A[:, columns[name]], B[:, columns[name]]) / model.lengthscales_[name]) ** 2
        )
        for name, ratio in model.signal_to_noise_.items()
    )


def test_squared_standardised_errors_average_one():
    Z, Y, _ = drawn(10, 100, 30, 0.5)
    errors, std = GaussianProcess().fit(Z, Y).leave_one_out()
    assert np.mean((errors / std) ** 2) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("noise", ["shared", "components"])
@pytest.mark.parametrize("tails", ["normal", "heavy", "few strong genes"])
def test_intervals_hold_what_they_say(noise, tails):
    rng = np.random.default_rng(11)
    Z, _, F = drawn(12, 250, 20, 0.0, test=150)
    if tails == "heavy":
        Y = F + 0.5 * rng.standard_t(3, size=F.shape)
    else:
        Y = F + 0.5 * rng.normal(size=F.shape)
    if tails == "few strong genes":
        Y *= np.where(np.arange(20) < 4, 3, 0.3)
    model = GaussianProcess(noise=noise).fit(Z[:250], Y[:250])
    mean, std, departure = model.predict_with_departure(Z[250:])
    for level in (0.5, 0.8, 0.95):
        low, high = (
            model.distribution_.quantile(end, mean, std, departure)
            for end in ((1 - level) / 2, (1 + level) / 2)
        )
        inside = (low <= Y[250:]) & (Y[250:] <= high)
        assert inside.mean() == pytest.approx(level, abs=0.045)
    assert 0.9 < model.inflation_ < 1.2


def test_units_of_inputs_and_responses_do_not_matter():
    Z, Y = smooth(13, 20, 6)
    genes = np.random.default_rng(13).normal(size=(4, 6))
    plain = GaussianProcess(THREE).fit(Z, Y)
    mean, std = plain.predict(genes, return_std=True)
    for unit, input_unit in ((1e-8, 1e8), (1e8, 1e-8), (1e-3, 1e3)):
        changed = GaussianProcess(THREE).fit(input_unit * Z, unit * (Y + 3))
        other, other_std = changed.predict(input_unit * genes, return_std=True)
        np.testing.assert_allclose(other / unit - 3, mean, atol=1e-3)
        np.testing.assert_allclose(other_std / unit, std, rtol=1e-3)
        assert changed.log_marginal_likelihood_ == pytest.approx(
            plain.log_marginal_likelihood_ - Y.size * math.log(unit), rel=1e-4
        )


def test_an_outlying_gene_leaves_the_others_alone():
    # With squared lengths instead of differences, distances of 1 would be lost beside 1e9.
    Z, Y = smooth(14, 40, 2, 3, noise=0.1)
    far = GaussianProcess(noise="shared").fit(
        np.vstack([Z, [[1e9, 0]]]), np.vstack([Y, Y.mean(axis=0)])
    )
    near = GaussianProcess(noise="shared").fit(Z, Y)
    np.testing.assert_allclose(far.predict(Z), near.predict(Z), atol=0.03)


@pytest.mark.parametrize("noise", ["shared", "components"])
@pytest.mark.parametrize("size", [2, 3, 6])
def test_constant_responses_are_predicted_as_they_are(noise, size):
    Z = np.random.default_rng(0).normal(size=(size, 2))
    model = GaussianProcess(noise=noise).fit(Z, np.full((size, 4), 0.1))
    mean, std = model.predict(Z + 1, return_std=True)
    np.testing.assert_array_equal(mean, 0.1)
    np.testing.assert_array_equal(std, 0)
    assert model.inflation_ == 1


def test_an_output_that_never_varies_does_not_narrow_intervals():
    Z, Y = smooth(15, 30)
    model = GaussianProcess().fit(Z, np.hstack([Y, np.full((30, 5), 0.1)]))
    alone = GaussianProcess().fit(Z, Y)
    std = model.predict(Z, return_std=True)[1]
    assert (std[:, 5:] == 0).all()
    assert (std[:, :5] > 0).all()
    errors, spread = model.leave_one_out()
    assert np.mean((errors[:, :5] / spread[:, :5]) ** 2) == pytest.approx(1, abs=1e-9)
    assert model.inflation_ == pytest.approx(alone.inflation_, abs=0.1)


@pytest.mark.parametrize(
    ("Z", "Y", "message"),
    [
        (np.full((3, 2), np.nan), np.zeros((3, 2)), "NaN"),
        (np.zeros((3, 2)), np.full((3, 2), np.nan), "Y contains NaN"),
        (np.full((3, 2), np.inf), np.zeros((3, 2)), "infinity"),
        (np.zeros((3, 2)), np.full((3, 2), -np.inf), "infinity"),
        (np.zeros((1, 2)), np.zeros((1, 2)), "minimum of 2"),
        (np.zeros((3, 2)), np.zeros((4, 2)), "inconsistent"),
        (np.zeros(3), np.zeros((3, 2)), "2D array"),
        (np.zeros((3, 2)), np.zeros(3), "2D array"),
        (np.full((3, 2), 1e101), np.zeros((3, 2)), r"magnitudes up to 1e\+100, found 1e\+101"),
        (np.zeros((3, 2)), np.full((3, 2), -1e101), "magnitudes"),
    ],
)
def test_what_is_no_problem_is_refused(Z, Y, message):
    with pytest.raises(ValueError, match=message):
        GaussianProcess().fit(Z, Y)


@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf, 1e-200])
def test_numbers_of_cells_are_positive(bad):
    with pytest.raises(ValueError, match="positive number of cells"):
        GaussianProcess().fit(*smooth(0, 3), cells=[10, bad, 10])


@pytest.mark.parametrize("cells", [[1, 2], [[1, 2, 3]] * 3, ["a", "b", "c"]])
def test_cells_belong_to_perturbations(cells):
    with pytest.raises(ValueError, match=r"inconsistent|1d array|convert"):
        GaussianProcess().fit(*smooth(0, 3), cells=cells)


@pytest.mark.parametrize("seed", range(3))
def test_a_fit_that_starts_at_another_is_as_likely_as_one_that_does_not(seed):
    rng = np.random.default_rng(seed)
    Z, Y = smooth(seed, 120, 4, outputs=20)
    cells, parts = rng.integers(20, 400, 120), {"a": slice(0, 2), "b": slice(2, 4)}
    of_all = GaussianProcess(parts).fit(Z, Y, cells)
    kept = np.sort(rng.permutation(120)[:110])
    fewer = Z[kept], Y[kept], cells[kept]
    warm = GaussianProcess(parts).fit(*fewer, start=of_all)
    cold = GaussianProcess(parts).fit(*fewer)
    assert warm.log_marginal_likelihood_ > cold.log_marginal_likelihood_ - 1
    std = cold.predict(Z, return_std=True)[1]
    assert (np.abs(warm.predict(Z) - cold.predict(Z)) < 0.1 * std).all()


def test_a_start_may_not_know_cells_and_has_the_same_sources():
    Z, Y = smooth(4, 40, 4)
    blind = GaussianProcess().fit(Z, Y)
    cells = np.random.default_rng(4).integers(20, 400, 40)
    assert GaussianProcess().fit(Z, Y, cells, start=blind).sampling_share_ > 0
    with pytest.raises(ValueError, match=r"expected a start of \['a', 'b', 'c'\], found \['all'\]"):
        GaussianProcess(THREE).fit(*smooth(4, 40, 6), start=blind)


def test_an_unknown_noise_model_is_refused():
    with pytest.raises(ValueError, match=r"'shared', 'components'.*found 'none'"):
        GaussianProcess(noise="none").fit(*smooth(0, 5))


def test_prediction_needs_a_fit_and_the_same_inputs():
    model = GaussianProcess()
    for method in (model.predict, model.leave_one_out):
        with pytest.raises(NotFittedError):
            method(np.zeros((1, 2)))
    with pytest.raises(NotFittedError):
        check_is_fitted(model)
    assert model.fit(*smooth(0, 5, 2, 1)) is model
    check_is_fitted(model)
    with pytest.raises(ValueError, match="3 features"):
        model.predict(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="NaN"):
        model.predict(np.full((1, 2), np.nan))
    # Far beyond any training gene is no mistake.
    assert np.isfinite(model.predict(np.full((1, 2), 1e300), return_std=True)).all()


def test_behaves_as_scikit_learn_expects():
    model = GaussianProcess(THREE, "shared")
    names = set(inspect.signature(GaussianProcess).parameters)
    assert set(model.get_params()) == names == {"parts", "noise", "components"}
    again = clone(model)
    assert again.get_params() == model.get_params()
    Z, Y = smooth(16, 12, 6)
    np.testing.assert_array_equal(model.fit(Z, Y).predict(Z), again.fit(Z, Y).predict(Z))
    assert GaussianProcess().set_params(noise="shared").noise == "shared"
    assert model.n_features_in_ == 6
    assert model.score(Z, Y) > 0


def test_leaves_arrays_and_torch_as_they_were():
    Z, Y = smooth(17, 10, 2, 3)
    cells = np.arange(1.0, 11)
    before = Z.copy(), Y.copy(), cells.copy()
    dtype, state = torch.get_default_dtype(), torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()
    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()
    model = GaussianProcess().fit(Z, Y, cells)
    mean, _ = model.predict(Z, return_std=True)
    for array, copy in zip((Z, Y, cells), before, strict=True):
        np.testing.assert_array_equal(array, copy)
    assert torch.get_default_dtype() == dtype
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (threads, grad)
    # Nor does the model depend on what becomes of them.
    genes = Z.copy()
    Z += 1
    Y += 1
    np.testing.assert_array_equal(model.predict(genes), mean)


def test_takes_single_precision_and_read_only_arrays(recwarn):
    Z, Y = smooth(18, 15, 2, 3)
    Z, Y = Z.astype(np.float32), Y.astype(np.float32)
    Z.setflags(write=False)
    Y.setflags(write=False)
    mean = GaussianProcess().fit(Z, Y).predict(Z)
    assert mean.dtype == np.float64
    expected = GaussianProcess().fit(Z.astype(np.float64), Y.astype(np.float64)).predict(Z)
    np.testing.assert_array_equal(mean, expected)
    assert not recwarn.list


def test_fitting_again_forgets_the_first_fit():
    first, second = smooth(19, 12, 2, 3), smooth(20, 9, 4, 2)
    model = GaussianProcess().fit(*first).fit(*second)
    fresh = GaussianProcess().fit(*second)
    np.testing.assert_array_equal(model.predict(second[0]), fresh.predict(second[0]))
    assert model.signal_to_noise_ == fresh.signal_to_noise_
