"""Whether prediction intervals hold what they say, for all genes together and gene by gene."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.metrics import covered, pit
from llmpert.evaluation.prediction import Prediction

LEVELS = tuple(np.arange(5, 100, 5) / 100)
"""Probabilities at which intervals are checked."""


def held_out(experiment: Experiment, model: str) -> Iterator[tuple[Prediction, np.ndarray]]:
    """The prediction of every fold at the largest training size, and what was measured.

    Perturbations x genes, both. Fits that are not kept are made now.
    """
    screen, size = experiment.problem.screen, experiment.largest_training_size
    for fold in range(experiment.settings.folds):
        part = experiment.split(size, fold)
        columns = experiment.variable_genes(part.train_pool)
        measured = screen.response[np.ix_(part.test, columns)]
        yield experiment.fold_prediction(model, size, fold), measured


def coverage(
    folds: Iterable[tuple[Prediction, np.ndarray]], levels: Sequence[float] = LEVELS
) -> pd.DataFrame:
    """How often each gene's measurements lie inside their intervals.

    Parameters
    ----------
    folds:
        Predictions with their measurements, as `held_out` gives them. Folds may predict different
        genes.
    levels:
        Probabilities that the intervals claim, between 0.01 and 0.99.

    Returns
    -------
    A row a gene and level, with the columns gene, level, observed (share of the gene's
    measurements inside) and perturbations (how many measurements that is). Measurements that are
    tied at an end, as zeros of ranks are, count in proportion.

    Raises
    ------
    InputError
        There is no fold, or a prediction has no intervals.
    """
    parts = [_inside(prediction, measured, levels) for prediction, measured in folds]
    if not parts:
        raise InputError("Expected at least one prediction to check intervals of, found none.")
    table = pd.concat(parts).groupby(["gene", "level"], sort=False, as_index=False).sum()
    table.insert(2, "observed", table.pop("inside") / table["perturbations"])
    return table


def _inside(prediction: Prediction, measured: np.ndarray, levels: Sequence[float]) -> pd.DataFrame:
    if prediction.distribution is None or prediction.std is None:
        raise InputError("Expected predictions of a model with intervals, found none of them.")
    rows, genes = measured.shape
    inside = np.zeros((len(levels), genes))
    for row in range(rows):
        between = pit(prediction.responses(row), measured[row])
        inside += [covered(*between, level) for level in levels]
    return pd.DataFrame(
        {
            "gene": np.tile(prediction.genes, len(levels)),
            "level": np.repeat(levels, genes),
            "inside": np.ravel(inside),
            "perturbations": rows,
        }
    )


def reliability(table: pd.DataFrame) -> pd.DataFrame:
    """From `coverage`: what the intervals of each level cover.

    Returns
    -------
    A row a level, ascending, with the columns level; observed, over all genes and perturbations;
    and low and high, the 5th and 95th percentile of `observed` over genes. Only genes with the most
    measurements enter those two: with fewer, chance alone would spread them.
    """
    most = table[table["perturbations"] == table["perturbations"].max()]
    by_gene = most.groupby("level")["observed"]
    inside = (table["observed"] * table["perturbations"]).groupby(table["level"]).sum()
    observed = inside / table.groupby("level")["perturbations"].sum()
    spread = {"low": by_gene.quantile(0.05), "high": by_gene.quantile(0.95)}
    return pd.DataFrame({"observed": observed, **spread}).reset_index()


def expected_error(table: pd.DataFrame) -> float:
    """From `coverage`: mean |observed - level| over levels, for all genes together.

    The expected calibration error of regression (Kuleshov, Fenner & Ermon 2018), unweighted.
    """
    found = reliability(table)
    return float((found["observed"] - found["level"]).abs().mean())


def width_variation(predictions: Iterable[Prediction]) -> float:
    """How much interval widths differ between genes: their standard deviation over their mean.

    Of each gene's mean width, in each prediction; the mean over predictions.

    Raises
    ------
    InputError
        A prediction has no standard deviations.
    """
    found = []
    for prediction in predictions:
        if prediction.std is None:
            raise InputError("Expected predictions of a model with intervals, found none of them.")
        widths = prediction.std.mean(axis=0, dtype=np.float64)
        found.append(widths.std() / widths.mean())
    return float(np.mean(found))
