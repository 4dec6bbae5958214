"""`llmpert sources`."""

import pandas as pd
import pytest


def test_sources_are_listed_with_what_they_add(files, run):
    command = ("sources", "--screen", "screen.h5ad", "--embedding", "text=text.parquet",
               "--embedding", "sequence=sequence.parquet", "--folds", 2)  # fmt: skip
    code, out, err = run(*command, "--out", "worth.csv")
    assert code == 0, err
    table = pd.read_csv("worth.csv").set_index("source")
    assert dict(table["covered"].dropna()) == {"text": 40, "sequence": 35}
    row = next(line for line in out.splitlines() if line.startswith("text "))
    assert f"{table.loc['text', 'adds']:+.4f}" in row
    assert "40 of 40" in row
    code, _, err = run(*command, "--sets", "mine")
    assert code == 1
    assert "Expected gene sets among none, found mine" in err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "two sources or more to compare, found text alone"),
        (("--score", "all"), "Expected one --score"),
        (("--score", "nonsense"), "found nonsense"),
    ],
)
def test_wrong_commands(files, run, more, said):
    command = ("sources", "--screen", "screen.h5ad", "--embedding", "text=text.parquet")
    code, _, err = run(*command, *more)
    assert code in (1, 2)
    assert said in err
