"""The data set that comes with llmpert."""

import numpy as np

from llmpert.datasets import builtin
from llmpert.simulation.generate import Recipe, simulate
from tests.support import small
from tests.support.external_predictions import predictions


def test_the_simulated_modules_are_its_gene_sets(simulated):
    modules = simulated.gene_sets.members
    assert len(modules) == 60
    genes = [gene for members in modules.values() for gene in members]
    assert sorted(genes) == sorted(simulated.embeddings["text"].genes)
    assert "module 01" in modules


def test_simulated_data_come_with_predictions_that_were_made_on_them(tmp_path, monkeypatch):
    recipe = Recipe(genes=300, perturbations=120, measured=80, modules=6, controls=100)
    simulation = simulate(3, recipe)
    line, screen = next(iter(simulation.screens.items()))
    monkeypatch.setattr(builtin, "simulate", lambda: simulation)
    monkeypatch.setattr(builtin, "TRAIN_SIZE", 90)
    monkeypatch.setattr(builtin, "shipped", lambda: tmp_path)
    of_now = {"screen": screen.fingerprint}
    shipped = {
        "gears": predictions(screen, about=of_now),
        "gears_40": predictions(screen, about=of_now, train_size=40),
        "older": predictions(screen, "Older", about={"screen": "0123456789abcdef"}),
        "unknown": predictions(screen, "Unknown"),
        "elsewhere": predictions(small.screen("HeLa"), "Elsewhere", about=of_now),
    }
    for name, one in shipped.items():
        one.save(tmp_path / f"simulated_external_{name}.h5ad")
    shipped["gears"].save(tmp_path / "another.h5ad")
    data = builtin.simulated_dataset()
    found = {one: [(p.method, p.train_size) for p in data.external[one]] for one in data.external}
    computed = ("GO-neighbour mean", 90)
    assert found.pop(line) == [("GEARS", 40), ("GEARS", shipped["gears"].train_size), computed]
    assert list(found.values()) == [[computed]]
    np.testing.assert_array_equal(data.external[line][1].delta, shipped["gears"].delta)
