"""The ecosystem's objects: AnnData and DataFrames that scanpy and cell-eval take and give."""

from dataclasses import replace

import anndata
import numpy as np
import pandas as pd
import pytest

import llmpert as lp
from llmpert.errors import Question
from tests.support import small

GENES = ["P53", "KD007", "KD041"]
"""An alias of a perturbation, a perturbation, and a gene that is not in the screen."""


def renamed(names: np.ndarray) -> np.ndarray:
    return np.array(["TP53", *names[1:]], dtype=object)


@pytest.fixture(scope="module")
def embedding() -> lp.Embedding:
    embedding = small.embedding()
    return replace(embedding, genes=renamed(embedding.genes))


@pytest.fixture(scope="module")
def screen() -> lp.Screen:
    rng = np.random.default_rng(5)
    level = {"control_mean": rng.uniform(3, 5, 30), "cells": rng.integers(20, 200, 40)}
    made = small.screen("K562", **level)
    response = (made.response / np.abs(made.response).max()).astype(np.float32)
    return replace(made, perturbations=renamed(made.perturbations), response=response)


@pytest.fixture(scope="module")
def model(screen, embedding) -> lp.Model:
    return lp.fit(screen, embedding)


@pytest.fixture(scope="module")
def prediction(model) -> lp.Prediction:
    return model.predict(GENES)


@pytest.fixture(scope="module")
def data(model, prediction) -> anndata.AnnData:
    return model.to_anndata(prediction)


def test_numbers_and_names_are_the_predictions(data, prediction, screen):
    table = prediction.table().set_index(["perturbation", "gene"])
    assert (list(data.obs_names), list(data.var_names)) == (GENES, list(screen.genes))
    # AnnData 0.13 lists X among layers, under None.
    layers = {name: data.layers[name] for name in data.layers if name is not None}
    for name, values in {"mean": data.X, **layers}.items():
        expected = table[name].unstack()[list(data.var_names)].loc[GENES]
        np.testing.assert_allclose(values, expected, rtol=1e-6)
        assert values.dtype == np.float32
    assert set(layers) == {"sd", "median", "low95", "high95"}
    np.testing.assert_array_equal(data.var["control_mean"], screen.control_mean)


def test_each_knockdown_says_what_is_known_of_it(data, model):
    assert list(data.obs["gene"]) == ["TP53", "KD007", "KD041"]
    assert list(data.obs["matched"]) == ["alias", "name", "name"]
    assert list(data.obs["measured"]) == [True, True, False]
    # As the pages judge it: by the fold that tests the gene, or the first for any other.
    experiment = model.experiment
    for name, trust in data.obs["trust"].items():
        perturbation = model.problem.perturbation(name) or name
        known = perturbation in experiment.problem.screen.perturbations
        fold = experiment.fold_of(perturbation) if known else 0
        fitted = experiment.fit_fold("gp", experiment.largest_training_size, fold)
        tested = experiment.problem.screen.perturbations[experiment.tested(fold)]
        reference = lp.api.ReliabilityReference.of(fitted, experiment.problem.screen, list(tested))
        assert trust == reference.judge(perturbation).trust


def test_what_made_it_is_told(data, model, screen, embedding):
    about = data.uns["llmpert"]
    assert (about["model"], about["line"], about["unit"]) == ("gp", "K562", screen.unit)
    assert (about["embeddings"], about["trained_on"]) == (["text"], 38)
    assert about["settings"]["components"] == 50

    def fingerprint(model, genes=GENES):
        return model.to_anndata(model.predict(genes)).uns["llmpert"]["fingerprint"]

    other = replace(screen, response=screen.response + 1)
    same = fingerprint(lp.fit(screen, embedding))
    assert same == about["fingerprint"]
    assert len({same, fingerprint(model, "KD041"), fingerprint(lp.fit(other, embedding)),
                fingerprint(lp.fit(screen, embedding, model="linear"))}) == 4  # fmt: skip


def test_models_without_uncertainty_say_nothing_of_it(screen, embedding):
    model = lp.fit(screen, embedding, model="ridge")
    data = model.to_anndata(model.predict("KD041"))
    assert not data.layers
    assert "trust" not in data.obs
    assert model.trust("KD041") is None


def test_a_trained_model_gives_the_same_kind(screen, embedding, tmp_path):
    lp.train(screen, embedding).save(tmp_path / "K562.llmpert")
    model = lp.load_model(tmp_path / "K562.llmpert", embedding)
    data = model.to_anndata(model.predict(GENES))
    assert list(data.obs["measured"]) == [True, True, False]
    assert set(data.obs["trust"]) <= {"high", "fair", "low", "unknown"}
    assert data.uns["llmpert"]["trained_on"] == 40
    assert [trace.name.split()[0] for trace in model.plot(model.predict(["KD041"])).data]
    data.write_h5ad(tmp_path / "out.h5ad")
    again = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert again.uns["llmpert"]["fingerprint"] == data.uns["llmpert"]["fingerprint"]


def test_it_survives_a_file(data, tmp_path):
    data.write_h5ad(tmp_path / "out.h5ad")
    again = anndata.read_h5ad(tmp_path / "out.h5ad")
    np.testing.assert_array_equal(again.X, data.X)
    np.testing.assert_array_equal(again.layers["sd"], data.layers["sd"])
    pd.testing.assert_frame_equal(again.obs.astype(str), data.obs.astype(str))
    for name, value in data.uns["llmpert"].items():
        found = again.uns["llmpert"][name]
        assert (list(found) if isinstance(value, list) else found) == value


def test_screens_come_from_anndata_and_tables_and_go_there(screen):
    again = lp.read_screen(screen.to_anndata())
    assert again.fingerprint == screen.fingerprint
    assert again.provenance == screen.provenance
    table = lp.read_screen(screen.to_frame(), "K562", screen.unit)
    assert list(table.perturbations) == list(screen.perturbations)
    np.testing.assert_array_equal(table.response, screen.response)
    assert table.provenance["source"] == "DataFrame"


def test_a_changed_object_is_read_as_it_is_now(screen):
    named = replace(screen, provenance={"identity": ["made", 0]})
    data = named.to_anndata()[:20, :10].copy()
    data.X = data.X + 1
    again = lp.read_screen(data)
    np.testing.assert_array_equal(again.response, screen.response[:20, :10] + 1)
    assert again.fingerprint not in {
        named.fingerprint,
        named.select(named.perturbations[:20], named.genes[:10]).fingerprint,
    }


def test_errors_of_objects_name_their_kind(screen):
    with pytest.raises(lp.InputError, match=r"^DataFrame: expected .* the line given"):
        lp.read_screen(screen.to_frame())
    with pytest.raises(lp.InputError, match="found list"):
        lp.read_screen([1, 2])
    levels = screen.to_frame()
    levels.loc["non-targeting"] = np.linspace(2, 5, levels.shape[1])
    with pytest.raises(Question, match=r"^DataFrame: ") as asked:
        lp.read_screen(levels, "K562")
    assert lp.read_screen(levels, "K562", values=next(iter(asked.value.choices))).line == "K562"


def test_scanpy_works_on_screens_and_predictions(data, screen):
    scanpy = pytest.importorskip("scanpy", reason="scanpy is not installed")
    measured = screen.to_anndata()
    scanpy.pp.pca(measured, n_comps=5)
    scanpy.pp.neighbors(measured, n_neighbors=5)
    assert measured.obsp["connectivities"].shape == (40, 40)
    both = anndata.concat({"measured": measured, "predicted": data}, label="from", merge="same")
    scanpy.tl.rank_genes_groups(both, "from", method="t-test")
    ranked = scanpy.get.rank_genes_groups_df(both, "predicted")
    assert sorted(ranked["names"]) == sorted(screen.genes)


def expression(data: anndata.AnnData) -> anndata.AnnData:
    """Turn differences to control into expression, with a row of control, as cell-eval takes it."""
    level = data.var["control_mean"].to_numpy()
    obs = pd.DataFrame({"target": [*data.obs_names, "control"]}, [*data.obs_names, "control"])
    rows = np.vstack([data.X + level, level]).astype(np.float32)
    return anndata.AnnData(rows, obs, data.var[[]].copy())


def test_cell_eval_scores_what_comes_out(model, screen, tmp_path):
    cell_eval = pytest.importorskip("cell_eval", reason="cell-eval is not installed")
    names = list(screen.perturbations[:8])
    prediction = model.predict(names)
    pair = {
        "adata_pred": expression(model.to_anndata(prediction)),
        "adata_real": expression(screen.select(names).to_anndata()),
    }
    asked = {"control_pert": "control", "pert_col": "target", "skip_de": True, "num_threads": 1}
    evaluator = cell_eval.MetricsEvaluator(**pair, **asked, outdir=str(tmp_path / "out"))
    skipped = ["clustering_agreement", "pearson_edistance"]
    scores, _ = evaluator.compute("anndata", skip_metrics=skipped, write_csv=False)
    found = scores.to_pandas().set_index("perturbation").loc[names]
    measured = screen.select(names).response
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(prediction.mean, measured, strict=True)]
    np.testing.assert_allclose(found["pearson_delta"], expected, rtol=1e-4)
    mae = np.abs(prediction.mean - measured).mean(axis=1)
    np.testing.assert_allclose(found["mae"], mae, rtol=1e-4)
