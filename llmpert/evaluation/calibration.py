"""How predictions of held-out knockdowns turned out: a row a knockdown, kept with its fit."""

import numpy as np
import pandas as pd

from llmpert.evaluation.experiment import Experiment, FittedModel
from llmpert.evaluation.metrics import TOP, covered, crps, pearson, pit
from llmpert.evaluation.prediction import Prediction
from llmpert.io.hashing import fingerprint
from llmpert.models.distribution import at_level, thinned
from llmpert.screens.screen import Screen

VERSION = 2
"""Raised whenever `outcomes` changes."""

LEVEL = 0.8
"""Of the intervals whose coverage is told by group of measurements."""

BINS, QUARTERS, TENTHS = 40, 4, 10

NUMBERS = (
    "sd", "distance", "departure", "effect", "accuracy", "crps", "crps without embedding",
    "error", "error of mean", "error of no change", "inside plainly", "beyond training",
)  # fmt: skip
SD_QUARTERS = tuple(f"sd quarter {n + 1}" for n in range(QUARTERS))
STRONGEST, ZERO, OTHER = "strongest", "zero", "other"
GROUPS = (*SD_QUARTERS, STRONGEST, ZERO, OTHER)
"""Groups of a knockdown's measurements: by predicted sd among all of the fold, the `TOP` with the
largest predicted |Δ|, those that are zero, and those that are not."""
HISTOGRAM = tuple(f"pit {n + 1}" for n in range(BINS))
BY_SD = tuple(f"error of {n + 1} tenths" for n in range(TENTHS))
COLUMNS = (
    *NUMBERS, *(f"{what} {group}" for group in GROUPS for what in ("share", "inside")),
    *HISTOGRAM, *BY_SD,
)  # fmt: skip


def kept(experiment: Experiment, model: str, size: int, fold: int) -> pd.DataFrame:
    """Return `outcomes` of the knockdowns that a fold tests; keep them with the fit's results."""

    def make() -> pd.DataFrame:
        fitted = experiment.fit_fold(model, size, fold)
        predicted = experiment.fold_prediction(model, size, fold, fitted)
        return outcomes(fitted, predicted, experiment.problem.screen)

    return experiment.store.scores_or(key_of(experiment, model, size, fold), make)


def is_kept(experiment: Experiment, model: str, size: int, fold: int) -> bool:
    """Whether the outcomes of a fold are there."""
    return experiment.store.has_scores(key_of(experiment, model, size, fold))


def key_of(experiment: Experiment, model: str, size: int, fold: int) -> str:
    """Return the name under which the outcomes of a fold are kept."""
    part = experiment.split(size, fold)
    return fingerprint((VERSION, "outcomes"), experiment.key(model, part))


def outcomes(fitted: FittedModel, predicted: Prediction, screen: Screen) -> pd.DataFrame:
    """Compare predictions that have a distribution with what was measured, a row a knockdown.

    Returns:
        Column perturbation, then `COLUMNS`. Means over genes: the predicted standard deviation; of
        the predicted distribution and of that of training responses, without embedding, the CRPS;
        absolute errors of median, of mean, and of "no change". The distance to the nearest training
        gene (1 - similarity, as the model sees it); lengths of departure and of the measured
        response; accuracy (Pearson); which share of genes the interval of `LEVEL` holds where ties
        count whole, and of which it ends beyond all that was trained on. Of each of `GROUPS`: its
        share of genes, and which share of these the interval holds (`covered`); missing if empty.
        The PIT histogram, shares of genes. The error of the median over one to ten
        tenths of the genes, those with the smallest predicted standard deviation.

    Raises:
        ValueError: The model gives no distribution.
    """
    if predicted.std is None or predicted.departure is None:
        raise ValueError("expected predictions with a distribution")
    genes = list(predicted.genes)
    measured = screen.select(list(predicted.perturbations), genes).response
    trained = screen.select(list(fitted.trained_on), genes).response.T
    unconditional = thinned(np.sort(trained, axis=1))
    nearest = fitted.model.similarity(fitted.inputs(list(predicted.perturbations))).max(axis=1)
    order = np.argsort(predicted.std, axis=None, kind="stable")
    quarter = np.empty(order.size, int)
    quarter[order] = np.arange(order.size) * QUARTERS // order.size
    ends = trained.min(), trained.max()
    rows = [
        _row(predicted, row, measured[row], quarters, ends, crps(unconditional, measured[row]))
        for row, quarters in enumerate(quarter.reshape(measured.shape))
    ]
    table = pd.DataFrame(rows, columns=[*COLUMNS], dtype=np.float64)
    accuracy = pearson(predicted.mean, measured)
    for name, values in (
        ("distance", 1 - nearest), ("departure", predicted.departure), ("accuracy", accuracy),
    ):  # fmt: skip
        table[name] = np.asarray(values, np.float64)
    table.insert(0, "perturbation", predicted.perturbations)
    return table


def _row(
    predicted: Prediction,
    row: int,
    measured: np.ndarray,
    quarter: np.ndarray,
    ends: tuple[float, float],
    unconditional: np.ndarray,
) -> dict[str, float]:
    """Return `COLUMNS` of one knockdown, but those that need all of them."""
    mean, std = predicted.mean[row], predicted.std[row]  # type: ignore[index]
    likely = predicted.responses(row)
    low, median, high = (
        at_level(likely, level) for level in ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2)
    )
    below, up_to = pit(likely, measured)
    inside, error = covered(below, up_to, LEVEL), np.abs(median - measured)
    strongest = np.argsort(-np.abs(mean), kind="stable")[:TOP]
    members = [
        *(quarter == n for n in range(QUARTERS)),
        np.isin(np.arange(len(mean)), strongest), measured == 0, measured != 0,
    ]  # fmt: skip
    found = {
        "sd": std.mean(dtype=np.float64),
        "effect": np.linalg.norm(measured),
        "crps": crps(likely, measured).mean(),
        "crps without embedding": unconditional.mean(),
        "error": error.mean(),
        "error of mean": np.abs(mean - measured).mean(dtype=np.float64),
        "error of no change": np.abs(measured).mean(dtype=np.float64),
        "inside plainly": ((low <= measured) & (measured <= high)).mean(),
        "beyond training": ((low < ends[0]) | (high > ends[1])).mean(),
    }
    for group, chosen in zip(GROUPS, members, strict=True):
        found[f"share {group}"] = chosen.mean()
        found[f"inside {group}"] = inside[chosen].mean() if chosen.any() else np.nan
    edges = np.arange(BINS + 1)[:, None] / BINS
    overlap = np.minimum(up_to, edges[1:]) - np.maximum(below, edges[:-1])
    shares = (np.clip(overlap, 0, None) / (up_to - below)).mean(axis=1)
    found |= dict(zip(HISTOGRAM, shares, strict=True))
    running = np.cumsum(error[np.argsort(std, kind="stable")])
    kept = -(-np.arange(1, TENTHS + 1) * len(error) // TENTHS)
    return found | dict(zip(BY_SD, running[kept - 1] / kept, strict=True))
