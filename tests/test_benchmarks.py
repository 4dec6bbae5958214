"""The benchmarks' own parts, on small data."""

import numpy as np
from click.testing import CliRunner

from benchmarks import gp, machine, real


def test_a_fold_is_timed_and_its_memory_measured(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "fold.npz"
    np.savez(
        path,
        inputs=rng.normal(size=(30, 3)),
        response=rng.normal(size=(30, 5)),
        test=rng.normal(size=(4, 3)),
    )
    measured = gp.measure(path, runs=2)
    assert len(measured["seconds"]) == 2
    assert all(second > 0 for second in measured["seconds"])
    assert measured["evaluations"] > 0


def test_peak_memory_grows_by_what_is_held():
    before = machine.peak_memory()
    # A new peak whatever was held and freed before.
    held = np.ones(before // 8 + 2_000_000)
    assert machine.peak_memory() >= before + 15_000_000
    assert held.all()


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
