"""How many cells a knockdown needs: what a model would be worth with fewer or more of each.

The noise of a measurement has a part that falls with its number of cells n and one that does not:
it is 1 - s + s m / n times that of a knockdown with the usual number m, with the share s that the
fit finds. A Gaussian process gives the variance that such noise would leave; responses do
not matter.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.experiment import FittedModel

NUMBERS = (10, 25, 50, 100, 200, 400, 800)
"""Cells per knockdown that are looked at."""

Z95 = 1.959963984540054


def by_cells(
    fitted: FittedModel, cells: np.ndarray | None, numbers: Sequence[int] = NUMBERS
) -> pd.DataFrame:
    """Return what to expect of as many knockdowns with other numbers of cells.

    A prediction is that of a knockdown from all others. With signal variance S over the genes and
    V of it left, predictions should explain S - V: their correlation with the responses, relative
    to the mean response and over all knockdowns and genes, is √((S - V) / S). A measurement has
    noise besides. Models promise too much, and as much too much for any number of cells: S - V is
    multiplied by what left-out predictions explain of the responses at hand over what they should.

    Args:
        fitted: A Gaussian process.
        cells: Of the perturbations it was trained on; None where unknown.
        numbers: Cells of every knockdown.

    Returns:
        Columns cells; noise, of a measurement, relative to one with the usual number; r, expected
        of predictions and responses, and r_measured, of predictions and measurements; width, of
        the 95 % interval of a response, mean over the genes, in the unit of the responses.

    Raises:
        InputError: The numbers of cells are unknown, noise does not fall with them, or the model
            finds no signal or is no Gaussian process.
    """
    if not hasattr(fitted.model, "left_by_noise"):
        raise InputError(f"Expected a Gaussian process, found {fitted.spec.label}.")
    if cells is None:
        raise InputError(
            "Expected a screen with the number of cells of each knockdown, found one without:"
            " its noise with more cells cannot be estimated."
        )
    model = fitted.model
    share = model.sampling_share_
    if not share:
        raise InputError(
            "Expected knockdowns with different numbers of cells, found the same for all: their"
            " noise with more cells cannot be estimated."
        )
    wanted = np.asarray(numbers, dtype=float)
    if not len(wanted) or not (wanted >= 1).all():
        raise InputError("Expected numbers of cells of 1 or more.")
    noise = 1 - share + share * np.median(cells) / wanted
    prior, left = model.left_by_noise([1.0, *noise])
    if not (signal := prior.sum()):
        raise InputError(
            "The model finds no signal in the responses: the effect of more cells is unknown."
        )
    explained = _kept(fitted) * (signal - left[1:].sum(axis=1)) / (signal - left[0].sum())
    left = left[1:]
    measured = signal + noise * model.noise_variance_.sum()
    of_genes = left @ np.square(model.axes).T
    return pd.DataFrame(
        {
            "cells": np.asarray(numbers), "noise": noise, "r": np.sqrt(explained / signal),
            "r_measured": np.sqrt(explained / measured),
            "width": 2 * Z95 * model.inflation_ * np.sqrt(of_genes).mean(axis=1),
        }
    )  # fmt: skip


def _kept(fitted: FittedModel) -> float:
    """Return the variance that predictions explain of the responses, each made from all others."""
    model = fitted.model
    predicted, _ = model.components_of()
    errors, _ = model.leave_one_out()
    # Predictions have no part outside the components.
    along = (predicted * (predicted + errors @ model.axes)).sum()
    return float(max(0.0, along) ** 2 / (np.square(predicted).sum() or 1.0) / len(predicted))
