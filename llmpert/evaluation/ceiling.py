"""How noise limits scores: what a repeat of the screen would score, and the truth itself.

Scores do not say how good a prediction can be: a measured response is the truth and noise. From how
noisy its mean over cells is, a screen is drawn that is as far from the truth as this one, once more
as its repeat; both are scored like predictions. For a correlation the repeat's score is what halves
of the cells tell by Spearman and Brown's formula, and the truth's its square root.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from llmpert.evaluation.comparison import STRONGEST, Measured
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.metrics import pearson, top_genes
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.scores import Metric, evaluate
from llmpert.models.distribution import Distribution
from llmpert.screens import FDR
from llmpert.screens.agreement import expected_agreement
from llmpert.screens.screen import Screen

REPEAT, NOISELESS = "repeat", "noiseless"
"""What a second measurement scores, and what a model would that knew the truth."""


def standard_errors(screen: Screen) -> tuple[np.ndarray | None, str]:
    """Return the standard error of each response, and what tells it in words.

    Of the variance of a perturbation's cells where it is known, else approximately of control cells
    and the number of cells: noise falls with its square root.

    Returns:
        Perturbations x genes, or None and why it is unknown.
    """
    if screen.raised_only:
        return None, "ranks do not show their noise"
    if screen.cells is None:
        return None, "the numbers of cells are unknown"
    cells = np.asarray(screen.cells, np.float64)[:, None]
    if "variance" in screen.layers:
        return np.sqrt(screen.layers["variance"] / cells), "the variance of each knockdown's cells"
    if screen.control_sd is not None:
        spread = np.where(np.isfinite(screen.control_sd), screen.control_sd, 0)
        return spread / np.sqrt(cells), "the spread of control cells and the numbers of cells"
    return None, "the spread of cells is unknown"


def scale_of_correlation(screen: Screen) -> tuple[float, float | None]:
    """Return what the mean of all other responses scores by Pearson, and what the truth would.

    The truth's is the mean over perturbations of the square root of how well a repeat is expected
    to agree (`llmpert.screens.agreement`); None where that is unknown.
    """
    response = screen.response.astype(np.float64)
    others = (response.sum(axis=0) - response) / max(len(response) - 1, 1)
    no_skill = float(np.nan_to_num(pearson(others, response)).mean())
    agreement, known = expected_agreement(screen)
    if screen.raised_only or not known:
        return no_skill, None
    return no_skill, float(np.nanmean(np.sqrt(agreement)))


def ceilings(
    measured: Measured, error: np.ndarray, metrics: Mapping[str, Metric], seed: int = 0
) -> dict[str, dict[str, np.ndarray]]:
    """Return what a repeat and the truth would score: `REPEAT` and `NOISELESS` -> `evaluate`.

    Args:
        error: Standard error of each response, P x G.
        seed: Of the noise that is drawn.
    """
    rng = np.random.default_rng(seed)
    truth = _shrunk(measured, error)
    drawn, again = (truth + error * rng.standard_normal(truth.shape) for _ in range(2))
    scored = replace(
        measured,
        response=drawn,
        strongest=_strongest(measured, drawn, error),
        called=None if measured.called is None else _called(drawn, error),
    )
    found = {REPEAT: (again, np.sqrt(2) * error), NOISELESS: (truth, error)}
    return {
        name: evaluate(mean, scored, metrics, _normal(mean, spread))
        for name, (mean, spread) in found.items()
    }


def _shrunk(measured: Measured, error: np.ndarray) -> np.ndarray:
    """Return responses that with noise vary as the measured ones do around the mean response."""
    mean = 0.0 if measured.reference is None else measured.reference
    away, noise = measured.response - mean, np.square(error, dtype=np.float64)
    signal = (np.square(away, dtype=np.float64) - noise).mean(axis=1, keepdims=True)
    signal = np.broadcast_to(np.maximum(signal, 0), noise.shape)
    total = signal + noise
    share = np.divide(signal, total, out=np.zeros(total.shape), where=total > 0)
    return mean + np.sqrt(share) * away


def _strongest(measured: Measured, drawn: np.ndarray, error: np.ndarray) -> np.ndarray:
    count = max(STRONGEST, measured.strongest.shape[1])
    if measured.called is None:
        return top_genes(drawn, count, measured.spread)
    return top_genes(drawn, count, t=_t(drawn, error))


def _t(drawn: np.ndarray, error: np.ndarray) -> np.ndarray:
    return np.divide(drawn, error, out=np.zeros_like(drawn), where=error > 0)


def _called(drawn: np.ndarray, error: np.ndarray) -> np.ndarray:
    from scipy.stats import false_discovery_control, norm

    return false_discovery_control(2 * norm.sf(np.abs(_t(drawn, error))), axis=1) <= FDR


def _normal(mean: np.ndarray, spread: np.ndarray) -> Prediction:
    rows, genes = (np.arange(size) for size in mean.shape)
    return Prediction(rows, genes, mean, spread, np.zeros(len(rows)), Distribution.normal())


def of_experiment(
    experiment: Experiment, metrics: Mapping[str, Metric]
) -> tuple[pd.DataFrame | None, str]:
    """Return what a repeat and the truth score over all folds, and what tells the noise in words.

    Returns:
        A row a metric, columns `REPEAT` and `NOISELESS`, means over perturbations; None and the
        reason where noise is unknown.
    """
    screen = experiment.problem.screen
    error, words = standard_errors(screen)
    if error is None:
        return None, words
    parts = []
    for fold in range(experiment.settings.folds):
        at = np.ix_(experiment.tested(fold), experiment.scored_genes(fold))
        found = ceilings(experiment.measured(fold), error[at], metrics, seed=fold)
        parts += [pd.DataFrame(values).assign(kind=kind) for kind, values in found.items()]
    return pd.concat(parts).groupby("kind").mean().T[[REPEAT, NOISELESS]], words
