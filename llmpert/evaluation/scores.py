"""All scores: one registry for results, tables, figures, tooltips, commands and docs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import Literal, TypeVar

import numpy as np

from llmpert.errors import InputError
from llmpert.evaluation import differential
from llmpert.evaluation.comparison import STRONGEST, Comparison, Measured
from llmpert.evaluation.discrimination import Distance
from llmpert.evaluation.metrics import TOP, crps, interval_score, mae, pearson, standardised
from llmpert.evaluation.prediction import Prediction
from llmpert.models.distribution import INTERVAL

T = TypeVar("T")

Compute = Callable[[Comparison], np.ndarray]
"""Of predictions and measurements, one value a perturbation or NaN."""

Need = Literal["fold", "mean", "cells", "calls", "lowered", "distribution"]

PAPER, TOLD_APART, BEYOND_MEAN, WEIGHTED, DE, SPREAD = GROUPS = (
    "As in the paper", "Told apart from others", "Beyond the mean response",
    "Weighted by what is specific", "Genes that respond", "Distribution",
)  # fmt: skip

LACKS: dict[Need, str] = {
    "fold": "it compares a perturbation with others, and there is only one",
    "mean": "the mean training response is unknown",
    "cells": "it needs single cells, which the screen does not have",
    "calls": "it needs to know which genes respond, from single cells or tests",
    "lowered": "the data have no lowered genes",
    "distribution": "the model gives no distribution",
}
"""Why a score is missing."""


@dataclass(frozen=True)
class Metric:
    """One way to compare predicted with measured responses.

    Attributes:
        name: In results, such as "pearson_top20".
        best: Whether larger ("max") or smaller ("min") is better.
        definition, edge_cases: In words, for tooltips and docs.
        group: One of `GROUPS`.
        reference: What responses are relative to.
        genes: Which genes it looks at.
        chance: What a prediction scores on average that tells no perturbation from another; None
            where that is whatever the training mean scores.
        perfect: What the measurement itself scores.
        needs: What has to be known for it: `LACKS`.
        top: Over how many top DE genes of each perturbation; None means others.
        unit: Whether it has the unit of the data.
        scale_free: Whether predictions in another unit score the same.
    """

    name: str
    label: str
    best: Literal["max", "min"]
    definition: str
    edge_cases: str
    compute: Compute
    group: str
    reference: str = "control"
    genes: str = "all"
    chance: float | None = None
    perfect: float = 1.0
    needs: frozenset[Need] = frozenset()
    top: int | None = None
    unit: bool = False
    scale_free: bool = False

    @property
    def axis(self) -> str:
        """Its label for an axis, with the unit that an error has."""
        return self.label + ", in the data's units" * self.unit

    @property
    def better(self) -> str:
        """Which values are better, in words."""
        return "larger" if self.best == "max" else "smaller"

    @property
    def may_lack(self) -> str:
        """Return why the score may be missing, in words."""
        return " or ".join(LACKS[need] for need in LACKS if need in self.needs)

    def lacking(self, comparison: Comparison) -> str | None:
        """Return why the score has no meaning here, or None."""
        measured = comparison.measured
        there: dict[Need, bool] = {
            "fold": len(measured.response) > 1,
            "mean": measured.reference is not None,
            "cells": measured.weights is not None,
            "calls": measured.called is not None,
            "lowered": not measured.raised_only,
            "distribution": comparison.likely is not None,
        }
        return next((LACKS[need] for need in LACKS if need in self.needs and not there[need]), None)


def evaluate(
    predicted: np.ndarray,
    measured: Measured,
    metrics: Mapping[str, Metric],
    likely: Prediction | None = None,
) -> dict[str, np.ndarray]:
    """Return the scores that have a meaning: name -> a value a perturbation, NaN if undefined.

    Args:
        predicted: Means, perturbations x genes.
        metrics: Of `registry` or `paper`.
        likely: The same predictions with a distribution, if the model gives one.
    """
    found = Comparison(predicted, measured, likely)
    return {
        name: metric.compute(found)
        for name, metric in metrics.items()
        if metric.lacking(found) is None
    }


def registry(top: int = TOP) -> dict[str, Metric]:
    """Return all scores by name, in the order of tables, over so many top DE genes."""
    return dict(_registry(top))


def paper(top: int = TOP) -> dict[str, Metric]:
    """Return the paper's four scores by name: what is shown at first."""
    return {name: metric for name, metric in _registry(top).items() if metric.group == PAPER}


def choose(names: Sequence[str], top: int = TOP) -> list[Metric]:
    """Return the scores of these names; of "all" every one, of none the paper's.

    Raises:
        InputError: There is no such score.
    """
    known = _registry(top)
    if unknown := [name for name in names if name not in known and name != "all"]:
        raise InputError(f"Expected scores among all, {', '.join(known)}, found {unknown[0]}.")
    every = list(known.values())
    if not names:
        return list(paper(top).values())
    return every if "all" in names else [metric for metric in every if metric.name in names]


@cache
def _registry(top: int) -> MappingProxyType[str, Metric]:
    if top < 2:
        raise InputError(f"Expected at least 2 top DE genes (a correlation needs 2), found {top}.")
    parts = (_of_paper(top), _told_apart(), _beyond_mean(), _weighted(), _of_called(top), _spread())
    return MappingProxyType({metric.name: metric for part in parts for metric in part})


UNDEFINED = (
    "Not defined, and left out of means with a count, where the prediction or the measurement is"
    " the same for all genes concerned."
)
ALWAYS = "Always defined."


def _of_paper(top: int) -> Iterator[Metric]:
    over_top = (
        f"over the {top} genes of each perturbation with the largest measured |Δ| (divided by its"
        " standard error where the screen has single cells, or by the gene's spread in control"
        " where it has that)"
    )
    genes = (
        (f"top{top}", f"top {top} DE genes", over_top, top),
        ("all", "all genes", "over all selected genes", None),
    )

    def over(count: int | None, score: Callable[..., np.ndarray], of: Comparison) -> np.ndarray:
        return score(*of.at_top(count))

    for which, of, where, count in genes:
        what = f"Pearson correlation of predicted and measured Δ {where}."
        yield Metric(
            f"pearson_{which}", f"Pearson, {of}", "max", what, UNDEFINED,
            partial(over, count, pearson), PAPER, genes=of, top=count, scale_free=True,
        )  # fmt: skip
    for which, of, where, count in genes:
        what = f"Mean absolute difference of predicted and measured Δ {where}."
        yield Metric(
            f"mae_{which}", f"MAE, {of}", "min", what, ALWAYS,
            partial(over, count, mae), PAPER, genes=of, top=count, perfect=0.0, unit=True,
        )  # fmt: skip


def _told_apart() -> Iterator[Metric]:
    kinds: tuple[tuple[Distance, str, str], ...] = (
        ("l1", "L1", "the sum of absolute differences"),
        ("l2", "L2", "Euclidean distance"),
        ("cosine", "cosine", "the angle between responses"),
    )
    tied = (
        "Only test perturbations of one fold are compared; as far counts half. The perturbation's"
        " own gene is left out of all distances."
    )

    def forth(kind: Distance, of: Comparison) -> np.ndarray:
        return of.distances(kind).of_predictions(of.measured.own)

    def back(kind: Distance, of: Comparison) -> np.ndarray:
        return of.distances(kind).of_measurements(of.measured.own)

    own = "all but its own"
    fold: frozenset[Need] = frozenset({"fold"})
    for kind, label, distance in kinds:
        yield Metric(
            f"discrimination_{kind}", f"Discrimination, {label}", "max",
            "Share of other perturbations whose measured response is further from the prediction"
            f" than the perturbation's own is, by {distance}.",
            f"{tied} A prediction that is the same for all scores nearly 0.5.",
            partial(forth, kind), TOLD_APART, "none", own, needs=fold,
            scale_free=kind == "cosine",
        )  # fmt: skip
        yield Metric(
            f"discrimination_{kind}_back", f"Discrimination, {label}, of predictions", "max",
            "Share of other perturbations whose prediction is further from the measured response"
            f" than the perturbation's own is, by {distance}.",
            f"{tied} Predictions that are the same for all score 0.5.",
            partial(back, kind), TOLD_APART, "none", own, 0.5, needs=fold,
            scale_free=kind == "cosine",
        )  # fmt: skip
    yield Metric(
        "centroid_accuracy", "Centroid accuracy", "max",
        "Share of other perturbations whose measured response is further from the prediction than"
        " the perturbation's own is, by Euclidean distance, over all genes.",
        "As discrimination, with the perturbation's own gene: predictions that are the same for all"
        " score 0.5 on average.",
        lambda of: of.distances("l2").of_predictions(), TOLD_APART, "none", chance=0.5, needs=fold,
    )  # fmt: skip


def _beyond_mean() -> Iterator[Metric]:
    def relative(of: Comparison) -> np.ndarray:
        predicted, measured = _from_mean(of)
        rounding = 1e-6 * np.abs(_known(of.measured.reference)).max()
        predicted = np.where(np.abs(predicted).max(axis=1, keepdims=True) > rounding, predicted, 0)
        found, defined = pearson(predicted, measured), ~np.isnan(standardised(measured)[:, 0])
        # Who predicts the mean itself has no skill: left out, it would flatter all others.
        return np.where(np.isnan(found) & defined, 0, found)

    def r2(of: Comparison) -> np.ndarray:
        predicted, measured = (np.square(part).sum(axis=1) for part in (
            of.predicted - np.asarray(of.measured.response, np.float64), _from_mean(of)[1]
        ))  # fmt: skip
        undefined = np.full(len(predicted), np.nan)
        return 1 - np.divide(predicted, measured, out=undefined, where=measured > 0)

    known: frozenset[Need] = frozenset({"mean"})
    yield Metric(
        "pearson_relative", "Pearson relative to the mean", "max",
        "Pearson correlation of predicted and measured response, each minus the mean response of"
        " the fold's training perturbations, over all selected genes.",
        "A prediction of the mean itself scores 0.",
        relative, BEYOND_MEAN, "training mean", chance=0.0, needs=known,
    )  # fmt: skip
    yield Metric(
        "r2_relative", "R² over the mean", "max",
        "1 minus the squared error over that of the mean response of the fold's training"
        " perturbations, over all selected genes.",
        "Below 0 where the mean is closer; there is no lower limit.",
        r2, BEYOND_MEAN, "training mean", chance=0.0, needs=known,
    )  # fmt: skip


def _weighted() -> Iterator[Metric]:
    def error(of: Comparison) -> np.ndarray:
        squares = np.square(of.predicted - np.asarray(of.measured.response, np.float64))
        return (_known(of.measured.weights) * squares).sum(axis=1)

    about = (
        "weighted by the square of each gene's |t| of the perturbation's cells against those of all"
        " other perturbations, brought to 0..1"
    )
    single = "A gene that alone is specific can take most of the weight."
    yield Metric(
        "weighted_mse", "Weighted MSE", "min",
        f"Mean squared difference of predicted and measured Δ, {about}.", single,
        error, WEIGHTED, "none", perfect=0.0, needs=frozenset({"cells"}), unit=True,
    )  # fmt: skip
    yield Metric(
        "weighted_r2", "Weighted R²", "max",
        "1 minus the squared error over the variance across genes, both of responses minus the mean"
        f" training response and {about}.",
        f"{single} There is no lower limit: compare medians.",
        lambda of: differential.weighted_r2(*_from_mean(of), _known(of.measured.weights)),
        WEIGHTED, "training mean", needs=frozenset({"cells", "mean"}),
    )  # fmt: skip


def _of_called(top: int) -> Iterator[Metric]:
    what = (
        "genes that respond (false discovery rate at most 0.05, or any rank in a screen that ranks"
        " raised genes)"
    )
    order = (
        " Predictions are sorted by |Δ|, divided by the gene's spread in control if known; by Δ"
        " in a screen that ranks raised genes."
    )
    ties = "Of genes that are predicted alike, those that there is room for are drawn at random."
    calls: frozenset[Need] = frozenset({"calls"})
    none = "Not defined where no gene responds."

    def overlap(count: int, of: Comparison) -> np.ndarray:
        return differential.hits(of.strength, of.among_strongest(count), count)

    def precision(count: int, of: Comparison) -> np.ndarray:
        return differential.hits(of.strength, _known(of.measured.called), count)

    for count in dict.fromkeys((top, STRONGEST)):
        yield Metric(
            f"overlap_top{count}", f"Overlap of the top {count}", "max",
            f"Share of the top {count} DE genes that are among the {count} strongest predicted."
            f"{order}",
            ties, partial(overlap, count), DE, scale_free=True,
        )  # fmt: skip
    for count in dict.fromkeys((top, STRONGEST)):
        yield Metric(
            f"precision_top{count}", f"Precision of the top {count}", "max",
            f"Share of the {count} strongest predicted genes that are {what}.{order}",
            f"{ties} 1 cannot be reached where fewer genes respond.",
            partial(precision, count), DE, needs=calls, scale_free=True,
        )  # fmt: skip
    yield Metric(
        "auprc_de", "Precision–recall area, DE genes", "max",
        f"Area under the precision–recall curve of the {what}, by the strength of prediction."
        f"{order}",
        f"{none} Genes that are predicted alike are found together.",
        lambda of: differential.average_precision(of.strength, _known(of.measured.called)),
        DE, needs=calls, scale_free=True,
    )  # fmt: skip
    yield Metric(
        "direction_de", "Direction, DE genes", "max",
        f"Share of the {what} that move the way they are predicted to.",
        f"{none} A gene predicted not to move counts half.",
        lambda of: differential.direction(*of.at_top(None), _known(of.measured.called)),
        DE, genes="DE", needs=calls | {"lowered"}, scale_free=True,
    )  # fmt: skip
    yield Metric(
        "spearman_de", "Spearman, DE genes", "max",
        f"Rank correlation of predicted and measured Δ over the {what}.",
        "Not defined where fewer than two genes respond, or all are predicted or measured alike.",
        lambda of: differential.spearman(*of.at_top(None), _known(of.measured.called)),
        DE, genes="DE", needs=calls, scale_free=True,
    )  # fmt: skip


def _spread() -> Iterator[Metric]:
    def of_responses(of: Comparison) -> np.ndarray:
        found, response = _known(of.likely), of.measured.response
        rows = range(len(response))
        return np.array([crps(found.responses(row), response[row]).mean() for row in rows])

    def of_intervals(of: Comparison) -> np.ndarray:
        low, high = _known(_known(of.likely).interval(INTERVAL))
        return interval_score(low, high, of.measured.response, INTERVAL).mean(axis=1)

    needs: frozenset[Need] = frozenset({"distribution"})
    yield Metric(
        "crps", "CRPS", "min",
        "Continuous ranked probability score: mean absolute difference of a response drawn from the"
        " predicted distribution and the measured one, minus half of that of two drawn; mean over"
        " all selected genes.",
        "For models that give a distribution. That of one certain response is its MAE.",
        of_responses, SPREAD, perfect=0.0, needs=needs, unit=True,
    )  # fmt: skip
    yield Metric(
        "interval_score", "Interval score", "min",
        f"Width of the {INTERVAL:.0%} interval plus {2 / (1 - INTERVAL):.0f} times what it misses"
        " the measured response by; mean over all selected genes.",
        "For models that give a distribution.",
        of_intervals, SPREAD, perfect=0.0, needs=needs, unit=True,
    )  # fmt: skip


def _from_mean(of: Comparison) -> tuple[np.ndarray, np.ndarray]:
    mean = _known(of.measured.reference)
    return of.predicted - mean, of.measured.response - mean


def _known(value: T | None) -> T:
    """Return what `Metric.lacking` has found to be there."""
    assert value is not None
    return value
