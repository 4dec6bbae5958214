"""Trained models on real screens: as good as with their screen, small, and what ships is one."""

import numpy as np
import pytest

import llmpert as lp
from benchmarks.described import lent
from data.build_trained_models import trained
from llmpert.datasets.builtin import RANKS
from llmpert.evaluation.metrics import pearson
from llmpert.evaluation.problem import LENDERS
from llmpert.io.paths import shipped

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def k562(benchmark):
    """A model that is trained as the one that ships, on the most variable genes."""
    return trained(benchmark.screens["K562"])


@pytest.fixture
def rpe1(benchmark):
    return trained(benchmark.screens["RPE1"])


@pytest.mark.parametrize(("line", "least"), [("k562", 0.485), ("rpe1", 0.56)])
def test_64_components_predict_held_out_knockdowns_from_a_small_file(
    request, line, least, tmp_path
):
    model = request.getfixturevalue(line)
    assert model.components <= 64
    assert model.accuracy.mean() >= least
    path = tmp_path / "model.llmpert"
    model.save(path)
    assert path.stat().st_size < 3_000_000
    genes = ["TP53", "MYC", "MED12", "GATA1"]
    found, expected = lp.load_model(path).predict(genes), model.predict(genes)
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-6)
    np.testing.assert_allclose(found.std, expected.std, atol=1e-6)
    # Far from all of each response, and less than all of any.
    assert model.reconstructed.max() < 0.95
    assert model.reconstructed.median() < 0.7


def test_the_model_that_ships_comes_out_again(k562):
    """But for where the search for hyper-parameters ends, which a machine's rounding decides.

    Optima of the density a few nats apart differ in signal and noise, and hardly in predictions.
    """
    kept = lp.load_model(shipped() / RANKS / "K562.llmpert")
    assert (k562.line, k562.unit, k562.sources) == (kept.line, kept.unit, kept.sources)
    assert list(k562.fitted.trained_on) == list(kept.fitted.trained_on)
    assert list(k562.fitted.genes) == list(kept.fitted.genes)
    assert {**k562.provenance, "llmpert": ""} == {**kept.provenance, "llmpert": ""}

    # An eigenvector's sign is the machine's, and so are those of one component's scores and axis.
    np.testing.assert_allclose(k562.responses().response, kept.responses().response, atol=1e-5)

    genes = ["TP53", "GATA1", *kept.fitted.trained_on[:50]]
    assert kept.fitted.known.perturbation("TP53") is None
    again, shown = k562.predict(genes), kept.predict(genes)
    assert np.corrcoef(again.mean.ravel(), shown.mean.ravel())[0, 1] > 0.999
    np.testing.assert_allclose(again.mean, shown.mean, atol=0.1)
    np.testing.assert_allclose(again.std, shown.std, rtol=0.1)
    assert list(k562.signs) == list(kept.signs)
    for name, most in (
        ("left_out", 0.1), ("accuracy", 5e-3), ("signs", 5e-3), ("reconstructed", 1e-5),
    ):  # fmt: skip
        first, second = getattr(k562, name), getattr(kept, name)
        np.testing.assert_allclose(first, second, atol=most, err_msg=name)


@pytest.mark.parametrize(("line", "least"), [("K562", 0.495), ("RPE1", 0.545)])
def test_descriptions_predict_held_out_knockdowns_where_others_lend_go(gp_of_folds, line, least):
    predicted = lent(*gp_of_folds[line], LENDERS)
    scores = [pearson(found.mean, measured) for found, measured in predicted]
    assert np.concatenate(scores).mean() >= least
