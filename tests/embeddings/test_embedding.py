"""Embedding: what it accepts, what it refuses, and how it is looked up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmpert.embeddings import Embedding
from llmpert.errors import InputError


def make(**changes):
    given = {
        "name": "text",
        "genes": ["TP53", "MYC", "GATA1"],
        "vectors": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
    }
    return Embedding(**{**given, **changes})


def test_holds_read_only_copies():
    source = np.ones((3, 2))
    embedding = make(vectors=source)
    source[:] = 7
    assert embedding.vectors.dtype == np.float32
    assert (embedding.vectors == 1).all()
    assert embedding.dimensions == 2
    with pytest.raises(ValueError, match="read-only"):
        embedding.vectors[0, 0] = 2
    with pytest.raises(ValueError, match="read-only"):
        embedding.genes[0] = "X"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vectors": [[1.0], [2.0]]}, r"one vector for each of 3 genes.*\(2, 1\)"),
        ({"vectors": [1.0, 2.0, 3.0]}, r"found an array of shape \(3,\)"),
        ({"genes": [], "vectors": np.empty((0, 2))}, r"\(0, 2\)"),
        ({"genes": ["A", "B", "A"]}, "every gene once, found 1 repeated: A"),
        ({"vectors": [[1, 2], [np.nan, 1], [3, 4]]}, "1 gene.*such as MYC"),
        ({"vectors": [[1, 2], [1, 1], [np.inf, 4]]}, "1 gene.*such as GATA1"),
    ],
)
def test_refuses(changes, message):
    with pytest.raises(InputError, match=message):
        make(**changes)


def test_rows_in_the_order_asked_for():
    assert make().rows(["GATA1", "TP53"]).tolist() == [[5, 6], [1, 2]]
    with pytest.raises(InputError, match="text has no vector for SOX2"):
        make().rows(["TP53", "SOX2"])


def test_fingerprint_names_content_not_name():
    assert make().fingerprint == make(name="other", provenance={"source": "x"}).fingerprint
    assert make().fingerprint != make(vectors=[[1, 2], [3, 4], [5, 7]]).fingerprint
    assert make().fingerprint != make(genes=["TP53", "MYC", "GATA2"]).fingerprint
    recipe = {"identity": ["simulated", 1]}
    assert (
        make(provenance=recipe).fingerprint
        == make(vectors=np.ones((3, 2)), provenance=recipe).fingerprint
    )


def test_simulated_is_read_from_provenance():
    assert not make().simulated
    assert make(provenance={"simulated": True}).simulated


@given(st.data())
def test_rows_agree_with_a_dict(data):
    genes = data.draw(st.lists(st.text("ABC123", min_size=1), min_size=1, unique=True))
    vectors = np.arange(len(genes) * 2, dtype=np.float32).reshape(-1, 2)
    by_name = dict(zip(genes, vectors.tolist(), strict=True))
    asked = data.draw(st.lists(st.sampled_from(genes)))
    found = Embedding("text", genes, vectors).rows(asked)
    assert found.tolist() == [by_name[gene] for gene in asked]
