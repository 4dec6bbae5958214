"""The data set that comes with llmpert."""

import numpy as np

from llmpert.datasets import simulated_dataset
from llmpert.datasets.builtin import TRAIN_SIZE
from tests.support import small
from tests.support.external_predictions import predictions


def test_the_simulated_modules_are_its_gene_sets(simulated):
    modules = simulated.gene_sets.members
    assert len(modules) == 60
    genes = [gene for members in modules.values() for gene in members]
    assert sorted(genes) == sorted(simulated.embeddings["text"].genes)
    assert "module 01" in modules


def test_simulated_data_come_with_predictions_that_were_made_on_them(
    simulated, tmp_path, monkeypatch
):
    line, screen = next(iter(simulated.screens.items()))
    monkeypatch.setattr("llmpert.datasets.builtin.shipped", lambda: tmp_path)
    of_now = {"screen": screen.fingerprint}
    shipped = {
        "gears": predictions(screen, about=of_now),
        "gears_100": predictions(screen, about=of_now, train_size=100),
        "older": predictions(screen, "Older", about={"screen": "0123456789abcdef"}),
        "unknown": predictions(screen, "Unknown"),
        "elsewhere": predictions(small.screen("HeLa"), "Elsewhere", about=of_now),
    }
    for name, one in shipped.items():
        one.save(tmp_path / f"simulated_external_{name}.h5ad")
    shipped["gears"].save(tmp_path / "another.h5ad")
    data = simulated_dataset()
    found = {one: [(p.method, p.train_size) for p in data.external[one]] for one in data.external}
    computed = ("GO-neighbour mean", TRAIN_SIZE)
    assert found.pop(line) == [("GEARS", 100), ("GEARS", shipped["gears"].train_size), computed]
    assert list(found.values()) == [[computed]]
    np.testing.assert_array_equal(data.external[line][1].delta, shipped["gears"].delta)
