"""`llmpert search`."""

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
        ([], "genes (--up, --down) or --like, found neither"),
        (["--like", "KD001", "--up", "OUT001"], "found both"),
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


def test_ranks_of_raised_genes_know_no_opposite(run):
    code, _, wrong = run("search", "--up", "ATF4", "--reverse")
    assert code == 1
    assert "knows raised genes only" in wrong
