"""`train` writes a model, and `predict --trained` uses it without the screen."""

import re
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

import llmpert as lp
from llmpert.datasets import DatasetStore, Summary
from llmpert.embeddings import BUILT_IN, built_in, save_embedding
from tests.support import small
from tests.support.described import says

pytestmark = pytest.mark.usefixtures("files")
TEXT = ("--embedding", "text=text.parquet")
TRAIN = ("train", "--screen", "screen.h5ad", *TEXT, "--out", "model.llmpert")
PREDICT = ("predict", "--trained", "model.llmpert", *TEXT)


def test_a_model_predicts_without_its_screen(run):
    code, out, err = run(*TRAIN, "--components", 2)
    assert code == 0, err
    assert "LineA: gp trained on 40 perturbations, 30 genes (Δ expression); 2 components" in out
    assert "Wrote model.llmpert (0.0 MB)." in err
    Path("screen.h5ad").unlink()
    code, out, err = run(*PREDICT, "--gene", "KD041", "--gene", "KD003", "--out", "out.csv")
    assert code == 0, err
    outside, inside = out.splitlines()
    assert re.fullmatch(
        r"KD041: OUT\d+ [+-].* \(Δ expression; gp trained on 40 perturbations of LineA\)", outside
    )
    assert inside.endswith("of LineA, this one predicted from the others: leave-one-out)")
    found = lp.load_model("model.llmpert", small.embedding()).predict(["KD041", "KD003"])
    table = pd.read_csv("out.csv")
    np.testing.assert_allclose(table["mean"], found.mean.ravel(), rtol=1e-5)
    np.testing.assert_allclose(table["sd"], found.std.ravel(), rtol=1e-5)


def test_a_list_of_genes_and_all_that_were_not_knocked_down_go_to_a_file(run):
    run(*TRAIN)
    model = lp.load_model("model.llmpert", small.embedding())
    Path("list.txt").write_text("KD003, KD041\nNOSUCH")
    code, out, err = run(*PREDICT, "--genes-from", "list.txt", "--out", "out.csv")
    assert code == 0, err
    assert "1 not predicted: NOSUCH" in err
    assert [line.partition(":")[0] for line in out.splitlines()] == ["KD003", "KD041"]
    table = pd.read_csv("out.csv")
    assert list(table["perturbation"].unique()) == ["KD003", "KD041"]
    np.testing.assert_allclose(
        table["mean"], model.predict(["KD003", "KD041"]).mean.ravel(), rtol=1e-5
    )
    code, _, err = run(*PREDICT, "--all", "--out", "all.h5ad")
    assert code == 0, err
    unseen = [f"KD{number:03}" for number in range(40, 45)]
    written, expected = anndata.read_h5ad("all.h5ad"), model.to_anndata(model.predict(unseen))
    pd.testing.assert_frame_equal(
        written.obs, expected.obs, check_categorical=False, check_dtype=False
    )
    np.testing.assert_array_equal(written.X, expected.X)
    np.testing.assert_array_equal(written.layers["sd"], expected.layers["sd"])


def test_it_is_the_model_that_is_trained_from_python(run):
    run(*TRAIN, "--components", 3)
    made = lp.train(small.screen(), small.embedding(), components=3)
    read = lp.load_model("model.llmpert", small.embedding())
    np.testing.assert_allclose(
        read.predict(["KD007", "KD042"]).mean, made.predict(["KD007", "KD042"]).mean, atol=1e-6
    )


def test_it_says_what_the_file_gives_away(run):
    _, out, _ = run(*TRAIN, "--components", 1)
    made = lp.train(small.screen(), small.embedding(), components=1)
    low, middle, high = 100 * made.reconstructed.quantile([0, 0.5, 1])
    assert f"from {low:.0f} to {high:.0f} %, median {middle:.0f} %, can be recon" in out


@pytest.fixture
def human():
    """A screen of human genes, whose responses follow what is known of them."""
    genes = sorted(set.intersection(*(set(built_in(name).genes) for name in BUILT_IN)))[:4000:100]
    response = built_in("GO").rows(genes)[:, :30]
    replace(small.screen(), perturbations=genes, response=response).save(Path("human.h5ad"))


def test_human_genes_need_the_model_alone(run, human):
    code, _, err = run("train", "--screen", "human.h5ad", "--out", "model.llmpert")
    assert code == 0, err
    code, out, err = run("predict", "--trained", "model.llmpert", "--gene", "P53")
    assert (code, err) == (0, "")
    assert out.startswith("P53: OUT")
    assert not Path("out.csv").exists()


def test_a_text_is_predicted_with_what_similar_genes_lend(run, human, monkeypatch):
    says(monkeypatch, {"a tumour suppressor": "TP53"})
    assert run("train", "--screen", "human.h5ad", "--out", "model.llmpert")[0] == 0
    command = ("predict", "--trained", "model.llmpert", "--text", "a tumour suppressor")
    code, out, err = run(*command, "--gene", "TP53", "--out", "out.csv")
    assert code == 0, err
    assert "text 1: most similar descriptions: TP53 1.00, " in out
    lent = "; GO lent by the 5 genes with the most similar descriptions)"
    assert [line.endswith(lent) for line in out.splitlines()] == [False, False, True]
    found = pd.read_csv("out.csv").pivot(index="gene", columns="perturbation", values="mean")
    near = [word.split()[0] for word in out.splitlines()[0].split(": ")[2].split(", ")]
    own = built_in("description").rows(["TP53"])
    vectors = {"description": np.repeat(own, 5, axis=0), "GO": built_in("GO").rows(near)}
    fitted = lp.load_model("model.llmpert").fitted
    expected = fitted.predict_vectors(vectors, np.array(near)).mean.mean(axis=0)
    np.testing.assert_allclose(found.loc[fitted.genes, "text 1"], expected, atol=1e-5)
    assert run(*command[:-1], "the weather")[0] == 1


def test_a_model_of_descriptions_alone_takes_a_text_for_the_gene_it_describes(
    run, human, monkeypatch
):
    says(monkeypatch, {"a tumour suppressor": "TP53"})
    train = ("train", "--screen", "human.h5ad", "--embedding", "description", "--out", "d.llmpert")
    assert run(*train)[0] == 0
    command = ("predict", "--trained", "d.llmpert", "--text", "a tumour suppressor")
    _, out, _ = run(*command, "--gene", "TP53")
    gene, text = (line.split(": ", 1)[1] for line in out.splitlines()[1:])
    assert text == gene


def test_a_model_of_other_embeddings_takes_no_text(run):
    assert run(*TRAIN)[0] == 0
    code, _, err = run(*PREDICT, "--text", "a tumour suppressor")
    assert code == 1
    assert "expected a model on the embedding description that comes with llmpert" in err


def test_a_line_of_a_data_set(run):
    small.place("two", [small.screen(), small.screen("LineB", seed=3)], [small.embedding()])
    command = ("train", "--data", "two", "--out", "model.llmpert")
    code, _, err = run(*command)
    assert code == 2
    assert "Expected --line LineA or LineB, found None" in err
    code, _, err = run(*command, "--line", "LineC")
    assert code == 2
    assert "Expected --line LineA or LineB, found LineC" in err
    code, out, err = run(*command, "--line", "LineB")
    assert code == 0, err
    assert out.startswith("LineB: gp trained on 40 perturbations")


def test_of_raised_genes_alone_the_largest_predictions_are_printed(run):
    # Most are 0: around there predictions fall below it.
    response = small.traits(40) @ np.random.default_rng(0).normal(size=(3, 30)) - 1.5
    screen = replace(small.screen(), response=np.maximum(response, 0))
    screen.save(Path("screen.h5ad"))
    assert run(*TRAIN)[0] == 0
    ways = (
        (PREDICT, lp.load_model("model.llmpert", small.embedding())),
        (("predict", "--screen", "screen.h5ad", *TEXT), lp.fit(screen, small.embedding())),
    )
    for command, model in ways:
        found = model.predict(["KD018"])
        order = np.argsort(-found.mean[0])[:5]
        assert set(order) != set(np.argsort(-np.abs(found.mean[0]))[:5])
        code, out, err = run(*command, "--gene", "KD018")
        assert code == 0, err
        assert re.findall(r"(OUT\d+) [+-]", out) == list(found.genes[order])


def test_a_simulated_model_says_so(run):
    screen = small.screen()
    replace(screen, provenance={"simulated": True}).save(Path("screen.h5ad"))
    assert "Simulated data" in run(*TRAIN)[1]
    assert "Simulated data" in run(*PREDICT, "--gene", "KD041")[1]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("predict", "--gene", "TP53"), "Expected --screen or --trained, found neither."),
        ((*PREDICT, "--screen", "screen.h5ad", "--gene", "A"), "--screen or --trained, found both"),
        ((*PREDICT, "--line", "K562", "--gene", "A"), "--target with --screen only"),
        (
            (*PREDICT, "--model", "gp", "--gene", "A"),
            "Expected --model, --line, --unit, --values",
        ),
        (("train", "--out", "model.llmpert"), "Expected --data, or at least one --screen."),
        ((*TRAIN, "--data", "two"), "Expected --data or files, found both."),
        ((*TRAIN, "--components", 0), "--components"),
        (("train", "--screen", "screen.h5ad", "--out", "model.zip"), "ends in .llmpert"),
    ],
)
def test_a_wrong_command_gets_a_sentence(command, sentence, run):
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert sentence in err


def test_what_cannot_be_predicted_gets_a_sentence(run):
    assert run(*TRAIN)[0] == 0
    code, _, err = run(*PREDICT, "--gene", "NOGENE")
    assert code == 1
    assert err.startswith("Error: NOGENE is not a known gene")
    save_embedding(small.embedding(seed=9), "text.parquet")
    code, _, err = run(*PREDICT, "--gene", "KD041")
    assert code == 1
    assert (
        "model.llmpert: Expected the embedding text that the model of LineA was trained with" in err
    )
    content = Path("model.llmpert").read_bytes()
    Path("model.llmpert").write_bytes(content[: len(content) // 2])
    code, _, err = run(*PREDICT, "--gene", "KD041")
    assert code == 1
    assert "model.llmpert: expected a model trained by llmpert" in err
    assert len(err.splitlines()) == 1


def test_a_model_that_was_there_stays_where_training_fails(run):
    Path("model.llmpert").write_bytes(b"the earlier one")
    flat = replace(small.screen(), response=np.zeros((40, 30)))
    flat.save(Path("screen.h5ad"))
    code, _, err = run(*TRAIN)
    assert code == 1
    assert "LineA found no signal in the responses" in err
    assert Path("model.llmpert").read_bytes() == b"the earlier one"


def test_a_data_set_of_trained_models(run):
    assert run(*TRAIN)[0] == 0
    command = ("import", "--name", "shared", "--trained", "model.llmpert")
    code, _, err = run(*command)
    assert code == 1
    assert "Expected the embedding text that the model of LineA was trained with" in err
    assert not DatasetStore().exists("shared")
    code, out, err = run(*command, *TEXT)
    assert code == 0, err
    assert "LineA: a model trained on 40 perturbations x 30 genes, unit Δ expression" in out
    found = DatasetStore().load("shared").trained["LineA"].predict(["KD003", "KD041"])
    expected = lp.load_model("model.llmpert", small.embedding()).predict(["KD003", "KD041"])
    np.testing.assert_array_equal(found.mean, expected.mean)
    assert re.search(r"shared +LineA +text", run("datasets")[1])
    for command in (
        ("train", "--data", "shared", "--out", "again.llmpert"),
        ("evaluate", "--data", "shared", "--model", "mean", "--out", "out.parquet"),
    ):
        code, _, err = run(*command)
        assert code == 1
        assert "Expected a data set with measured screens, found shared" in err


def test_screens_and_trained_models_do_not_share_a_data_set(run):
    assert run(*TRAIN)[0] == 0
    command = ("import", "--name", "both", *TEXT)
    assert run(*command, "--screen", "screen.h5ad")[0] == 0
    code, _, err = run(*command, "--trained", "model.llmpert")
    assert code == 1
    assert "Expected screens or trained models in the data set both, found both" in err
    assert not DatasetStore().load("both").trained


def test_a_damaged_model_of_a_data_set_is_listed_with_what_is_wrong(run):
    assert run(*TRAIN)[0] == 0
    assert run("import", "--name", "shared", *TEXT, "--trained", "model.llmpert")[0] == 0
    (path,) = DatasetStore().index("shared").files["trained"].values()
    path.write_bytes(path.read_bytes()[:-100])
    summary = Summary.read(DatasetStore(), "shared")
    assert len(summary.problems) == 1
    assert "expected a model trained by llmpert" in summary.problems[0]
