"""Embeddings of tables of features, against NumPy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from llmpert.embeddings.features import embed_features, features_embedding
from llmpert.embeddings.tables import Features
from llmpert.errors import InputError

GENES = ["TP53", "MDM2", "CDKN1A", "MED1", "MED8", "MED11", "MYC", "GATA1"]


def features(numbers, categories=None):
    numbers = pd.DataFrame(numbers)
    names = np.array([f"G{n}" for n in range(len(numbers))], dtype=object)
    kinds = pd.DataFrame(index=numbers.index) if categories is None else pd.DataFrame(categories)
    return Features("gene", names, numbers, kinds, [], [])


@given(
    values=arrays(
        np.float64, st.tuples(st.integers(3, 9), st.integers(1, 5)),
        elements=st.floats(-100, 100, width=16),
    ),
    dimensions=st.integers(1, 6),
)  # fmt: skip
def test_components_span_the_standardised_columns(values, dimensions):
    found, _ = embed_features(features(values), dimensions)
    varies = values.max(axis=0) > values.min(axis=0)
    scaled = values[:, varies] - values[:, varies].mean(axis=0)
    scaled = scaled / scaled.std(axis=0)
    if not varies.any():
        assert found.shape[1] == 0
        return
    singular = np.linalg.svd(scaled, compute_uv=False)[:dimensions]
    lengths = np.linalg.norm(found, axis=0)
    np.testing.assert_allclose(lengths, singular[: len(lengths)], atol=1e-6 * singular[0])


def test_genes_as_columns_as_depmap_writes_them(tmp_path):
    random = np.random.default_rng(0)
    lines = [f"ACH-{n:06d}" for n in range(30)]
    columns = [f"{gene} ({n + 1})" for n, gene in enumerate(GENES)]
    table = pd.DataFrame(random.normal(size=(30, len(GENES))), lines, columns)
    table.iloc[3, 2] = np.nan
    path = tmp_path / "CRISPRGeneEffect.csv"
    table.to_csv(path)
    found = features_embedding(path, "DepMap", 4)
    assert list(found.genes) == GENES
    assert any("1 unknown number" in note for note in found.provenance["notes"])
    filled = table.T.fillna(table.T.mean())
    scaled = ((filled - filled.mean()) / filled.std(ddof=0)).to_numpy()
    values, axes = np.linalg.eigh(scaled @ scaled.T)
    expected = np.abs(axes[:, ::-1][:, :4] * np.sqrt(values[::-1][:4]))
    np.testing.assert_allclose(np.abs(found.vectors), expected, rtol=1e-4, atol=1e-4)


def test_categories_count_and_text_of_many_kinds_is_left_out(tmp_path):
    table = pd.DataFrame(
        {
            "gene": GENES,
            "location": ["nucleus"] * 4 + ["cytosol"] * 3 + [""],
            "summary": [f"text {n}" for n in range(8)],
            "same": 1.0,
        }
    )
    path = tmp_path / "hpa.tsv"
    table.to_csv(path, sep="\t", index=False)
    found = features_embedding(path, "HPA")
    # Of a gene whose one category is not known there is nothing.
    assert list(found.genes) == GENES[:7]
    cosines = np.sign(found.vectors @ found.vectors.T)
    assert (cosines[:4, :4] > 0).all()
    assert (cosines[:4, 4:] < 0).all()
    notes = " ".join(found.provenance["notes"])
    assert "summary" in notes
    assert "same" in notes


def test_columns_that_tell_nothing_are_refused(tmp_path):
    path = tmp_path / "constant.csv"
    pd.DataFrame({"gene": GENES, "x": 1.0, "y": 2.0}).to_csv(path, index=False)
    with pytest.raises(InputError, match="each is the same for all genes"):
        features_embedding(path, "nothing")
    pd.DataFrame({"gene": GENES, "x": [f"text {n}" for n in range(8)]}).to_csv(path, index=False)
    with pytest.raises(InputError, match="numbers or categories, found none"):
        features_embedding(path, "nothing")
