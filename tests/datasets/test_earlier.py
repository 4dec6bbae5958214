"""A data folder written by commit b81d708 (`earlier/make.py`) opens as it was."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from llmpert.datasets import BUILT_IN_DATA, DatasetStore, Summary, UploadStore, is_upload
from llmpert.embeddings import Embedding
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.store import ResultsStore
from tests.datasets.earlier.make import GENES, HOME, numbers
from tests.support import small


@pytest.fixture
def home(own_home) -> Path:
    shutil.copytree(HOME, own_home)
    for folder in (own_home / "visitors").glob("[!.]*"):
        os.utime(folder)  # it was used today
    return own_home


def test_its_data_set_is_listed_and_loaded(home):
    assert DatasetStore().names() == ["mine", *BUILT_IN_DATA]
    assert Summary.read(DatasetStore(), "mine").problems == ()
    data = DatasetStore().load("mine")
    shared = GENES[2:24]
    for line, seed, genes in (("LineA", 0, GENES[:24]), ("LineB", 1, GENES[2:26])):
        screen = data.screens[line]
        assert list(screen.perturbations) == shared
        np.testing.assert_allclose(screen.response, numbers(seed, genes, 12).loc[shared], rtol=1e-6)
    for source, seed, genes, width in (("text", 2, GENES, 6), ("sequence", 3, GENES[:28], 5)):
        np.testing.assert_allclose(
            data.embeddings[source].vectors, numbers(seed, genes, width), rtol=1e-6
        )
    assert data.gene_sets.members == {"one": {GENES[3], GENES[4]}, "two": {GENES[5]}}
    assert set(data.published["LineA"].table["method"]) == {"Scouter"}
    (external,) = data.external["LineA"]
    assert (external.method, external.train_size) == ("GEARS", 11)
    np.testing.assert_allclose(external.delta, data.screens["LineA"].response / 2, atol=0.006)


def test_its_finished_fits_are_found(home, monkeypatch):
    monkeypatch.setattr(Experiment, "_fit", None)
    # Scores that were added since made all fits new ones.
    monkeypatch.setattr("llmpert.evaluation.experiment.VERSION", 2)
    data = DatasetStore().load("mine")
    store = ResultsStore(DatasetStore().computed("mine") / "results")
    choice = data.embedding_choices[-1]
    experiments = [Experiment(data.problem(line, choice), store=store) for line in data.screens]
    table = run(grid(experiments, ["mean"], [], 1)).table
    rows = table[table["metric"] == "mae_all"]
    of_fold = rows.groupby(["line", "fold"], observed=True)["value"].mean()
    means = of_fold.groupby("line", observed=True).mean()
    assert means.round(3).to_dict() == {"LineA": 0.835, "LineB": 0.753}


def test_its_upload_opens_and_its_name_leaves_with_it(home):
    (name,) = [path.name for path in (home / "visitors").iterdir() if is_upload(path.name)]
    assert list(UploadStore().load(name).screens) == ["LineA"]
    UploadStore().remove(name)
    UploadStore().sweep()
    assert not [path for path in home.rglob("*") if name in path.name]


def test_its_data_set_is_added_to(home):
    genes = numbers(4, GENES, 3)
    small.add("mine", [], [Embedding("text", genes.index, genes.to_numpy(np.float32))])
    data = DatasetStore().load("mine")
    assert list(data.embeddings) == ["text", "sequence"]
    assert data.embeddings["text"].dimensions == 3
    assert len(list((home / "datasets" / "mine").rglob("text.parquet"))) == 1
