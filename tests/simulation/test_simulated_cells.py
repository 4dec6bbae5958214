"""Simulated single cells and ontology: that they say what the screen says, with noise."""

from dataclasses import replace

import numpy as np
import pytest

from llmpert.methods.gears.run import jaccard
from llmpert.screens.cells import plan, pseudobulk
from llmpert.simulation.cells import CONTROL, single_cells
from llmpert.simulation.generate import BUILT_IN, gene_ontology, simulate

LINE = "Sim-K562-like"


@pytest.fixture(scope="module")
def simulation():
    return simulate(
        3, replace(BUILT_IN, genes=400, perturbations=50, measured=80, modules=8, controls=300)
    )


@pytest.mark.parametrize("pool", [1, 6])
def test_cells_average_to_the_screen(simulation, pool):
    screen = simulation.screens[LINE]
    cells = single_cells(simulation, LINE, 60, pool)
    label = cells.obs["gene"].to_numpy(str)
    expression = cells.X.toarray()
    assert (label == CONTROL).sum() == 300
    assert expression.min() >= 0
    assert cells.var_names.tolist() == screen.genes.tolist()
    assert cells.uns["unit"] == screen.unit
    # Standard errors of the means from the control cells' own spread, scaled with the mean.
    z = []
    for name, response in zip(screen.perturbations, screen.response, strict=True):
        rows = expression[label == name]
        assert len(rows) == 60
        expected = screen.control_mean + response
        ratio = expected / np.maximum(screen.control_mean, 1e-9)
        error = screen.control_sd * np.abs(ratio) / np.sqrt(60 * pool)
        known = error > 0
        z.append((rows.mean(axis=0) - expected)[known] / error[known])
    z = np.concatenate(z)
    assert abs(z.mean()) < 0.1
    assert z.std() == pytest.approx(1, abs=0.1)


def test_the_same_simulation_gives_the_same_cells(simulation):
    first, again = (single_cells(simulation, LINE, 3) for _ in range(2))
    assert (first.X != again.X).nnz == 0
    assert first.obs.equals(again.obs)


def test_terms_follow_modules_but_not_closely(built_in_simulation):
    built_in = built_in_simulation
    genes = list(next(iter(built_in.screens.values())).perturbations)
    module = np.array([built_in.modules[gene] for gene in genes])
    alike = module[:, None] == module[None, :]
    others = ~np.eye(len(genes), dtype=bool)
    similarity = jaccard(gene_ontology(built_in), genes)
    assert similarity[alike & others].mean() > 2 * similarity[~alike].mean()
    nearest = np.argsort(-np.where(others, similarity, -1), axis=1)[:, :20]
    share = (module[nearest] == module[:, None]).mean()
    # Far above chance, far below certainty: the graph does not give the modules away.
    assert 3 * alike[others].mean() < share < 0.6


def test_terms_without_noise_are_the_modules(simulation):
    exact = gene_ontology(simulation, terms=1, membership=1.0, strangers=0.0, unrelated=0)
    found = {frozenset(members) for members in exact.members.values()}
    expected = {}
    for gene, module in simulation.modules.items():
        expected.setdefault(module, set()).add(gene)
    assert found == {frozenset(members) for members in expected.values()}


def test_cells_make_a_screen_that_says_that_it_is_simulated(simulation, tmp_path):
    original = simulation.screens[LINE]
    single_cells(simulation, LINE, 60).write_h5ad(tmp_path / "cells.h5ad")
    screen = pseudobulk(plan(tmp_path / "cells.h5ad"))
    assert (screen.line, screen.unit, screen.simulated) == (LINE, original.unit, True)
    assert screen.provenance["source"] == original.provenance["source"]
    # To within the noise of sixty cells.
    again = screen.select(original.perturbations).response.ravel()
    assert np.corrcoef(again, original.response.ravel())[0, 1] > 0.5
