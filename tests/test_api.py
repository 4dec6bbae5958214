"""The library from Python: the README's lines, and what they promise."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

import llmpert as lp
from llmpert.__main__ import main
from llmpert.embeddings import BUILT_IN, built_in, save_embedding
from tests.support import small
from tests.support.server_process import REPOSITORY


def with_gene(names: np.ndarray, gene: str) -> np.ndarray:
    """The names with the first one replaced."""
    return np.array([gene, *names[1:]], dtype=object)


def human(screen):
    """The screen, of TP53 and genes that both built-in embeddings have."""
    names = sorted(set.intersection(*(set(built_in(name).genes) for name in BUILT_IN)) - {"TP53"})
    others = np.array(names[: len(screen.perturbations)], dtype=object)
    return replace(screen, perturbations=with_gene(others, "TP53"))


@pytest.fixture
def screen():
    screen = small.screen("K562")
    return replace(screen, perturbations=with_gene(screen.perturbations, "TP53"))


@pytest.fixture
def embedding():
    embedding = small.embedding()
    return replace(embedding, genes=with_gene(embedding.genes, "TP53"))


@pytest.mark.processes
def test_the_lines_of_the_readme_run(screen, tmp_path):
    human(screen).save(tmp_path / "k562.h5ad")
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    (lines,) = re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", lines], cwd=tmp_path, env=environment, check=True)
    table = pd.read_csv(tmp_path / "TP53.csv")
    assert table["gene"].tolist() == screen.genes.tolist()
    assert set(table["perturbation"]) == {"TP53"}
    assert "TP53 knockdown" in (tmp_path / "TP53.html").read_text("utf-8")


def test_human_genes_need_no_embedding(screen):
    known = [built_in(name) for name in BUILT_IN]
    for make in (partial(lp.fit, model="ridge"), lp.train):
        found, expected = (make(human(screen), *given).predict("MYC") for given in ([], known))
        np.testing.assert_array_equal(found.mean, expected.mean)


def test_a_measured_genes_own_response_is_not_trained_on(screen, embedding):
    response = screen.response.copy()
    response[0] += 100
    other = replace(screen, response=response)
    # By an alias, too.
    for gene in ("TP53", "P53"):
        first, second = (lp.fit(one, embedding).predict(gene) for one in (screen, other))
        np.testing.assert_array_equal(first.mean, second.mean)
    # That of a gene outside the screen is.
    first, second = (lp.fit(one, embedding).predict("KD041") for one in (screen, other))
    assert not np.allclose(first.mean, second.mean)


def test_the_command_predicts_the_same(screen, embedding, tmp_path):
    screen.save(tmp_path / "K562.h5ad")
    save_embedding(embedding, tmp_path / "text.parquet")

    out = tmp_path / "out.csv"
    options = {"screen": "K562.h5ad", "embedding": f"text={tmp_path / 'text.parquet'}"}
    assert main(
        ["predict", "--screen", str(tmp_path / options["screen"]), "--embedding",
         options["embedding"], "--gene", "TP53", "--gene", "KD041", "--out", str(out)]
    ) == 0  # fmt: skip
    prediction = lp.fit(screen, embedding).predict(["TP53", "KD041"])
    np.testing.assert_allclose(pd.read_csv(out)["mean"], prediction.mean.ravel(), rtol=1e-5)


def test_the_figure_has_the_measured_response_where_there_is_one(screen, embedding):
    model = lp.fit(screen, embedding, model="linear")
    known = model.plot(model.predict("TP53"), count=5)
    *predicted, shown = known.data
    assert {trace.name.partition(" ")[0] for trace in predicted} <= {"Raised", "Lowered"}
    assert sum(len(trace.y) for trace in predicted) == 5
    measured = dict(zip(screen.genes, screen.response[0], strict=True))
    assert (shown.name, len(shown.y)) == ("Measured", 5)
    np.testing.assert_allclose(shown.x, [measured[gene] for gene in shown.y])
    without = model.plot(model.predict("KD041"))
    assert "Measured" not in [trace.name for trace in without.data]


def test_what_is_wrong_is_said(screen, embedding):
    with pytest.raises(lp.InputError, match=r"Expected a model among .*gp.*, found 'forest'"):
        lp.fit(screen, embedding, model="forest")
    model = lp.fit(screen, embedding, model="mean")
    with pytest.raises(lp.InputError, match="NOGENE"):
        model.predict("NOGENE")
    with pytest.raises(lp.InputError, match="one gene, found 2"):
        model.plot(model.predict(["KD001", "KD002"]))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        lp.nothing  # noqa: B018


@pytest.mark.processes
def test_importing_the_package_loads_no_library():
    code = "import sys, llmpert; print([m for m in ('numpy', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert set(lp.__all__) <= set(dir(lp))


def test_one_gene_or_a_list_of_it_are_the_same_to_every_model(screen, embedding):
    gene = screen.perturbations[0]
    for model in (lp.fit(screen, embedding), lp.train(screen, embedding)):
        one, listed = model.predict(gene), model.predict([gene])
        assert list(one.perturbations) == [gene]
        np.testing.assert_array_equal(one.mean, listed.mean)
