"""Folds, resuming and failures, with a stand-in for the process that trains; then GEARS itself."""

import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.genes.sets import GeneSets
from llmpert.methods.gears.cells import Cells, read_cells
from llmpert.methods.gears.run import (
    VALIDATION,
    WORKER,
    Training,
    folds,
    needs,
    predict_from_neighbours,
    run,
)
from llmpert.simulation.cells import single_cells
from llmpert.simulation.generate import BUILT_IN, gene_ontology, simulate

LINE = "Sim-K562-like"
TRAINING = Training(epochs=2, threads=1)

# Predicts the mean of each gene over the cells it is given, and notes that it was called.
STAND_IN = """
import json, sys
from pathlib import Path
import h5py, numpy as np
folder = Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
# Not by anndata, which takes longer to load than all else takes.
with h5py.File(folder / "cells.h5ad") as file:
    names, column = file["var"], file["obs/condition"]
    genes = list(names[names.attrs["_index"]].asstr())
    seen = set(column["categories"].asstr()[np.unique(column["codes"])]) - {"ctrl"}
    X = file["X"]
    assert X.attrs["encoding-type"] == "csr_matrix"
    mean = np.bincount(X["indices"], X["data"], len(genes)) / X.attrs["shape"][0]
assert seen == {f"{gene}+ctrl" for gene in job["train"] + job["validation"]}
assert not seen & {f"{gene}+ctrl" for gene in job["predict"]}
with open(folder.parent / "calls.txt", "a") as calls:
    calls.write(f"{job['seed']}\\n")
if (folder.parent / "fail").exists() and len(open(folder.parent / "calls.txt").readlines()) > 1:
    sys.exit("no more memory")
print("Epoch 1 Step 1 Train Loss: 2", file=sys.stderr)
np.savez(folder / "prediction.npz", genes=genes,
         delta=np.tile(mean, (len(job["predict"]), 1)),
         about=json.dumps({"seconds": 1.5, "device": "cpu", "versions": {"stand-in": "1"}}))
"""


@pytest.fixture(scope="module")
def simulation():
    recipe = replace(BUILT_IN, genes=300, perturbations=60, measured=120, modules=6, controls=80)
    return simulate(0, recipe)


@pytest.fixture(scope="module")
def experiment(simulation) -> Experiment:
    problem = Problem.align(simulation.screens[LINE], list(simulation.embeddings.values()))
    return Experiment(problem, Settings(folds=3, n_hvgs=50))


@pytest.fixture(scope="module")
def terms(simulation, experiment) -> GeneSets:
    found = gene_ontology(simulation, unrelated=30, size=20)
    return found.within(experiment.problem.screen.perturbations)


@pytest.fixture(scope="module")
def cells(simulation, experiment, tmp_path_factory) -> Cells:
    path = tmp_path_factory.mktemp("cells") / "cells.h5ad"
    single_cells(simulation, LINE, 8).write_h5ad(path)
    return read_cells(path, experiment.problem.screen, per_perturbation=8, controls=80)


@pytest.fixture
def worker(tmp_path) -> list[str]:
    path = tmp_path / "worker.py"
    path.write_text(STAND_IN)
    return [sys.executable, str(path)]


def trained(experiment, cells, terms, work, worker, at_once=1, **changed):
    parts, _ = folds(experiment, cells, terms, 40, 0)
    screen = experiment.problem.screen
    training = replace(TRAINING, **changed)
    return run(screen, cells, terms, parts, training, work, at_once, worker=worker)


def test_folds_are_those_of_every_other_model(experiment, cells, terms):
    without = experiment.problem.screen.perturbations[:2].tolist()
    fewer = {name: members - set(without) for name, members in terms.members.items()}
    cut = replace(terms, members={name: members for name, members in fewer.items() if members})
    parts, left_out = folds(experiment, cells, cut, 40, 0)
    assert left_out == without
    names = experiment.problem.screen.perturbations
    predicted = [name for part in parts for name in part.predict]
    assert sorted(predicted) == sorted(set(names) - set(without))
    for part in parts:
        split = experiment.split(40, part.number)
        assert {*part.train, *part.validation} == set(names[split.train]) - set(without)
        assert set(part.predict) == set(names[split.test]) - set(without)
        assert len(part.validation) == round(VALIDATION * (len(split.train) - len(
            set(names[split.train]) & set(without))))  # fmt: skip
        assert not {*part.train} & {*part.validation}
        np.testing.assert_array_equal(part.gene_idx, experiment.variable_genes(split.train_pool))


def test_perturbations_without_cells_are_not_trained_on_but_predicted(experiment, cells, terms):
    gone = experiment.problem.screen.perturbations[0]
    rows = cells.perturbation != gone
    fewer = Cells(cells.expression[rows], cells.perturbation[rows], cells.genes)
    parts, _ = folds(experiment, fewer, terms, 40, 0)
    assert all(gone not in [*part.train, *part.validation] for part in parts)
    assert sum(gone in part.predict for part in parts) == 1


@pytest.mark.processes
def test_all_folds_are_gathered(experiment, cells, terms, tmp_path, worker):
    told = []
    parts, _ = folds(experiment, cells, terms, 40, 0)
    found = run(
        experiment.problem.screen, cells, terms, parts, TRAINING, tmp_path / "work", 2,
        lambda fold, done: told.append((fold, done)), worker,
    )  # fmt: skip
    screen = experiment.problem.screen
    assert (found.method, found.line, found.unit) == ("GEARS", LINE, screen.unit)
    assert sorted(found.perturbations) == sorted(screen.perturbations)
    row = {name: at for at, name in enumerate(found.perturbations)}
    for part in parts:
        names = [*part.train, *part.validation]
        assert sorted(found.trained_on[str(part.number)]) == sorted(names)
        kept = np.isin(cells.perturbation, [*names, "ctrl"])
        mean = cells.expression[kept].toarray().mean(axis=0)
        columns = np.isin(screen.genes, found.genes)
        chosen = np.isin(np.flatnonzero(columns), part.gene_idx)
        for name in part.predict:
            predicted = found.delta[row[name]]
            np.testing.assert_allclose(predicted[chosen], mean[part.gene_idx], rtol=1e-4)
            assert np.isnan(predicted[~chosen]).all()  # genes chosen by other folds only
        assert {done for fold, done in told if fold == part.number} >= {1.0}
    assert found.about["seconds"] == 4.5
    assert found.about["screen"] == screen.fingerprint


@pytest.mark.processes
def test_every_fold_has_a_seed_of_its_own(experiment, cells, terms, tmp_path, worker):
    trained(experiment, cells, terms, tmp_path / "work", worker)
    seeds = (tmp_path / "work" / "calls.txt").read_text().split()
    assert len(set(seeds)) == len(seeds) == 3


@pytest.mark.processes
def test_a_run_that_failed_goes_on_with_the_folds_that_are_not_finished(
    experiment, cells, terms, tmp_path, worker
):
    work = tmp_path / "work"
    work.mkdir()
    (work / "fail").touch()
    with pytest.raises(InputError, match=r"exit code 1; last output: no more memory") as error:
        trained(experiment, cells, terms, work, worker)
    assert "log.txt" in str(error.value)
    assert len(list(work.glob("*.npz"))) == 1
    (work / "fail").unlink()
    calls = len((work / "calls.txt").read_text().split())
    trained(experiment, cells, terms, work, worker)
    assert len((work / "calls.txt").read_text().split()) == calls + 2
    assert not [path for path in work.iterdir() if path.is_dir()]


@pytest.mark.processes
def test_pools_are_scaled_to_vary_as_cells_do(experiment, cells, terms, tmp_path, worker):
    path = tmp_path / "worker.py"
    path.write_text(STAND_IN.replace("delta=np.tile(mean", "delta=np.tile(0 * mean + job['scale']"))
    for pool, scale in ((1, 1.0), (16, 4.0)):
        pooled = replace(cells, pool=pool)
        found = trained(experiment, pooled, terms, tmp_path / str(pool), worker)
        assert np.nanmax(found.delta) == np.nanmin(found.delta) == scale


@pytest.mark.processes
def test_other_settings_are_another_run(experiment, cells, terms, tmp_path, worker):
    trained(experiment, cells, terms, tmp_path, worker)
    trained(experiment, cells, terms, tmp_path, worker)
    assert len((tmp_path / "calls.txt").read_text().split()) == 3
    trained(experiment, cells, terms, tmp_path, worker, epochs=3)
    assert len((tmp_path / "calls.txt").read_text().split()) == 6


def test_needs_grow_with_cells_and_epochs(experiment, cells, terms):
    parts, _ = folds(experiment, cells, terms, 40, 0)
    seconds, gigabytes = needs(parts, cells, TRAINING, 1)
    longer, same = needs(parts, cells, replace(TRAINING, epochs=20), 1)
    assert longer > seconds
    assert same == gigabytes > 0
    halved, doubled = needs(parts, cells, TRAINING, 2)
    assert halved == pytest.approx(seconds / 2)
    assert doubled == pytest.approx(2 * gigabytes)


def test_the_neighbour_mean_knows_no_test_response(experiment, terms):
    screen = experiment.problem.screen
    found = predict_from_neighbours(experiment, terms, 40)
    part = experiment.split(40, 0)
    changed = screen.response.copy()
    changed[part.test] += 100
    other = Experiment(
        replace(experiment.problem, screen=replace(screen, response=changed)), experiment.settings
    )
    again = predict_from_neighbours(other, terms, 40)
    np.testing.assert_array_equal(found.delta[part.test], again.delta[part.test])
    assert not np.array_equal(found.delta, again.delta)


@pytest.mark.processes
@pytest.mark.skipif(find_spec("gears") is None, reason="needs the extra of requirements-gears.txt")
@pytest.mark.timeout(600)
def test_gears_itself_learns_from_a_tiny_screen(experiment, cells, terms, tmp_path):
    found = trained(experiment, cells, terms, tmp_path, worker=WORKER, at_once=2)
    assert np.isfinite(found.delta).sum() == 60 * 50
    assert found.about["versions"]["cell-gears"] == "0.1.2"
    deviations = np.nanstd(found.delta, axis=0)
    assert (deviations > 0).all()  # perturbations are told apart
