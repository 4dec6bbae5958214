"""Between two genes: against a model that never had them, and their own predictions."""

import numpy as np
import pytest

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, FittedModel, Settings
from llmpert.evaluation.problem import Problem
from llmpert.insight.between import between
from tests.support import small


@pytest.fixture(scope="module")
def fitted() -> FittedModel:
    problem = Problem.align(small.screen(), [small.embedding()])
    return Experiment(problem, Settings(n_hvgs=20)).fit_all("gp")


def test_both_ends_are_the_genes_own_predictions_without_their_responses(fitted):
    found = between(fitted, "KD003", "KD041")
    others = fitted.conditioned_on(np.flatnonzero(fitted.trained_on != "KD003"))
    expected = others.predict(["KD003", "KD041"])
    np.testing.assert_allclose(found.prediction.mean[[0, -1]], expected.mean, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.prediction.std[[0, -1]], expected.std, rtol=1e-5)
    assert "KD003" not in found.nearest


def test_places_between_are_those_of_mixed_vectors(fitted):
    found = between(fitted, "KD041", "KD042", steps=5)
    ends = fitted.known.find_all(["KD041", "KD042"])["text"]
    quarter = (0.75 * ends[0] + 0.25 * ends[1])[None]
    expected = fitted.predict_vectors({"text": quarter}, np.array(["x"], dtype=object))
    np.testing.assert_allclose(found.prediction.mean[1], expected.mean[0], rtol=1e-5, atol=1e-7)
    similarity = fitted.model.similarity(fitted.joined.transform({"text": quarter}))[0]
    assert found.similarity[1] == pytest.approx(similarity.max())
    assert found.nearest[1] == fitted.trained_on[similarity.argmax()]
    among = fitted.model.similarity(fitted.inputs(list(fitted.trained_on)))
    nearest = sorted(max(np.delete(row, at)) for at, row in enumerate(among))
    assert nearest[3] <= found.least <= nearest[4]
    assert (found.too_far == (found.similarity < found.least)).all()


def test_the_table_has_the_genes_that_change_most(fitted):
    found = between(fitted, "KD041", "KD042")
    table = found.table(3)
    change = np.ptp(found.prediction.mean, axis=0)
    largest = found.prediction.genes[np.argsort(-change)[:3]]
    assert set(table["gene"]) == set(largest)
    assert list(table["share"].unique()) == pytest.approx(np.linspace(0, 1, 21))
    means = table[table["gene"] == largest[0]]["mean"]
    assert np.ptp(means) == pytest.approx(change.max())


def test_unknown_genes_are_refused(fitted):
    with pytest.raises(InputError, match="NOSUCH"):
        between(fitted, "KD003", "NOSUCH")
