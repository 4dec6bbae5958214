"""`gears`: what it says before it trains, and what it cannot use."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path
from unittest.mock import Mock

import anndata
import numpy as np
import pandas as pd
import pytest

from llmpert.genes.sets import GeneSets
from llmpert.methods.gears import run as gears_run
from tests.support import small
from tests.support.command_lines import IMPORT, replaced

COMMAND = (
    "gears", "--data", "mine", "--line", "LineA", "--cells", "cells.h5ad",
    "--terms", "terms.gmt", "--train-size", 20, "--estimate", "--out", "gears.h5ad",
)  # fmt: skip


@pytest.fixture
def cells(run, files):
    """A data set, 4 cells of each perturbation, 10 controls, and terms of all but two genes."""
    code, _, _ = run(*IMPORT)
    assert code == 0
    label = np.repeat(small.names("KD", 40), 4).tolist() + ["non-targeting"] * 10
    data = anndata.AnnData(
        np.random.default_rng(0).random((170, 30)).astype(np.float32),
        obs=pd.DataFrame({"gene": label}, index=[f"c{k}" for k in range(170)]),
        var=pd.DataFrame(index=small.names("OUT", 30)),
        uns={"unit": "Δ expression"},
    )
    data.write_h5ad("cells.h5ad")
    known = small.names("KD", 40)[2:]
    Path("terms.gmt").write_text("".join(f"T{k}\t\tX{k}\t{gene}\n" for k, gene in enumerate(known)))


def test_it_says_what_it_needs_and_who_is_left_out(run, cells):
    code, out, said = run(*COMMAND)
    assert (code, out) == (0, "")
    assert "2 of 40 perturbations left out: no term in the ontology.\n" in said
    assert "5 folds will take about" in said
    assert "GB of memory" in said
    assert not Path("gears.h5ad").exists()


def test_without_the_extra_it_says_how_to_get_it(run, cells, monkeypatch):
    monkeypatch.setattr(gears_run, "version", Mock(side_effect=PackageNotFoundError))
    code, out, said = run(*[part for part in COMMAND if part != "--estimate"])
    assert (code, out) == (1, "")
    assert said == (
        "Error: GEARS is not installed. It is an extra: pip install -r requirements-gears.txt.\n"
    )


def test_human_genes_have_terms_without_a_file(run, cells, monkeypatch):
    without = [part for part in COMMAND if part not in ("--terms", "terms.gmt")]
    code, _, said = run(*without)
    assert code == 1
    assert "GO functions: expected terms of perturbations of LineA, found terms of other" in said
    known = frozenset(small.names("KD", 40)[2:])
    monkeypatch.setattr(
        "llmpert.genes.built_in_sets", lambda name: GeneSets(name, "", {f"all of {name}": known})
    )
    code, _, said = run(*without)
    assert code == 0
    assert "2 of 40 perturbations left out: no term in the ontology.\n" in said


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        (
            "mine",
            "other",
            1,
            "Expected a data set among mine, replogle-2022-ranks, simulated, found 'other'.",
        ),
        ("LineA", "HeLa", 1, "Expected a cell line among LineA, found HeLa."),
        ("cells.h5ad", "none.h5ad", 1, "none.h5ad"),
        ("cells.h5ad", "screen.h5ad", 1, "screen.h5ad"),
        ("terms.gmt", "none.gmt", 1, "none.gmt"),
        ("terms.gmt", "others.gmt", 1, "others.gmt: expected terms of perturbations of LineA"),
        (20, 33, 1, "Expected a training size between 2 and 32, found 33."),
        ("gears.h5ad", "gears.csv", 2, "expected a file that ends in .h5ad"),
    ],
)
def test_what_cannot_be_used_is_told(run, cells, old, new, code, words):
    Path("others.gmt").write_text("T\t\tX1\tX2\n")
    found, out, said = run(*replaced(COMMAND, old, new))
    assert (found, out) == (code, "")
    assert words in said
    assert said.startswith("Error: ")
