"""The other direction: which knockdowns change a gene, measured and predicted."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.prediction import Prediction
from llmpert.genes import GeneTable
from llmpert.models.distribution import INTERVAL
from llmpert.screens.screen import Screen

HELD_OUT, LEFT_OUT, NOT_MEASURED = "held out", "left out", "not measured"
"""What is known of a knockdown: measured but not trained on; measured, but predicted by a trained
model, from the others, without the measurement at hand; or never measured."""


def effects_on(
    gene: str,
    screen: Screen,
    held_out: Sequence[Prediction],
    unseen: Prediction | None = None,
    measured: bool = True,
    relative: bool = False,
) -> pd.DataFrame:
    """List every knockdown's effect on one measured gene.

    Args:
        held_out: Predictions of the screen's perturbations, each by a model that was not trained on
            it; a model may predict some of the genes only.
        unseen: Predictions of genes that were not knocked down.
        measured: Whether the screen has measurements, and not what a trained model has of them.
        relative: Whether effects are differences to the mean effect of all knockdowns of the
            screen, and not to control.

    Returns:
        Columns perturbation, state (`HELD_OUT`, `LEFT_OUT` or `NOT_MEASURED`), measured, predicted,
        low95, high95, in the screen's unit or missing; a row a perturbation, then one a gene of
        `unseen`.

    Raises:
        InputError: The screen does not measure the gene.
    """
    column = np.flatnonzero(screen.genes == gene)
    if not len(column):
        raise InputError(f"{gene} is not among the {len(screen.genes):,} measured genes.")
    effects = screen.response[:, column[0]]
    known = effects if measured else np.nan
    responses = pd.Series(known, index=screen.perturbations)
    others = [] if unseen is None else [unseen]
    parts = [_of_gene(prediction, gene) for prediction in (*held_out, *others)]
    names = responses.index.append([part.index for part in parts[len(held_out) :]])
    table = pd.concat(parts).reindex(names)
    table.insert(0, "measured", responses.reindex(names))
    if relative:
        table -= effects.mean()
    state = HELD_OUT if measured else LEFT_OUT
    table.insert(0, "state", np.where(names.isin(responses.index), state, NOT_MEASURED))
    return table.rename_axis("perturbation").reset_index()


def _of_gene(prediction: Prediction, gene: str) -> pd.DataFrame:
    """Return one gene's predictions by perturbation; no rows where it is not predicted."""
    column = np.flatnonzero(prediction.genes == gene)
    mean = prediction.bounded[:, column]
    unknown = np.full_like(mean, np.nan)
    low, high = prediction.of_genes(column).interval(INTERVAL) or (unknown, unknown)
    table = {"predicted": mean, "low95": low, "high95": high}
    rows = prediction.perturbations[: mean.size]
    return pd.DataFrame({name: values.ravel() for name, values in table.items()}, index=rows)


def find_measured(screen: Screen, typed: str, table: GeneTable | None = None) -> str:
    """Find a measured gene by any of its names; raise `InputError` where none is meant."""
    text = typed.strip()
    if (screen.genes == text).any():
        return text
    same = [g for g in screen.genes if g.upper() == text.upper()]
    if len(same) == 1:
        return same[0]
    table = table or GeneTable.shipped()
    resolution = table.resolve(text)
    if resolution.gene is None:
        raise InputError(f"{resolution.explain()}.")
    symbol = resolution.gene.symbol
    spelt = table.spelt_as([symbol], map(str, screen.genes))
    if symbol not in spelt:
        raise InputError(f"{symbol} is not among the measured genes.")
    return spelt[symbol]
