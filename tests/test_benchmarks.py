"""The benchmarks' own parts, on small data."""

import os

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks import gp, machine, peers, real, scale
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


@pytest.mark.processes
def test_a_function_runs_in_a_process_of_its_own_with_threads_that_wait_briefly():
    assert machine.alone(os.getpid) != os.getpid()
    for name in WAITING:
        assert machine.alone(os.getenv, name) == os.environ[name]


def test_peers_fit_and_predict(fold):
    assert peers.scikit_learn(fold.inputs, fold.response, fold.test) > 0
    assert peers.gpytorch_batch(fold.inputs, fold.response, fold.test, steps=2) > 0


def test_a_peer_is_tried_with_more_outputs_until_it_would_take_too_long():
    # 50 s and 1 s an output: 200 outputs would take 250 s.
    tried = dict(peers.within_patience(lambda outputs: 50.0 + outputs))
    assert tried == {1: 51.0, 10: 60.0, 20: 70.0, 50: 100.0, 100: 150.0}
    assert [n for n, _ in peers.within_patience(lambda n: None if n > 20 else 1.0)] == [1, 10, 20]


def test_more_outputs_than_there_are_or_than_memory_holds_are_not_tried(fold, monkeypatch):
    assert peers.scikit_learn_alone(fold, 10) is None
    monkeypatch.setattr(peers, "MEMORY", 8 * 30**2 * 4)
    assert peers.scikit_learn_alone(fold, 5) is None


def test_random_data_are_half_signal_half_noise():
    inputs, response = scale.smooth(400, 50)
    assert inputs.shape == (400, scale.SOURCES * scale.COLUMNS)
    assert response.shape == (400, 50)
    assert response.dtype == np.float32
    # A variance of one half a source, and of one for noise.
    assert response.var() == pytest.approx(2.0, rel=0.1)


def test_growing_data_are_timed_and_their_exponent_told(monkeypatch, capsys):
    monkeypatch.setattr(scale, "alone", lambda cost, n, d: (n**3 / 1e9, 17e9 if n > 4000 else 1e9))
    scale.report()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(scale.SIZES) * len(scale.OUTPUTS)
    assert "missed" in lines[2]
    assert "N^3.00 from N = 4,000" in lines[2]
    assert "met" in lines[1]


def test_growing_data_are_measured(monkeypatch):
    monkeypatch.setattr(scale, "TEST", 3)
    seconds, peak = scale.cost(20, 6)
    assert seconds > 0
    assert peak > 10_000_000


def test_the_report_of_a_fold(fold, monkeypatch, capsys):
    monkeypatch.setattr(gp, "alone", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(gp, "gemm_rate", lambda precision: 100.0)
    gp.report_fold(fold, runs=1)
    told = capsys.readouterr().out
    assert "30 training perturbations x 6 genes, 2 sources with 4 inputs" in told
    assert "target < 1.5 s: met" in told


def test_peak_memory_grows_by_what_is_held():
    before = machine.peak_memory()
    # A new peak whatever was held and freed before.
    held = np.ones(before // 8 + 2_000_000)
    assert machine.peak_memory() >= before + 15_000_000
    assert held.all()


def test_times_are_said_with_their_median_range_and_target():
    seconds = [0.002, 0.001, 0.004]
    assert machine.times(seconds, 0.005, "ms") == (
        "median 2.00 ms (1.00 to 4.00, 3 times); target < 5 ms: met"
    )
    assert machine.times(seconds, 0.001).endswith("target < 0.001 s: missed")


def test_verdicts():
    assert (machine.verdict(1.0, 2.0), machine.verdict(2.0, 2.0)) == ("met", "missed")


def test_the_real_benchmark_says_what_it_needs(monkeypatch, tmp_path):
    monkeypatch.setenv("LLMPERT_REAL_DATA", str(tmp_path))
    done = CliRunner().invoke(real.main)
    assert done.exit_code == 1
    assert "LLMPERT_REAL_DATA" in done.output
    assert str(tmp_path) in done.output


def test_markdown_tables():
    assert real.markdown([["a", "b"], ["---", "---"], ["1", "2"]]) == [
        "| a | b |",
        "| --- | --- |",
        "| 1 | 2 |",
    ]
