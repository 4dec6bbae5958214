"""The command line: how it says what is wrong, in one line and leaving earlier files alone."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from llmpert.embeddings import Embedding, save_embedding
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.results import Results
from tests.support import small
from tests.support.command_lines import EVALUATE, IMPORT, PREDICT, replaced

REPOSITORY = Path(__file__).resolve().parents[2]


def wrong(said, *words, code):
    """One line on standard error that holds the words; nothing on standard output."""
    status, out, err = said
    *remarks, last = err.splitlines()
    assert status == code
    assert out == ""
    assert last.startswith("Error: ")
    assert not any(line.startswith("Error") for line in remarks)
    assert "Traceback" not in err
    for word in words:
        assert word in last


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_controls(path):
    names = [f"{i}_GENE{i}_P1P2_ENSG{i:011d}" for i in range(6)]
    obs = pd.DataFrame(
        {"num_cells_filtered": 50.0, "core_control": False},
        index=pd.Index(names, name="gene_transcript"),
    )
    var = pd.DataFrame(
        {"gene_name": [f"M{i}" for i in range(9)], "mean": 1.0, "std": 1.0, "cv": 1.0},
        index=pd.Index([f"ENSG{i:011d}" for i in range(9)], name="gene_id"),
    )
    values = np.random.default_rng(0).normal(size=(6, 9)).astype(np.float32)
    anndata.AnnData(values, obs, var).write_h5ad(path)


def repeated_genes(path):
    data = small.screen().to_anndata()
    del data.uns["llmpert"]
    data.var_names = ["TWICE", "TWICE", *data.var_names[2:]]
    data.write_h5ad(path)


def nan_rows(path):
    data = small.screen().to_anndata()
    del data.uns["llmpert"]
    data.X[7] = np.nan
    data.write_h5ad(path)


BAD_SCREENS = {
    truncated: "",
    no_controls: "control",
    repeated_genes: "TWICE",
    nan_rows: "KD007",
    Path.unlink: "no such file",
}


def unequal_vectors(path):
    path.write_bytes(pickle.dumps({"KD000": [1.0, 2.0], "KD001": [1.0, 2.0], "KD002": [1.0]}))


class Code:
    def __reduce__(self):
        return (os.mkdir, ("pickle-was-run",))


def code_in_pickle(path):
    path.write_bytes(pickle.dumps({"KD000": [1.0], "KD001": Code()}))


BAD_EMBEDDINGS = {unequal_vectors: "KD002", code_in_pickle: "", truncated: ""}


@pytest.fixture
def earlier(files):
    """Outputs of an earlier run, which no failure may touch."""
    kept = {Path("out.parquet"): b"earlier table", Path("out.csv"): b"earlier predictions"}
    for path, content in kept.items():
        path.write_bytes(content)
    before = set(files.rglob("*"))
    yield files
    assert {path: path.read_bytes() for path in kept} == kept
    left = {p for p in set(files.rglob("*")) - before if p.is_file()}
    assert not [path for path in left if "partial" in path.name]
    assert not Path("pickle-was-run").exists()
    # A data set is checked while it is locked, so that its lock may be there, and nothing else.
    kept_sets = (files / "llmpert-home" / "datasets").rglob("*")
    assert not [path for path in kept_sets if path.suffix != ".lock"]


@pytest.mark.parametrize("command", [EVALUATE, PREDICT, IMPORT], ids=lambda c: c[0])
@pytest.mark.parametrize("damage", BAD_SCREENS, ids=lambda damage: damage.__name__)
def test_bad_screens_are_one_line(run, earlier, command, damage):
    damage(Path("screen.h5ad"))
    said = run(*command, "--line", "K562")
    wrong(said, "screen.h5ad", BAD_SCREENS[damage], code=1)


@pytest.mark.parametrize("command", [EVALUATE, PREDICT, IMPORT], ids=lambda c: c[0])
@pytest.mark.parametrize("damage", BAD_EMBEDDINGS, ids=lambda damage: damage.__name__)
def test_bad_embeddings_are_one_line(run, earlier, command, damage):
    file = "text.pickle"
    Path(file).write_bytes(pickle.dumps({name: [1.0, 2.0] for name in small.names("KD", 45)}))
    damage(Path(file))
    said = run(*replaced(command, "text=text.parquet", f"text={file}"))
    wrong(said, file, BAD_EMBEDDINGS[damage], code=1)


@pytest.mark.parametrize("command", [EVALUATE, PREDICT, IMPORT], ids=lambda c: c[0])
def test_an_empty_intersection_is_one_line(run, earlier, command):
    save_embedding(Embedding("other", ["A1BG", "TP53", "MYC"], np.eye(3)), Path("text.parquet"))
    wrong(run(*command), "LineA", "text", "share 0 gene(s) of 40", code=1)


def test_a_gene_that_is_not_there_is_one_line(run, earlier):
    wrong(run(*PREDICT, "--gene", "NOSUCHGENE"), "NOSUCHGENE is not a known gene", code=1)


def test_a_bad_gene_table_is_one_line(run, earlier):
    Path("genes.csv").write_text("symbol\nTP53\n")
    for command in (EVALUATE, PREDICT):
        wrong(run(*command, "--genes", "genes.csv"), "genes.csv", "entrez", code=1)


@pytest.mark.parametrize("command", [EVALUATE, PREDICT], ids=lambda c: c[0])
def test_an_unknown_model_is_one_line(run, earlier, command):
    wrong(run(*replaced(command, "linear", "oracle")), "oracle", "'gp'", "--help", code=2)


@pytest.mark.parametrize("command", [EVALUATE, PREDICT, IMPORT], ids=lambda c: c[0])
@pytest.mark.parametrize("value", ["text.parquet", "=f", "text=", "a+b=f", "none=f"])
def test_a_bad_embedding_option_is_one_line(run, earlier, command, value):
    wrong(run(*replaced(command, "text=text.parquet", value)), "NAME=FILE", repr(value), code=2)


def test_an_embedding_name_given_twice_is_one_line(run, earlier):
    wrong(run(*EVALUATE, "--embedding", "text=sequence.parquet"), "'text' twice", code=2)


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("screen.h5ad/out{}", "screen.h5ad is not a folder"),
        ("folder{}", "it is a folder"),
        ("out.txt", "ends in {}"),
        ("/proc/out{}", "/proc"),
    ],
)
@pytest.mark.parametrize(("command", "suffix"), [(EVALUATE, ".parquet"), (PREDICT, ".csv")])
def test_an_unwritable_output_is_one_line_before_any_work(
    run, earlier, monkeypatch, command, suffix, out, reason
):
    def unwanted(*_, **__):
        raise AssertionError("work began")

    monkeypatch.setattr("llmpert.screens.read_screen", unwanted)
    (earlier / f"folder{suffix}").mkdir()
    arguments = replaced(command, f"out{suffix}", out.format(suffix))
    wrong(run(*arguments), out.format(suffix), reason.format(suffix), code=2)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--train-size", 1], "--train-size"),
        (["--folds", 1], "--folds"),
        (["--folds", "five"], "five"),
        (["--top", 1], "--top"),
        (["--seed", -1], "--seed"),
        (["--line", "A", "--line", "B"], "--line"),
        (["--nonsense"], "--nonsense"),
        (["stray"], "stray"),
    ],
)
def test_wrong_options_are_one_line(run, earlier, extra, words):
    wrong(run(*EVALUATE, *extra), words, "python -m llmpert evaluate --help", code=2)


@pytest.mark.parametrize("folds", [40, 41, 1000])
def test_more_folds_than_perturbations_is_one_line(run, earlier, folds):
    said = run(*EVALUATE, "--folds", folds, "--model", "knn")
    if folds == 40:
        Path("out.parquet").write_bytes(b"earlier table")
        assert said[0] == 0
    else:
        wrong(said, "40 perturbations", str(folds), code=1)


def test_two_screens_of_one_line_are_one_line(run, earlier):
    for command in (EVALUATE, IMPORT):
        wrong(run(*command, "--screen", "screen.h5ad"), "screen.h5ad", "LineA", code=1)


@pytest.mark.parametrize("name", ["../up", "simulated", "a b"])
def test_a_bad_data_set_name_is_one_line(run, earlier, name):
    wrong(run(*replaced(IMPORT, "mine", name)), "data set name", code=1)


def test_import_writes_nothing_if_a_later_file_or_name_is_bad(run, earlier):
    wrong(run(*IMPORT, "--embedding", "b/d=sequence.parquet"), "'b/d'", code=1)
    wrong(run(*IMPORT, "--embedding", "bad=missing.parquet"), "missing.parquet", code=1)
    wrong(run("import", "--name", "mine"), "--trained or --predictions", code=2)


def test_simulate_into_a_file_is_one_line(run, earlier):
    wrong(run("simulate", "--out", "screen.h5ad"), "screen.h5ad", code=1)


def test_unknown_commands_are_one_line(run):
    wrong(run("evalute"), "evalute", code=2)


def test_a_full_disk_is_one_line(run, earlier, monkeypatch):
    def full(self, path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Results, "write", full)
    wrong(run(*EVALUATE), "out.parquet: No space left on device", code=1)


def test_an_interrupted_run_says_so_and_keeps_finished_fits(run, earlier, monkeypatch):
    fit, made = Experiment._fit_and_predict, []

    def interrupted(self, model, part):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(model)
        return fit(self, model, part)

    monkeypatch.setattr(Experiment, "_fit_and_predict", interrupted)
    status, out, err = run(*EVALUATE)
    assert (status, out) == (130, "")
    assert err.splitlines()[-1].startswith("Error: Interrupted")
    assert len(list((earlier / "llmpert-home" / "results").rglob("*.parquet"))) == 3


def test_a_broken_pipe_is_quiet(files):
    with subprocess.Popen(
        [sys.executable, "-m", "llmpert", "evaluate", "--help"],
        cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        process.stdout.close()
        assert process.stderr.read() == b""
