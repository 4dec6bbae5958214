"""Genes of which some source knows nothing: other genes lend their vectors."""

import numpy as np
import pytest

from llmpert.embeddings import Embedding
from llmpert.evaluation.experiment import Experiment, FittedModel, Settings
from llmpert.evaluation.problem import LENDERS, GeneVectors, Problem
from tests.support import small

TEXT = small.embedding("text", 60)
_ALL = small.embedding("sequence", 70, dimensions=5, seed=4)
# In another order, and not of all genes.
SEQUENCE = Embedding("sequence", _ALL.genes[:4:-1], _ALL.vectors[:4:-1], {})
ROWS = np.array([50, 7, 58])
VECTORS = TEXT.vectors[ROWS] + np.float32(0.05)
NAMES = np.array(["a", "b", "c"], dtype=object)


def fit(model: str, *embeddings: Embedding) -> FittedModel:
    problem = Problem.align(small.screen(), embeddings)
    return Experiment(problem, Settings(n_hvgs=30)).fit_all(model)


def lenders(vector: np.ndarray) -> list[str]:
    """Genes with both vectors by the cosine of their texts, one after the other."""
    cosine = {
        gene: float(vector @ own / np.linalg.norm(vector) / np.linalg.norm(own))
        for gene, own in zip(TEXT.genes, TEXT.vectors, strict=True)
        if gene in set(SEQUENCE.genes)
    }
    return sorted(cosine, key=lambda gene: -cosine[gene])[:LENDERS]


def test_the_most_similar_genes_with_all_vectors_lend_theirs():
    known = GeneVectors.of(np.array(["KD001"]), [TEXT, SEQUENCE])
    found = known.completed({"text": VECTORS})
    expected = [gene for vector in VECTORS for gene in lenders(vector)]
    np.testing.assert_array_equal(found["sequence"], SEQUENCE.rows(expected))
    np.testing.assert_array_equal(found["text"], np.repeat(VECTORS, LENDERS, axis=0))


def test_the_mean_is_that_of_the_expected_kernel():
    """From what a fit keeps, by a dense solve a component, the kernel averaged over lenders."""
    fitted = fit("gp", TEXT, SEQUENCE)
    kept, parts = fitted.model.arrays(), fitted.joined.parts
    ratios, scale = kept["ratios"], kept["scales"][0]

    def kernels(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        squares = [
            ((a[:, None, part] - b[None, :, part]) ** 2).sum(axis=2) for part in parts.values()
        ]
        squares.append(squares[0] + squares[1])
        return sum(
            ratio * np.exp(-0.5 * square / length**2)
            for ratio, square, length in zip(ratios, squares, kept["lengthscales"], strict=True)
        )

    covariance = kernels(kept["inputs"], kept["inputs"])
    found = fitted.predict_vectors({"text": VECTORS}, NAMES)
    for row, vector in enumerate(VECTORS):
        both = {"text": np.tile(vector, (LENDERS, 1)), "sequence": SEQUENCE.rows(lenders(vector))}
        expected = kernels(fitted.joined.transform(both), kept["inputs"]).mean(axis=0)
        mean = kept["mean"].copy()
        for score, level, axis in zip(kept["scores"].T, kept["level"], kept["axes"].T, strict=True):
            noise = level * np.diag(kept["relative_noise"])
            mean += scale * expected @ np.linalg.solve(covariance + noise, score) * axis
        np.testing.assert_allclose(found.mean[row], mean, atol=1e-5)
    assert found.perturbations.tolist() == NAMES.tolist()


def test_the_deviation_is_that_of_the_mixture():
    """By its second moment about 0: that of lenders' predictions, each with its own noise."""
    fitted = fit("gp", TEXT, SEQUENCE)
    found = fitted.predict_vectors({"text": VECTORS}, NAMES)
    for row, vector in enumerate(VECTORS):
        both = {"text": np.tile(vector, (LENDERS, 1)), "sequence": SEQUENCE.rows(lenders(vector))}
        mean, std = fitted.model.predict(fitted.joined.transform(both), return_std=True)
        second = (std**2 + mean**2).mean(axis=0)
        np.testing.assert_allclose(
            found.std[row] ** 2, second - mean.mean(axis=0) ** 2, rtol=1e-3, atol=1e-6
        )
        assert (found.std[row] ** 2 >= (std**2).mean(axis=0) - 1e-6).all()


def test_either_source_can_be_missing_and_none_changes_nothing():
    fitted = fit("gp", TEXT, SEQUENCE)
    assert fitted.missing(["sequence", "other"]) == ["text"]
    other = fitted.predict_vectors({"sequence": SEQUENCE.rows(["KD050"])}, NAMES[:1])
    assert np.isfinite(other.mean).all()
    known = {one.name: one.rows(["KD050", "KD007"]) for one in (TEXT, SEQUENCE)}
    full, expected = fitted.predict_vectors(known, NAMES[:2]), fitted.predict(["KD050", "KD007"])
    np.testing.assert_allclose(full.mean, expected.mean, atol=1e-6)
    np.testing.assert_allclose(full.std, expected.std, rtol=1e-5)


@pytest.mark.parametrize("model", ["linear", "mean"])
def test_a_model_without_deviations_gives_the_mean(model):
    fitted = fit(model, TEXT, SEQUENCE)
    found = fitted.predict_vectors({"text": VECTORS[:1]}, NAMES[:1])
    both = {
        "text": np.tile(VECTORS[0], (LENDERS, 1)),
        "sequence": SEQUENCE.rows(lenders(VECTORS[0])),
    }
    expected = fitted.model.predict(fitted.joined.transform(both)).mean(axis=0)
    np.testing.assert_allclose(found.mean[0], expected, atol=1e-5)
    assert found.std is None


def test_fewer_genes_than_lenders_all_lend():
    few = [Embedding(one.name, one.genes[:3], one.vectors[:3], {}) for one in (TEXT, _ALL)]
    found = GeneVectors.of(np.array(["KD001"]), few).completed({"text": VECTORS})
    assert {name: len(rows) for name, rows in found.items()} == {"text": 9, "sequence": 9}
