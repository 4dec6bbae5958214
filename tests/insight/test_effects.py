"""Effects on one gene, against rows and columns picked by hand."""

import numpy as np
import pytest

from llmpert.errors import InputError
from llmpert.evaluation.prediction import Prediction
from llmpert.insight.effects import (
    HELD_OUT,
    NOT_MEASURED,
    effects_on,
    find_measured,
)
from llmpert.insight.ranking import correlation, strongest
from llmpert.models.distribution import WIDTH_LEVELS, Distribution
from tests.support import small

SCREEN = small.screen(perturbations=6, genes=4)
WIDTHS = np.linspace(0.03, 2.97, len(WIDTH_LEVELS))
INTERVALS = Distribution.of_widths(WIDTHS)


def prediction(rows: list[str], genes: list[str], seed: int, std: bool = True) -> Prediction:
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=(len(rows), len(genes))).astype(np.float32)
    return Prediction(
        np.array(rows, dtype=object),
        np.array(genes, dtype=object),
        mean,
        np.full_like(mean, 0.5) if std else None,
        np.zeros(len(rows)) if std else None,
        INTERVALS if std else None,
    )


FOLDS = [
    prediction(["KD001", "KD004"], ["OUT000", "OUT002"], 0),
    prediction(["KD000", "KD002"], ["OUT002", "OUT003"], 1),
    prediction(["KD003", "KD005"], ["OUT000", "OUT001"], 2),
]


def test_measured_and_predicted_meet_by_name():
    table = effects_on("OUT002", SCREEN, FOLDS).set_index("perturbation")
    assert list(table.index) == list(SCREEN.perturbations)
    np.testing.assert_array_equal(table["measured"], SCREEN.response[:, 2])
    assert table.loc["KD004", "predicted"] == FOLDS[0].mean[1, 1]
    assert table.loc["KD002", "predicted"] == FOLDS[1].mean[1, 0]
    half = np.interp(0.95, WIDTH_LEVELS, WIDTHS) * 0.5
    np.testing.assert_allclose(table.loc["KD004", "high95"], FOLDS[0].mean[1, 1] + half, rtol=1e-6)
    np.testing.assert_allclose(table.loc["KD004", "low95"], FOLDS[0].mean[1, 1] - half, rtol=1e-6)
    assert (table["state"] == HELD_OUT).all()
    # What no fold predicts is missing, not zero.
    assert table.loc[["KD003", "KD005"], "predicted"].isna().all()


def test_effects_relative_to_the_mean_are_smaller_by_it():
    table, relative = (effects_on("OUT002", SCREEN, FOLDS, relative=at) for at in (False, True))
    values = ["measured", "predicted", "low95", "high95"]
    mean = SCREEN.response[:, 2].mean()
    np.testing.assert_allclose(relative[values], table[values] - mean, rtol=1e-5, atol=1e-6)
    assert list(relative["state"]) == list(table["state"])


def test_unseen_genes_follow_without_a_measurement():
    table = effects_on("OUT002", SCREEN, FOLDS, prediction(["NEW1", "NEW2"], ["OUT002"], 5))
    more = table.iloc[6:]
    assert list(more["perturbation"]) == ["NEW1", "NEW2"]
    assert (more["state"] == NOT_MEASURED).all()
    assert more["measured"].isna().all()
    assert more["predicted"].notna().all()


def test_a_gene_that_no_model_predicts_has_measurements_only():
    table = effects_on("OUT001", SCREEN, FOLDS[:2])
    assert table["measured"].notna().all()
    assert table["predicted"].isna().all()
    assert np.isnan(correlation(table, "predicted", "measured"))


def test_models_without_deviation_have_no_interval():
    table = effects_on("OUT000", SCREEN, [prediction(["KD001"], ["OUT000"], 0, std=False)])
    assert table["low95"].isna().all()
    assert table["predicted"].notna().sum() == 1


def test_strongest_ranks_by_absolute_effect_and_leaves_out_what_is_missing():
    table = effects_on("OUT002", SCREEN, FOLDS)
    by_hand = sorted(SCREEN.perturbations, key=lambda p: -abs(SCREEN.response[int(p[2:]), 2]))
    assert list(strongest(table, "measured", 3)["perturbation"]) == by_hand[:3]
    assert set(strongest(table, "predicted", 10)["perturbation"]) == {
        "KD000", "KD001", "KD002", "KD004",
    }  # fmt: skip


def test_a_gene_that_is_not_measured_is_refused_in_words():
    with pytest.raises(InputError, match="4 measured genes"):
        effects_on("OUT009", SCREEN, FOLDS)


def test_measured_genes_are_found_by_any_name():
    screen = small.screen(genes=2)
    table = small.gene_table({"NEWNAME": "OUT001|OLDNAME", "OTHER": "ELSE"})
    assert find_measured(screen, " OUT000 ", table) == "OUT000"
    assert find_measured(screen, "out001", table) == "OUT001"
    assert find_measured(screen, "OLDNAME", table) == "OUT001"
    with pytest.raises(InputError, match="OTHER is not among the measured genes"):
        find_measured(screen, "ELSE", table)
    with pytest.raises(InputError, match="NOBODY is not a known gene"):
        find_measured(screen, "NOBODY", table)
