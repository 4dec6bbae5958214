"""What the benchmarks measure and count, on small data."""

import os

import numpy as np
import pytest
import torch

from benchmarks import machine, scale
from benchmarks.fold import Fold, measure
from benchmarks.work import Work, counted
from llmpert.models.gp.solver import Cholesky
from llmpert.runtime import WAITING


@pytest.fixture
def fold():
    rng = np.random.default_rng(0)
    return Fold(
        inputs=rng.normal(size=(30, 4)),
        response=rng.normal(size=(30, 6)),
        cells=rng.uniform(50, 200, size=30),
        parts={"text": slice(0, 2), "sequence": slice(2, 4)},
        test=rng.normal(size=(5, 4)),
    )


@pytest.mark.parametrize("model", ["gp", "gp-paper"])
def test_a_fold_is_timed_and_its_memory_and_work_measured(fold, model):
    cost = measure(model, fold.first(5), runs=3)
    assert len(cost.seconds) == len(cost.processor) == 3
    assert min(cost.seconds) <= cost.median <= max(cost.seconds)
    assert cost.peak > 10_000_000
    assert set(cost.work.factorised) == {30}
    # At least the inverse and the spectrum of one covariance matrix.
    assert cost.work.operations["float64"] > 5 * 30**3


def test_work_is_that_of_the_textbook():
    rng = np.random.default_rng(0)
    a, b = torch.from_numpy(rng.normal(size=(6, 4))), torch.from_numpy(rng.normal(size=(4, 5)))
    with counted() as work:
        square = a @ a.T + torch.eye(6, dtype=torch.float64)
        Cholesky(square).whiten(a)
        torch.zeros(6, 5, dtype=torch.float64).addmm_(a, b)
        a.float() @ b.float()
    products = 2 * 6 * 4 * 6 + 2 * 6 * 4 * 5
    assert work.operations["float64"] == products + 6**3 / 3 + 2 * 6**3 / 3 + 6**2 * 4
    assert work.operations["float32"] == 2 * 6 * 4 * 5
    assert work.factorised == {6: 1}


def test_time_of_the_same_work_in_matrix_products():
    work = Work()
    work.operations.update({"float64": 6_000_000_000, "float32": 8_000_000_000})
    assert work.seconds_at({"float64": 2.0, "float32": 4.0}) == pytest.approx(3 + 2)


def growth(size: int) -> int:
    """Bytes by which the peak of memory grows while an array of that many bytes is held."""
    before = machine.peak_memory()
    held = np.ones(size // 8)
    assert held.all()
    return machine.peak_memory() - before


@pytest.mark.processes
def test_peak_memory_grows_by_what_is_held():
    # In a process of its own: the peak of this one may be that of a test before.
    assert machine.alone(growth, 200_000_000) == pytest.approx(200_000_000, rel=0.1)


@pytest.mark.processes
def test_a_function_runs_in_a_process_of_its_own_with_threads_that_wait_briefly():
    assert machine.alone(os.getpid) != os.getpid()
    for name in WAITING:
        assert machine.alone(os.getenv, name) == os.environ[name]


def test_random_data_are_half_signal_half_noise():
    inputs, response = scale.smooth(400, 50)
    assert inputs.shape == (400, scale.SOURCES * scale.COLUMNS)
    assert response.shape == (400, 50)
    assert response.dtype == np.float32
    # A variance of one half a source, and of one for noise.
    assert response.var() == pytest.approx(2.0, rel=0.1)


def test_growing_data_are_timed_with_the_exponent(monkeypatch):
    monkeypatch.setattr(scale, "alone", lambda cost, n, d: (n**3 / 1e9, 2e9))
    header, first, *others = scale.table()
    assert header[1:] == [f"{outputs:,} genes" for outputs in scale.OUTPUTS]
    assert first == ["1,419", *["2.9 s, 2.0 GB"] * 2]
    assert [row[1].split(", ")[-1] for row in others] == ["N^3.0"] * 2
