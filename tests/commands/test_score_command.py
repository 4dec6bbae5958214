"""`llmpert score`."""

from dataclasses import replace

import pandas as pd

from tests.support import small


def test_a_model_is_judged_on_another_screen(files, run):
    train = ("train", "--screen", "screen.h5ad", "--embedding", "text=text.parquet")
    assert run(*train, "--folds", 2, "--out", "a.llmpert")[0] == 0
    small.screen("LineB", 45, seed=3).save(files / "b.h5ad")
    command = ("score", "--trained", "a.llmpert", "--embedding", "text=text.parquet")
    code, out, err = run(*command, "--screen", "b.h5ad", "--out", "scores.csv")
    assert code == 0, err
    table = pd.read_csv("scores.csv")
    assert "40 targets trained on and 5 targets new" in err
    mean = table.query("targets == 'new' and model == 'gp' and metric == 'pearson_all'")["value"]
    row = next(line for line in out.splitlines() if line.startswith("new") and " gp " in line)
    assert f"{mean.mean():.3f} ±" in row
    replace(small.screen("LineC", 45, seed=3), unit="Δ other").save(files / "c.h5ad")
    code, out, err = run(*command, "--screen", "c.h5ad", "--score", "mae_all")
    assert code == 0
    assert "mae_all is not known: the unit is another" in err
