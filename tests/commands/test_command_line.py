"""The command line: what it prints and writes."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmpert import __version__
from llmpert.commands.evaluate import decimals
from llmpert.datasets import DatasetStore
from llmpert.embeddings import Embedding, read_embedding, save_embedding
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.results import COLUMNS, Results
from llmpert.screens import Screen, read_screen
from llmpert.simulation import generate
from tests.support import small
from tests.support.command_lines import EVALUATE, IMPORT, PREDICT, replaced

REPOSITORY = Path(__file__).resolve().parents[2]


def test_help_is_there_for_every_command_with_an_example(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert run() == (0, out, "")
    for command in ("evaluate", "predict", "simulate", "import", "serve"):
        assert f"\n  {command} " in out
        code, help_text, err = run(command, "--help")
        assert (code, err) == (0, "")
        assert f"python -m llmpert {command}" in help_text.split("Example:")[1]
    assert run("--version") == (0, f"llmpert, version {__version__}\n", "")


def test_help_loads_no_numerical_library():
    code = (
        "import sys; from llmpert.__main__ import main; main(['--help'])\n"
        "slow = {'numpy', 'pandas', 'torch', 'anndata', 'streamlit'} & set(sys.modules)\n"
        "sys.exit(f'loaded {slow}' if slow else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_evaluate_writes_the_tidy_table_and_prints_its_means(run, files):
    code, out, err = run(*EVALUATE, "--repeats", 2, "--top", 5)
    assert code == 0, err
    results = Results.read("out.parquet")
    assert tuple(results.table.columns) == COLUMNS
    # 40 perturbations, each tested once a repeat, by 2 models.
    counts = results.table["metric"].value_counts()
    assert set(counts) == {40 * 2 * 2}
    assert {"pearson_top5", "pearson_all", "mae_top5", "mae_all"} < set(counts.index)
    header, *rows = [line.split("  ") for line in out.splitlines()]
    cells = [[text.strip() for text in row if text.strip()] for row in rows]
    names = [text.strip() for text in header if text.strip()]
    assert [row[:4] for row in cells] == [
        ["LineA", "none", "mean", "20"],
        ["LineA", "text", "linear", "20"],
    ]
    for row in cells:
        part = results.table.query("model == @row[2] and metric == 'pearson_all'")
        folds = part.groupby("fold")["value"].mean()
        expected = f"{folds.mean():.3f} ± {folds.std(ddof=1) / np.sqrt(5):.3f}"
        assert row[names.index("pearson_all")] == expected


def test_evaluate_prints_a_score_that_one_model_lacks(run, files):
    command = ("evaluate", "--screen", "screen.h5ad", "--embedding", "text=text.parquet",
               "--score", "mae_all", "--score", "crps", "--out", "out.parquet")  # fmt: skip
    code, out, err = run(*command, "--model", "mean", "--model", "gp")
    assert code == 0, err
    rows = {line.split()[2]: line.split() for line in out.splitlines()[1:3]}
    assert rows["mean"][-1] == "-"
    table = Results.read("out.parquet").table
    crps = table[table["metric"] == "crps"].groupby("fold")["value"].mean().mean()
    assert rows["gp"][-3] == f"{crps:.3f}"


def test_evaluate_joins_embeddings_and_compares_each_on_the_same_perturbations(run, files):
    code, out, err = run(*EVALUATE, "--embedding", "sequence=sequence.parquet", "--each")
    assert code == 0, err
    table = Results.read("out.parquet").table
    tested = table.query("model == 'linear'").groupby("embedding", observed=True)["perturbation"]
    assert set(tested.groups) == {"text", "sequence", "text+sequence"}
    assert {frozenset(names) for _, names in tested} == {frozenset(small.names("KD", 35))}
    assert "5 left out" in err
    assert "KD035 is not a known gene" in err
    assert out.count("linear") == 3
    assert out.count("mean ") == 1


def test_evaluate_says_what_it_adjusts(run, files):
    code, _, err = run(*EVALUATE, "--train-size", 5000, "--top", 100)
    assert code == 0
    assert "--train-size 5,000 is more than the 32 that 5 folds offer; 32 is used" in err
    assert "--features 2,000 is more than the 30 genes measured" in err
    assert "--top 100 is more than the 30 genes measured" in err
    assert set(Results.read("out.parquet").table["train_size"]) == {20, 32}


def test_evaluate_says_where_a_metric_is_undefined(run, tmp_path):
    screen = small.screen()
    response = screen.response.copy()
    response[4] = 0  # one constant measurement
    flat = small.screen(line="Flat")
    Screen("LineA", response, screen.perturbations, screen.genes, screen.unit).save("screen.h5ad")
    Screen(
        "Flat", np.ones_like(response), flat.perturbations, flat.genes, flat.unit
    ).save("flat.h5ad")  # fmt: skip
    save_embedding(small.embedding("text"), "text.parquet")
    code, out, err = run(*EVALUATE, "--screen", "flat.h5ad")
    assert code == 0, err
    lines = out.splitlines()
    assert any(line.startswith("LineA") and "(1 undefined)" in line for line in lines)
    assert any(line.startswith("Flat") and "40 undefined" in line for line in lines)
    assert any("constant" in line for line in lines)


def test_evaluate_goes_on_where_it_was(run, files, monkeypatch):
    assert run(*EVALUATE)[0] == 0
    first = Path("out.parquet").read_bytes()

    def unwanted(*_):
        raise AssertionError("fitted again")

    monkeypatch.setattr(Experiment, "_fit_and_predict", unwanted)
    assert run(*EVALUATE)[0] == 0
    assert Path("out.parquet").read_bytes() == first


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_evaluate_reads_tables_and_takes_line_and_unit(run, files, suffix):
    screen = small.screen()
    frame = pd.DataFrame(screen.response, index=screen.perturbations, columns=screen.genes)
    table = f"anything{suffix}"
    frame.to_csv(table) if suffix == ".csv" else frame.to_parquet(table)
    code, out, err = run(
        *replaced(EVALUATE, "screen.h5ad", table), "--line", "HeLa", "--unit", "Δ z-score"
    )
    assert code == 0, err
    assert "(Δ z-score)" in err
    assert out.splitlines()[1].startswith("HeLa")


def test_numbers_show_a_digit_of_their_error():
    assert decimals(pd.Series([0.012, 0.02, np.nan])) == 3
    assert decimals(pd.Series([0.0002, 0.0003])) == 4
    assert decimals(pd.Series([np.nan])) == 3
    assert decimals(pd.Series([0.0])) == 3


def test_predict_writes_all_measured_genes_of_all_genes_asked_for(run, files):
    # KD042 is not in the screen; KD003 is, and is held out.
    code, out, err = run(*PREDICT, "--gene", "KD042")
    assert code == 0, err
    table = pd.read_csv("out.csv")
    assert list(table.columns) == [
        "perturbation",
        "gene",
        "mean",
        "median",
        "sd",
        "low95",
        "high95",
    ]
    assert len(table) == 2 * 30
    assert table["sd"].isna().all()
    first, second = out.splitlines()
    assert first.startswith("KD003: ")
    assert second.startswith("KD042: ")
    assert "39 perturbations of LineA" in first
    strongest = table[table["perturbation"] == "KD003"].set_index("gene")["mean"].abs().nlargest(5)
    assert [part.split()[0] for part in first[7 : first.index(" (")].split(", ")] == list(
        strongest.index
    )


def test_predict_gives_standard_deviations_with_the_gaussian_process(run, files):
    code, _, err = run(*replaced(PREDICT, "linear", "gp"), "--beyond", "0.5")
    assert code == 0, err
    table = pd.read_csv("out.csv")
    assert (table["sd"] > 0).all()
    # A median above the threshold is one that at least half of new measurements exceed.
    assert ((table["p_up"] >= 0.5) == (table["median"] > 0.5)).all()
    np.testing.assert_allclose(table["p_up"] + table["p_down"], table["p_change"], atol=1e-6)


@pytest.fixture
def renamed_gene(tmp_path):
    """KD003 is called OLD in the screen; the embedding has both names, with nearly one vector."""
    screen, embedding = small.screen(), small.embedding()
    perturbations = np.where(screen.perturbations == "KD003", "OLD", screen.perturbations)
    Screen("LineA", screen.response, perturbations, screen.genes, screen.unit).save("screen.h5ad")
    genes = [*embedding.genes, "OLD", "NEW"]
    vectors = np.vstack([embedding.vectors, np.full((1, 8), 9.0), np.full((1, 8), 9.001)])
    save_embedding(Embedding("text", genes, vectors), tmp_path / "text.parquet")
    Path("genes.csv").write_text(
        "entrez,symbol,name,ensembl,uniprot,aliases\n1,NEW,a gene,ENSG00000000001,,OLD|ELDER\n"
    )
    return screen


@pytest.mark.parametrize("spelling", ["OLD", "NEW", "ELDER", "ENSG00000000001"])
def test_predict_holds_a_gene_out_under_every_name(run, renamed_gene, spelling):
    arguments = replaced(replaced(PREDICT, "KD003", spelling), "linear", "knn")
    code, out, err = run(*arguments, "--genes", "genes.csv")
    assert code == 0, err
    assert "trained on 39 perturbations" in out
    # The nearest training gene would be the gene itself, were it not held out.
    predicted = pd.read_csv("out.csv")["mean"].to_numpy()
    assert not np.allclose(predicted, renamed_gene.response[3], atol=1e-4)


def test_predict_without_the_alias_would_have_leaked(run, renamed_gene):
    # The check above can fail: where no table says that OLD is NEW, NEW is another gene.
    arguments = replaced(replaced(PREDICT, "KD003", "NEW"), "linear", "knn")
    assert run(*arguments)[0] == 0
    predicted = pd.read_csv("out.csv")["mean"].to_numpy()
    np.testing.assert_allclose(predicted, renamed_gene.response[3], atol=1e-4)


def test_predict_without_some_knockdowns_says_how_far_predictions_move(run, files):
    gp = replaced(PREDICT, "linear", "gp")
    code, out, err = run(*gp, "--gene", "KD042", "--without", "KD001, KD002 NOSUCH")
    assert code == 0, err
    assert "KD042 without KD001, KD002: the prediction moves by" in out
    assert "1 not among the training knockdowns: NOSUCH" in err
    table = pd.read_csv("out.csv")
    np.testing.assert_allclose(table["mean_with"], table["mean"])
    assert (table["mean_without"] != table["mean"]).any()
    assert list(table.columns[-2:]) == ["mean_alone", "sd_alone"]
    for wrong, said in (
        ([*PREDICT, "--without", "KD001"], "--genes-from and gp only"),
        ([*gp, "--without", "NOSUCH"], "trained on none of the 1 knockdowns"),
    ):
        code, _, err = run(*wrong)
        assert code != 0
        assert said in err


def test_files_and_a_data_set_of_them_are_evaluated_alike(run, files):
    sequence = ("--embedding", "sequence=sequence.parquet")
    assert run(*EVALUATE, *sequence, "--each")[0] == 0
    of_files = Results.read("out.parquet").table
    assert run(*IMPORT, *sequence)[0] == 0
    words = EVALUATE[EVALUATE.index("--model") :]
    assert run("evaluate", "--data", "mine", "--each", *words)[0] == 0
    names = sorted(of_files["embedding"].unique())
    assert names == ["none", "sequence", "text", "text+sequence"]
    order = list(COLUMNS[:-1])
    pd.testing.assert_frame_equal(
        Results.read("out.parquet").table.astype(str).sort_values(order, ignore_index=True),
        of_files.astype(str).sort_values(order, ignore_index=True),
    )


def test_simulate_writes_files_that_the_others_read(run, monkeypatch):
    simulate = generate.simulate
    recipe = generate.Recipe(genes=200, perturbations=60, measured=50, controls=200)
    monkeypatch.setattr(generate, "simulate", lambda seed: simulate(seed, recipe))
    code, out, err = run("simulate", "--out", "new/folder", "--seed", 3)
    assert code == 0, err
    expected = simulate(3, recipe)
    for line, screen in expected.screens.items():
        path = f"new/folder/{line}.h5ad"
        assert f"{path}: 60 perturbations x 50 genes" in out
        assert Screen.load(path).fingerprint == screen.fingerprint
        # What is kept for the built-in screens is not for whatever a file says it is.
        assert read_screen(path).fingerprint != screen.fingerprint
        np.testing.assert_array_equal(read_screen(path).response, screen.response)
    for name, embedding in expected.embeddings.items():
        read = read_embedding(f"new/folder/{name}.parquet", name)
        np.testing.assert_array_equal(read.vectors, embedding.vectors)
    line = next(iter(expected.screens))
    code, out, _ = run(
        "evaluate", "--screen", f"new/folder/{line}.h5ad",
        "--embedding", "text=new/folder/text.parquet", "--model", "knn", "--out", "o.parquet",
    )  # fmt: skip
    assert code == 0
    assert "Simulated data" in out


def test_import_adds_a_data_set_and_says_what_it_understood(run, files):
    small.screen("LineB", seed=5).save("other.h5ad")
    code, out, err = run(
        *IMPORT, "--screen", "other.h5ad", "--line", "Left", "--line", "Right",
        "--embedding", "sequence=sequence.parquet", "--unit", "Δ z-score",
    )  # fmt: skip
    assert code == 0, err
    data = DatasetStore().load("mine")
    assert list(data.screens) == ["Left", "Right"]
    assert list(data.embeddings) == ["text", "sequence"]
    for sentence in (
        "Left: 40 perturbations x 30 genes, unit Δ z-score",
        "Right: 40 perturbations x 30 genes, unit Δ z-score",
        "text: 45 genes x 8 dimensions",
        "40 of 40 perturbations have a vector in text",
        "35 of 40 perturbations have a vector in sequence",
        "KD035 is not a known gene",
        "35 of 40 perturbations have a vector in text+sequence",
    ):
        assert sentence in out


def test_import_replaces_a_damaged_part(run, files):
    assert run(*IMPORT)[0] == 0
    (kept,) = DatasetStore().folder("mine").rglob("LineA.h5ad")
    kept.write_bytes(b"damaged")
    assert run(*IMPORT)[0] == 0
    assert list(DatasetStore().load("mine").screens) == ["LineA"]


def test_settings_are_those_of_the_library():
    # The options' defaults are written out for --help; they must not drift from the library's.
    from llmpert.commands.evaluate import evaluate

    defaults = {option.name: option.default for option in evaluate.params}
    settings = Settings()
    settings_of = {"folds": "folds", "seed": "seed", "features": "n_hvgs", "top": "top"}
    for name, setting in settings_of.items():
        assert defaults[name] == getattr(settings, setting)


def test_evaluate_predicts_each_line_from_the_other_beside_copies(run, files):
    small.screen("LineB", seed=1).save("other.h5ad")
    command = ("evaluate", "--screen", "screen.h5ad", "--screen", "other.h5ad",
               "--embedding", "text=text.parquet", "--model", "knn", "--train-size", 20,
               "--out", "out.parquet")  # fmt: skip
    code, out, err = run(*command, "--elsewhere")
    assert code == 0, err
    for setting, number in (("unseen line", 1), ("both", 1), ("measured elsewhere", 5)):
        assert len(re.findall(f"^LineA +{setting} ", out, re.M)) == number
    table = Results.read("out.parquet").table
    found = table.groupby(["line", "model"], observed=True)["embedding"].unique().map(set)
    for line, other in (small.LINES, small.LINES[::-1]):
        source, predicted = f"measured in {other}", f"predicted in {other}"
        assert found[line, "mean"] == {"none"}
        for model in ("copy", "copy-centred", "copy-shrunk"):
            assert found[line, model] == {source, predicted}
        assert found[line, "knn"] == {"text", source, f"text+{source}", f"text+{predicted}"}
        assert f"{source} has the tested knockdowns' responses there as inputs" in err
    code, _, err = run(*EVALUATE, "--elsewhere")
    assert code == 1
    assert "two lines or more" in err
    code, _, err = run(*replaced(EVALUATE, "linear", "copy"))
    assert code == 1
    assert "evaluate --elsewhere" in err
