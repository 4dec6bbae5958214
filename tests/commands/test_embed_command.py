"""`llmpert embed`."""

import numpy as np
import pandas as pd
import pytest


def test_a_network_becomes_an_embedding_that_evaluates(files, run):
    ends = np.random.default_rng(0).integers(0, 40, (200, 2))
    pairs = [f"KD{a:03d}\tKD{b:03d}\t1.5" for a, b in ends]
    (files / "links.tsv").write_text("\n".join(pairs))
    out = files / "net.parquet"
    code, said, _ = run("embed", "--network", files / "links.tsv", "--out", out, "--dimensions", 9)
    assert code == 0
    assert "net: 40 genes x 9 numbers." in said
    assert len(pd.read_parquet(out)) == 40
    arguments = [
        "--screen",
        files / "screen.h5ad",
        "--embedding",
        f"net={out}",
        "--model",
        "linear",
    ]
    results = files / "results.parquet"
    code, said, wrong = run("evaluate", *arguments, "--train-size", 20, "--out", results)
    assert code == 0, wrong
    assert set(pd.read_parquet(results)["embedding"]) == {"net"}


def test_a_table_becomes_an_embedding(files, run):
    table = pd.DataFrame({"gene": ["TP53", "MDM2", "MYC"], "x": [1, 2, 4], "y": [0.5, 0.1, 0.2]})
    table.to_csv(files / "table.csv", index=False)
    out = files / "table.parquet"
    code, said, _ = run("embed", "--matrix", files / "table.csv", "--out", out, "--name", "known")
    assert code == 0
    assert "known: 3 genes x 2 numbers." in said


def test_annotations_become_an_embedding(files, run):
    said = [("TP53", "a"), ("MDM2", "a"), ("TP53", "b"), ("MYC", "b"), ("MYC", "a")]
    table = pd.DataFrame(said, columns=["symbol", "pathway"])
    table.to_csv(files / "table.csv", index=False)
    out = files / "pathways.parquet"
    code, said, _ = run("embed", "--annotations", files / "table.csv", "--out", out)
    assert code == 0
    assert "pathways: 3 genes x 1 numbers." in said
    assert "5 annotations of 3 genes with 2 items" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one of --network, --matrix, --annotations, found none"),
        (["--network", "a", "--matrix", "b"], "found --network and --matrix"),
        (["--network", "a", "--item", "x"], "--item with --annotations only"),
        (["--matrix", "a", "--channel", "x"], "with --network only"),
        (["--network", "absent.tsv"], "absent.tsv"),
    ],
)
def test_wrong_commands(files, run, arguments, message):
    code, _, wrong = run("embed", *arguments, "--out", files / "out.parquet")
    assert code == 1
    assert message in wrong
    assert not (files / "out.parquet").exists()
