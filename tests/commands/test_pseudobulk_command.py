"""`pseudobulk`: from a file of single cells to a screen that every other command takes."""

from pathlib import Path

import numpy as np
import pytest

from llmpert.screens import Screen, read_screen
from tests.support.single_cells import TARGETS, single_cells, written


def test_cells_become_a_screen_and_it_is_said_how(run):
    written(Path("k562_cells.h5ad"), single_cells())
    code, out, remarks = run("pseudobulk", "k562_cells.h5ad", "--out", "k562.h5ad")
    assert code == 0
    screen = Screen.load("k562.h5ad")
    assert list(screen.perturbations) == list(TARGETS)
    assert "K562: 4 perturbations x 30 genes, unit Δ log-normalised expression\n" in out
    assert "  Scaled every cell to 10,000 counts and took log(1 + x).\n" in out
    assert "control cells of its own batches (3 in the column 'gem_group')" in out
    called = int((screen.layers["q"] <= 0.05).sum(axis=1).mean())
    assert f"  {called} genes of a perturbation differ from control on average" in out
    assert out.endswith("Wrote k562.h5ad.\n")
    assert "takes up to" in remarks
    assert read_screen("k562.h5ad", line="other").layers["t"].shape == (4, 30)


def test_what_control_cells_know_is_read_back_and_scored(run):
    data = single_cells()
    data.var["gene_name"] = [*TARGETS, *data.var["gene_name"][len(TARGETS) :]]
    written(Path("k562_cells.h5ad"), data)
    assert run("pseudobulk", "k562_cells.h5ad", "--covariance", "--out", "k562.h5ad")[0] == 0
    assert read_screen("k562.h5ad").layers["covariance"].any(axis=1).all()
    words = ("--model", "covariance", "--folds", "2", "--features", "20", "--out", "r.parquet")
    code, out, _ = run("evaluate", "--screen", "k562.h5ad", "--embedding", "go", *words)
    assert code == 0
    assert "control cells of K562" in out


def test_options_are_taken_for_what_the_file_does_not_say(run):
    data = single_cells()
    data.obs["guide"] = ["nothing" if n == "non-targeting" else n for n in data.obs.pop("gene")]
    written(Path("cells.h5ad"), data)
    words = ("pseudobulk", "cells.h5ad", "--out", "screen.h5ad")
    code, _, said = run(*words)
    assert code == 1
    assert "found none among the genes in the column 'guide'" in said
    assert "--control: nothing (121 cells)" in said
    assert not Path("screen.h5ad").exists()
    options = ("--control", "nothing", "--line", "HeLa", "--batch", "none", "--values", "counts")
    code, _, _ = run(*words, *options, "--fewest-cells", "60")
    assert code == 0
    screen = Screen.load("screen.h5ad")
    assert screen.line == "HeLa"
    cells = data.obs["guide"].value_counts()[list(TARGETS)]
    assert list(screen.perturbations) == list(cells.index[cells >= 60])


@pytest.mark.processes
def test_several_processes_give_the_same_file(run):
    written(Path("k562_cells.h5ad"), single_cells(), as_sparse=True)
    words = ("pseudobulk", "k562_cells.h5ad", "--out")
    assert run(*words, "one.h5ad")[0] == 0
    assert run(*words, "two.h5ad", "--processes", "2")[0] == 0
    one, two = Screen.load("one.h5ad"), Screen.load("two.h5ad")
    assert one.fingerprint == two.fingerprint
    np.testing.assert_array_equal(one.layers["q"], two.layers["q"])


def test_a_scheduler_that_is_not_there_is_a_sentence(run, monkeypatch):
    monkeypatch.setattr("llmpert.parallel.CONNECTING", 1)
    written(Path("k562_cells.h5ad"), single_cells())
    address = "tcp://127.0.0.1:9"
    code, _, said = run("pseudobulk", "k562_cells.h5ad", "--out", "x.h5ad", "--scheduler", address)
    assert code == 1
    assert f"No Dask scheduler answers at {address}" in said


def test_other_commands_read_single_cells_too(run):
    written(Path("k562_cells.h5ad"), single_cells())
    code, out, _ = run("import", "--name", "mine", "--screen", "k562_cells.h5ad")
    assert code == 0
    assert "K562: 4 perturbations x 30 genes, unit Δ log-normalised expression\n" in out
