"""Trained models on real screens: as good as with their screen, and small."""

import numpy as np
import pytest

import llmpert as lp
from llmpert.embeddings import BUILT_IN, built_in

pytestmark = pytest.mark.real


@pytest.mark.parametrize(("line", "least"), [("k562", 0.485), ("rpe1", 0.565)])
def test_64_components_predict_held_out_knockdowns_from_a_small_file(
    real_data, line, least, tmp_path
):
    screen = lp.read_screen(real_data / f"{line}_rank_response.h5ad")
    model = lp.train(screen, *map(built_in, BUILT_IN), components=64)
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
