import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmpert.evaluation.metrics import evaluate
from llmpert.models.no_change import NoChange


@given(st.integers(1, 9), st.integers(1, 6), st.integers(0, 9))
def test_every_response_is_zero(size, outputs, genes):
    model = NoChange().fit(np.ones((size, 2)), np.full((size, outputs), 3.0))
    np.testing.assert_array_equal(model.predict(np.ones((genes, 2))), np.zeros((genes, outputs)))


def test_it_has_an_error_and_no_correlation():
    measured = np.array([[1.0, -3.0, 0.5], [0.0, 0.2, -0.1]])
    predicted = NoChange().fit(measured, measured).predict(measured)
    scores = evaluate(predicted, measured, top=2)
    assert np.isnan(scores["pearson_all"]).all()
    assert np.isnan(scores["pearson_top2"]).all()
    assert scores["mae_all"] == pytest.approx([1.5, 0.1])
    assert scores["mae_top2"] == pytest.approx([2.0, 0.15])
