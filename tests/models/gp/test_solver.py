"""The linear algebra: against dense NumPy solves and brute force."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import LinAlgError

from llmpert.models.gp.solver import FEW, Cholesky, Spectrum, blocks, mirrored


def signal(size: int, seed: int) -> np.ndarray:
    """Positive semi-definite, of lower rank than size where there is more than one row."""
    root = np.random.default_rng(seed).normal(size=(size, max(1, size - 1)))
    return root @ root.T / size


def noise(size: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 5, size)


def columns(size: int, number: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed + 1).normal(size=(size, number))


problems = st.integers(1, 12), st.integers(0, 10**6)


@settings(deadline=None)
@given(*problems)
def test_cholesky_agrees_with_dense_solves(size, seed):
    C = signal(size, seed) + np.diag(noise(size, seed))
    B = columns(size, 4, seed)
    below = np.where(np.tri(size), C, np.nan)
    solver = Cholesky(torch.from_numpy(below))
    np.testing.assert_allclose(solver.inverse, np.linalg.inv(C), rtol=1e-9, atol=1e-12)
    assert solver.log_determinant == pytest.approx(np.linalg.slogdet(C)[1], abs=1e-10)
    white = solver.whiten(torch.from_numpy(B)).numpy()
    np.testing.assert_allclose(white.T @ white, B.T @ np.linalg.solve(C, B), rtol=1e-8, atol=1e-10)


def test_cholesky_refuses_what_is_no_covariance():
    with pytest.raises(LinAlgError):
        Cholesky(torch.tensor([[1.0, 2.0], [2.0, 1.0]], dtype=torch.float64))


@settings(deadline=None)
@given(*problems, st.sampled_from([1e-3, 0.3, 1.0, 1e3]))
def test_spectrum_solves_for_any_noise_level(size, seed, level):
    K, r = signal(size, seed), noise(size, seed)
    A, B = columns(size, 4, seed), columns(size, 3, seed + 1)
    spectrum = Spectrum(torch.from_numpy(K), torch.from_numpy(r))
    a, b = (spectrum.rotate(torch.from_numpy(x)) for x in (A, B))
    inverses = spectrum.inverses(torch.tensor([level, 2 * level], dtype=torch.float64))
    assert inverses.shape == (size, 2)
    for column, factor in enumerate((1, 2)):
        C = K + factor * level * np.diag(r)
        found = (a.T @ (inverses[:, column, None] * b)).numpy()
        np.testing.assert_allclose(found, A.T @ np.linalg.solve(C, B), rtol=1e-7, atol=1e-9)
    assert (spectrum.values >= 0).all()
    assert (spectrum.values.diff() >= 0).all()


def refitted(K: np.ndarray, C: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row from a solve with all the others; C is K with noise on the diagonal."""
    errors, variances = np.empty(len(y)), np.empty(len(y))
    for row in range(len(y)):
        others = np.delete(np.arange(len(y)), row)
        inside, across = C[np.ix_(others, others)], K[others, row]
        errors[row] = y[row] - across @ np.linalg.solve(inside, y[others])
        variances[row] = K[row, row] - across @ np.linalg.solve(inside, across)
    return errors, variances


@settings(deadline=None, max_examples=settings().max_examples // 2)
@given(st.integers(2, 12), st.integers(0, 10**6))
def test_leave_one_out_is_a_fit_to_the_others(size, seed):
    K, r, Y = signal(size, seed), noise(size, seed), columns(size, 3, seed)
    spectrum = Spectrum(torch.from_numpy(K), torch.from_numpy(r))
    rotated = spectrum.rotate(torch.from_numpy(Y))
    levels = np.array([0.1, 1.0, 30.0])
    errors, variances = spectrum.leave_one_out(rotated, torch.from_numpy(levels))
    shared, shared_variance = spectrum.leave_one_out(rotated, torch.from_numpy(levels[1:2]))
    assert variances.shape == (size, 3)
    assert shared_variance.shape == (size, 1)
    for output, level in enumerate(levels):
        expected = refitted(K, K + level * np.diag(r), Y[:, output])
        np.testing.assert_allclose(errors[:, output], expected[0], rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(variances[:, output], expected[1], rtol=1e-7, atol=1e-8)
        expected = refitted(K, K + np.diag(r), Y[:, output])
        np.testing.assert_allclose(shared[:, output], expected[0], rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(shared_variance[:, 0], expected[1], rtol=1e-7, atol=1e-8)


def test_spectrum_takes_a_signal_of_nothing():
    spectrum = Spectrum(torch.zeros(4, 4, dtype=torch.float64), torch.ones(4, dtype=torch.float64))
    assert spectrum.values.tolist() == [0, 0, 0, 0]
    y = torch.arange(4.0, dtype=torch.float64)[:, None]
    errors, variance = spectrum.leave_one_out(
        spectrum.rotate(y), torch.ones(1, dtype=torch.float64)
    )
    torch.testing.assert_close(errors, y)
    assert variance.tolist() == [[0]] * 4


@pytest.mark.parametrize("size", [1, 63, 64, FEW, FEW + 1, 600])
def test_blocks_cover_every_row_once(size):
    rows = [row for block in blocks(size) for row in range(size)[block]]
    assert rows == list(range(size))


@pytest.mark.parametrize("size", [1, 2, FEW, FEW + 1, 331])
def test_what_is_above_the_diagonal_is_replaced(size):
    matrix = torch.from_numpy(np.random.default_rng(size).normal(size=(size, size)))
    lower = np.tril(matrix.numpy())
    found = mirrored(matrix)
    assert found is matrix
    np.testing.assert_array_equal(found, lower + np.tril(lower, -1).T)
