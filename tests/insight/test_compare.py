"""Two predictions, against values worked by hand and SciPy."""

import numpy as np
import pytest

from llmpert.errors import InputError
from llmpert.evaluation.prediction import Prediction
from llmpert.insight.compare import (
    Side,
    compare,
    in_deviations,
    most_alike,
)
from llmpert.models.distribution import WIDTH_LEVELS, Distribution
from tests.support import small

# 2.85 standard deviations at 95 %
INTERVALS = Distribution.of_widths(np.linspace(0.03, 2.97, len(WIDTH_LEVELS)))


def side(label, genes, mean, std=None, measured=None):
    row = np.array([mean], dtype=np.float32)
    deviation = None if std is None else np.array([std], dtype=np.float32)
    prediction = Prediction(
        np.array([label], dtype=object), np.array(genes, dtype=object), row, deviation,
        *(() if std is None else (np.zeros(1), INTERVALS)),
    )  # fmt: skip
    measured = None if measured is None else np.array(measured)
    return Side(label, prediction, measured, "Δ")


A = side("X", ["g1", "g2", "g3"], [1.0, 0.0, 2.0], [0.3, 0.3, 0.3], [9.0, 8.0, 7.0])
B = side("Y", ["g3", "g4", "g1"], [1.0, 5.0, 2.0], [0.4, 0.4, 1.2])


def test_a_side_relative_to_the_mean_is_less_the_mean_over_knockdowns():
    screen = small.screen(perturbations=5, genes=4)
    one = side("X", screen.genes[[2, 0]], [1.0, 0.0], [0.3, 0.3], [9.0, 8.0])
    relative, mean = one.relative_to_mean(screen), screen.response[:, [2, 0]].mean(axis=0)
    np.testing.assert_allclose(relative.prediction.mean[0], [1.0, 0.0] - mean, rtol=1e-5)
    np.testing.assert_allclose(relative.measured, [9.0, 8.0] - mean, rtol=1e-5)
    assert (relative.prediction.std == one.prediction.std).all()
    assert relative.unit == "Δ, minus the mean response"


def test_common_genes_are_matched_by_name_and_ranked_by_deviations():
    table = compare(A, B)
    assert list(table["gene"]) == ["g3", "g1"]
    assert list(table["a"]) == [2.0, 1.0]
    assert list(table["b"]) == [1.0, 2.0]
    assert list(table["difference"]) == [1.0, -1.0]
    # 0.3 and 0.4 make 0.5; the uncertain gene comes last although its difference is as large.
    np.testing.assert_allclose(table["disagreement"], [1 / 0.5, 1 / np.hypot(0.3, 1.2)], rtol=1e-6)
    np.testing.assert_allclose(table["high95_b"], [1 + 2.85 * 0.4, 2 + 2.85 * 1.2], rtol=1e-6)
    assert list(table["measured_a"]) == [7.0, 9.0]
    assert table["measured_b"].isna().all()
    assert in_deviations(A, B)


def test_without_deviations_on_one_side_disagreement_is_the_difference():
    plain = side("Y", ["g1", "g2", "g3"], [1.5, -4.0, 2.0])
    table = compare(A, plain)
    assert not in_deviations(A, plain)
    assert list(table["gene"]) == ["g2", "g1", "g3"]
    assert list(table["disagreement"]) == [4.0, 0.5, 0.0]
    assert table["sd_b"].isna().all()
    assert table["low95_b"].isna().all()
    assert table["sd_a"].notna().all()


def test_nothing_in_common_is_said():
    with pytest.raises(InputError, match="X and Y have no predicted gene in common"):
        compare(A, side("Y", ["g9"], [1.0]))


def test_the_most_alike_perturbation_has_the_largest_correlation():
    screen = small.screen(perturbations=9, genes=20)
    for at, name in enumerate(screen.perturbations):
        r = np.corrcoef(screen.response)[at]
        r[at] = -2
        assert most_alike(screen, name) == screen.perturbations[np.argmax(r)]


def test_a_constant_response_still_has_somebody_beside_it():
    screen = small.screen(perturbations=3, genes=5)
    screen = type(screen)(
        line="L", response=np.zeros((3, 5)), perturbations=screen.perturbations,
        genes=screen.genes, unit="Δ", provenance={"source": "made for a test"},
    )  # fmt: skip
    assert most_alike(screen, "KD000") == "KD001"
    assert most_alike(screen, "KD001") == "KD000"
