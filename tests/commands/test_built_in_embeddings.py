"""Commands without `--embedding`: human genes have those that come with llmpert."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmpert.datasets import DatasetStore
from llmpert.embeddings import BUILT_IN, built_in
from llmpert.evaluation.results import Results
from tests.support import small
from tests.support.described import says

HUMAN = sorted(set.intersection(*(set(built_in(name).genes) for name in BUILT_IN)))[:4000:100]
GOES = ("--screen", "human.h5ad", "--model", "linear")


@pytest.fixture(autouse=True)
def screens(files):
    replace(small.screen(), perturbations=HUMAN).save(Path("human.h5ad"))
    replace(small.screen("LineB", seed=3), perturbations=HUMAN).save(Path("second.h5ad"))


def test_a_gene_is_predicted_from_a_screen_alone(run):
    assert "TP53" not in HUMAN
    code, _, err = run("predict", *GOES, "--gene", "TP53", "--out", "out.csv")
    assert code == 0, err
    assert "Embeddings: GO and description of human genes, which come with llmpert.\n" in err
    assert "40 of them with a vector in GO+description" in err
    assert set(pd.read_csv("out.csv")["perturbation"]) == {"TP53"}


def test_one_of_them_is_chosen_by_its_name_in_any_case(run):
    for name in ("go", "GO"):
        command = ("evaluate", *GOES, "--embedding", name, "--train-size", 20, "--out", "o.parquet")
        code, _, err = run(*command)
        assert code == 0, err
        assert "which come with llmpert" not in err
        assert list(Results.read("o.parquet").about["embeddings"]) == ["GO"]


def test_they_stand_beside_a_file(run):
    code, _, err = run(
        "predict", *GOES, "--embedding", "description", "--embedding", "text=text.parquet",
        "--gene", "TP53", "--out", "out.csv",
    )  # fmt: skip
    assert code == 1
    assert "description, text share 0 gene(s)" in err


def test_a_first_screen_brings_them_and_a_second_one_does_not_again(run):
    code, out, err = run("import", "--name", "mine", "--screen", "human.h5ad")
    assert code == 0, err
    assert "which come with llmpert" in err
    assert "40 of 40 perturbations have a vector in GO+description" in out
    assert "Gene sets of human genes come with llmpert: GO complexes, GO processes" in out
    data = DatasetStore().load("mine")
    assert {name: one.fingerprint for name, one in data.embeddings.items()} == {
        name: built_in(name).fingerprint for name in BUILT_IN
    }
    code, out, err = run("import", "--name", "mine", "--screen", "second.h5ad")
    assert code == 0, err
    assert "which come with llmpert" not in err
    assert list(DatasetStore().load("mine").screens) == ["LineA", "LineB"]


def test_genes_that_are_not_human_get_none_and_a_sentence(run):
    code, out, err = run("import", "--name", "mine", "--screen", "screen.h5ad")
    assert code == 0
    assert "Gene sets" not in out
    assert "No --embedding, and GO and description, which come with llmpert, do not fit: " in err
    assert "share 0 gene(s) of 40" in err
    assert not DatasetStore().index("mine").files["embeddings"]
    code, _, err = run("predict", "--screen", "screen.h5ad", "--gene", "TP53", "--out", "out.csv")
    assert code == 1
    assert "do not fit" in err


@pytest.fixture
def mouse_genes():
    """The human screen, its genes spelt as a mouse's, and the pairs, Trp53 among them."""
    mouse = [f"{name.capitalize()}m" for name in HUMAN]
    replace(small.screen("Mouse"), perturbations=mouse).save(Path("mouse.h5ad"))
    pairs = pd.DataFrame({"human": [*HUMAN, "TP53", "HBA1", "HBA1"]})
    pairs["mouse"] = [*mouse, "Trp53", "Hba-a1", "Hba-a2"]
    pairs.to_csv("orthologs.csv", index=False)
    return mouse


def test_mouse_genes_are_predicted_as_their_orthologs(run, mouse_genes):
    goes = ("predict", "--model", "linear", "--out", "out.csv", "--gene")
    code, _, err = run(*goes, "Trp53", "--screen", "mouse.h5ad")
    assert code == 1
    assert "these look like mouse symbols" in err
    assert "--orthologs FILE" in err
    found = {}
    for gene, *files in (
        ("Trp53", "--screen", "mouse.h5ad", "--orthologs", "orthologs.csv"),
        ("TP53", "--screen", "human.h5ad"),
    ):
        code, _, err = run(*goes, gene, *files)
        assert code == 0, err
        found[gene] = pd.read_csv("out.csv")["mean"]
    np.testing.assert_allclose(found["Trp53"], found["TP53"], atol=1e-5)


def test_mouse_genes_keep_their_names_in_a_data_set(run, mouse_genes):
    code, out, err = run("import", "--name", "mouse", "--screen", "mouse.h5ad")
    assert code == 0
    assert "these look like mouse symbols" in err
    files = ("--embedding", "go", "--orthologs", "orthologs.csv")
    code, out, err = run("import", "--name", "mouse", *files)
    assert code == 0, err
    assert "2 mouse genes are left out, as they have or share several orthologs: Hba-a1" in out
    assert "40 of 40 perturbations have a vector in GO" in out
    problem = DatasetStore().load("mouse").problem("Mouse")
    assert set(problem.screen.perturbations) == set(mouse_genes)
    at = list(problem.screen.perturbations).index(mouse_genes[3])
    np.testing.assert_array_equal(problem.vectors["GO"][[at]], built_in("GO").rows([HUMAN[3]]))


def test_a_model_trained_on_mouse_genes_predicts_them(run, mouse_genes):
    traits = built_in("GO").rows(HUMAN)
    directions = np.random.default_rng(0).normal(size=(traits.shape[1], 30))
    measured = replace(small.screen("Mouse"), response=traits @ directions)
    replace(measured, perturbations=mouse_genes).save(Path("mouse.h5ad"))
    files = ("--orthologs", "orthologs.csv")
    embedding = ("--embedding", "go")
    code, _, err = run(
        "train", "--screen", "mouse.h5ad", *embedding, *files, "--out", "mouse.llmpert"
    )
    assert code == 0, err
    goes = ("predict", "--gene", "Trp53", "--out")
    assert run(*goes, "a.csv", "--trained", "mouse.llmpert")[0] == 1
    code, _, err = run(*goes, "a.csv", "--trained", "mouse.llmpert", *files)
    assert code == 0, err
    code, _, err = run(*goes, "b.csv", "--screen", "mouse.h5ad", *embedding, *files)
    assert code == 0, err
    kept, fitted = (pd.read_csv(name)["mean"] for name in ("a.csv", "b.csv"))
    np.testing.assert_allclose(kept, fitted, atol=1e-3 * abs(fitted).max())


def test_orthologs_that_nobody_needs_are_said(run, mouse_genes):
    code, _, err = run(
        "evaluate", *GOES, "--train-size", 20, "--orthologs", "orthologs.csv", "--out", "o.parquet"
    )
    assert code == 0, err
    assert "orthologs.csv: not used" in err
    code, _, err = run(
        "evaluate", "--data", "mine", "--model", "mean", "--orthologs", "orthologs.csv",
        "--out", "o.parquet",
    )  # fmt: skip
    assert code == 2
    assert "found both" in err


def test_a_text_is_predicted_as_the_gene_that_it_describes(run, monkeypatch):
    says(monkeypatch, {"a tumour suppressor": "TP53"})
    command = ("predict", *GOES, "--gene", "TP53", "--text", "a tumour suppressor")
    code, out, err = run(*command, "--out", "out.csv")
    assert code == 0, err
    assert "text 1: most similar descriptions: TP53 1.00, " in out
    found = pd.read_csv("out.csv").pivot(index="gene", columns="perturbation", values="mean")
    np.testing.assert_allclose(found["text 1"], found["TP53"], atol=1e-5)


def test_a_text_unlike_every_gene_is_not_predicted(run, monkeypatch):
    says(monkeypatch, {})
    code, _, err = run("predict", *GOES, "--text", "the weather", "--out", "out.csv")
    assert code == 1
    assert "Text 1: This text is unlike every known gene" in err
    assert not Path("out.csv").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "--all or a --text to predict, found none"),
        (("--text", "a", "--embedding", "go"), "other embeddings cannot hold a text"),
        (("--text", "a", "--embedding", "description=text.parquet"), "that comes with llmpert"),
    ],
)
def test_what_texts_do_not_go_with_is_said(run, options, words):
    code, _, err = run("predict", *GOES, *options, "--out", "out.csv")
    assert code == 2
    assert words in err
