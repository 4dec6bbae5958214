"""`llmpert search`."""

import anndata
import numpy as np
import pandas as pd
import pytest

from llmpert.datasets import DatasetStore, Parts
from tests.support import small


@pytest.fixture
def kept(files):
    parts = Parts(screens=[small.screen()], embeddings=[small.embedding("text")])
    DatasetStore().add("mine", parts)
    return files


def test_a_knockdown_is_like_its_own_response_and_its_opposite_is_last(kept, run):
    out = kept / "hits.csv"
    code, said, _ = run("search", "--data", "mine", "--like", "KD007", "--out", out)
    assert code == 0
    table = pd.read_csv(out)
    measured = table[table["state"] == "measured"]
    assert measured["gene"].iloc[0] == "KD007"
    assert "KD007" in said
    # KD040 to KD044 have a vector and were not knocked down.
    assert set(table["gene"]) == {f"KD{n:03d}" for n in range(45)}
    code, _, _ = run("search", "--data", "mine", "--like", "KD007", "--reverse", "--out", out)
    again = pd.read_csv(out)
    assert again[again["state"] == "measured"]["gene"].iloc[-1] == "KD007"


def test_typed_genes_and_genes_from_a_file_are_the_same(kept, run):
    (kept / "up.txt").write_text("OUT001\nOUT002, OUT003\n")
    first, second = kept / "first.csv", kept / "second.csv"
    common = ["search", "--data", "mine", "--down", "OUT010 NOSUCH"]
    code, _, remarks = run(*common, "--up", "OUT001;OUT002\tOUT003", "--out", first)
    assert code == 0
    assert "1 unknown, not used: NOSUCH" in remarks
    assert run(*common, "--up", f"@{kept / 'up.txt'}", "--out", second)[0] == 0
    assert first.read_text() == second.read_text()
    screen = small.screen()
    response = screen.response - screen.response.mean(axis=0)
    weights = np.zeros(30)
    weights[[1, 2, 3]], weights[10] = 1, -1
    table = pd.read_csv(first).query("state == 'measured'").set_index("gene")
    expected = np.corrcoef(response[5], weights)[0, 1]
    assert table.loc["KD005", "score"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "genes (--up, --down), --like or --cells, found none"),
        (["--like", "KD001", "--up", "OUT001"], "found genes and --like"),
        (["--like", "NOSUCH"], "a knockdown of this data set, found 'NOSUCH'"),
        (["--up", "NOSUCH"], "None of the 1 genes is measured here"),
        (["--up", "OUT001", "--line", "Other"], "a line among LineA, found 'Other'"),
        (["--up", "@absent.txt"], "absent.txt"),
    ],
)
def test_wrong_commands(kept, run, arguments, message):
    code, _, wrong = run("search", "--data", "mine", *arguments)
    assert code in (1, 2)
    assert message in wrong


def test_a_cluster_of_cells_is_like_the_knockdown_that_made_it(kept, run):
    screen, random = small.screen(), np.random.default_rng(0)
    relative = screen.response[7] - screen.response.mean(axis=0)
    expression = 3 + random.normal(size=(60, 30)) * 0.1
    expression[:20] += relative / np.abs(relative).max()
    obs = pd.DataFrame({"leiden": ["a"] * 20 + ["b"] * 40}, index=[f"c{n}" for n in range(60)])
    data = anndata.AnnData(expression, obs, pd.DataFrame(index=screen.genes))
    data.write_h5ad(kept / "cells.h5ad")
    out = kept / "hits.csv"
    asked = ["search", "--data", "mine", "--cells", kept / "cells.h5ad", "--values", "log"]
    code, _, remarks = run(*asked, "--cluster", "leiden=a", "--out", out)
    assert code == 0
    assert "20 cells against 40 others" in remarks
    table = pd.read_csv(out)
    assert table[table["state"] == "measured"]["gene"].iloc[0] == "KD007"
    code, _, wrong = run(*asked)
    assert code == 2
    assert "leiden (b, a)" in wrong


def test_ranks_of_raised_genes_know_no_opposite(run):
    code, _, wrong = run("search", "--up", "ATF4", "--reverse")
    assert code == 1
    assert "has raised genes only" in wrong
