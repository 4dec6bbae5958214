import numpy as np
import pytest
from scipy.spatial.distance import cdist

from llmpert.embeddings import built_in
from llmpert.embeddings.sentences import SentenceModel
from llmpert.errors import InputError
from llmpert.insight import descriptions
from llmpert.insight.descriptions import EMBEDDING, describe
from tests.support.described import says


def test_a_text_like_a_genes_own_stands_where_the_gene_does(monkeypatch):
    says(monkeypatch, {"a subunit of Mediator": "MED11"})
    found = describe("  a subunit\nof Mediator ")
    embedding = built_in(EMBEDDING)
    vector = embedding.rows(["MED11"])
    np.testing.assert_allclose(found.vector, vector, atol=1e-5)
    expected = 1 - cdist(vector, embedding.vectors, "cosine")[0]
    np.testing.assert_allclose(found.similarity[list(embedding.genes)], expected, atol=1e-5)
    assert found.similarity.index[0] == "MED11"
    assert found.similarity.is_monotonic_decreasing
    assert not found.far


def test_few_genes_are_as_far_from_all_others_as_a_text_that_is_far(monkeypatch):
    says(monkeypatch, {"a subunit of Mediator": "MED11"})
    usual = describe("a subunit of Mediator").usual
    vectors = built_in(EMBEDDING).vectors
    some = np.random.default_rng(0).choice(len(vectors), 300, replace=False)
    similarity = 1 - cdist(vectors[some], vectors, "cosine")
    similarity[np.arange(300), some] = -1
    # Of 300, three are expected; twelve or more would come about once in 20,000 draws.
    assert (similarity.max(axis=1) < usual).sum() < 12


def test_a_text_off_all_axes_is_far(monkeypatch):
    axes = descriptions._axes()
    outside = np.random.default_rng(0).normal(size=(1, axes.shape[1]))
    outside -= outside @ axes.T @ axes
    monkeypatch.setattr(SentenceModel, "encode", lambda self, texts: 10 * outside)
    found = describe("nothing of genes")
    assert found.far
    assert found.similarity.index[0] in found.explain_far()


def test_axes_have_right_angles():
    axes = descriptions._axes()
    assert axes.shape == (built_in(EMBEDDING).dimensions, 384)
    np.testing.assert_allclose(axes @ axes.T, np.eye(len(axes)), atol=1e-5)


@pytest.mark.parametrize("text", ["", "  \n", "x" * 5_001])
def test_no_text_and_too_much_are_a_sentence(text):
    with pytest.raises(InputError, match="1 to 5,000 characters"):
        describe(text)


def test_real_texts_meet_their_kind():
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tokenizers")
    found = describe("Subunit of the Mediator complex, for transcription by RNA polymerase II.")
    assert sum(gene.startswith("MED") for gene in found.similarity.index[:10]) >= 8
    assert not found.far
    example = descriptions._model().encode([descriptions.EXAMPLE]) @ descriptions._axes().T
    np.testing.assert_allclose(describe(descriptions.EXAMPLE).vector, example, atol=1e-5)
    for text in ("The weather in Paris is mild in May.", "asdf qwer", "Stocks fell on Monday."):
        assert describe(text).far
