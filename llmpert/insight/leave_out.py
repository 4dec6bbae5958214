"""What a prediction is without some training knockdowns, and from these alone, at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.experiment import FittedModel
from llmpert.evaluation.metrics import pearson
from llmpert.evaluation.prediction import Prediction
from llmpert.genes.sets import GeneSets
from llmpert.io.names import preview

NEAREST = 10
"""Knockdowns that are the nearest ones."""

FEWEST, MOST = 2, 100
"""Training knockdowns of a gene set that is looked at as a family."""

LARGE = 0.25
"""Above this share of the training knockdowns, those that are left are solved anew."""

WITH, WITHOUT, ALONE = "with", "without", "alone"
"""What a prediction is made from: all training knockdowns, all but a family, or this alone."""


@dataclass(frozen=True, eq=False)
class LeftOut:
    """A gene's prediction, and what it is without a family of training knockdowns.

    Hyper-parameters, mean, components and intervals stay those of all training knockdowns.

    Attributes:
        family: The training perturbations that are left out.
        predictions: `WITH`, `WITHOUT` and `ALONE` -> what is predicted for one perturbation.
        moved: How far the prediction moves without them, over its distance from the mean response;
            NaN where it is the mean.
    """

    family: tuple[str, ...]
    predictions: dict[str, Prediction]
    moved: float

    def relative_to(self, response: np.ndarray) -> "LeftOut":
        """Return the same as differences to a response at the predicted genes."""
        found = {made: one.relative_to(response) for made, one in self.predictions.items()}
        return replace(self, predictions=found)

    def agreement(self, measured: np.ndarray) -> dict[str, float]:
        """Return each prediction's correlation with a measurement at the predicted genes."""
        means = {made: one.mean for made, one in self.predictions.items()}
        return {made: float(pearson(mean, measured[None])[0]) for made, mean in means.items()}

    def table(self, measured: np.ndarray | None = None) -> pd.DataFrame:
        """Return columns gene, mean_with, sd_with, mean_without, …, and measured if it is known."""
        found = {"gene": self.predictions[WITH].genes}
        for made, one in self.predictions.items():
            found[f"mean_{made}"] = one.bounded[0]
            if one.std is not None:
                found[f"sd_{made}"] = one.std[0]
        return pd.DataFrame(found | ({} if measured is None else {"measured": measured}))


def leave_out(fitted: FittedModel, gene: str, family: Sequence[str]) -> LeftOut:
    """Predict a gene without some of a Gaussian process's training perturbations, exactly.

    Nothing is fitted: the inverse of the covariance is that of all, less what the family adds.

    Args:
        family: Those to leave out, by any of their names.

    Raises:
        InputError: As `training_rows`, and as `FittedModel.predict` of the gene.
    """
    rows = training_rows(fitted, family)
    whole, inputs = fitted.predict([gene]), fitted.inputs([gene])
    large = len(rows) > LARGE * len(fitted.trained_on)
    groups = [rows[:0]] if large else [rows[:0], rows]  # without none, that is with all
    mean, variance = fitted.model.components_without(inputs[0], groups)
    of_all, without = mean[:1], (mean[1:], variance[1:])
    if large:
        others = np.setdiff1d(np.arange(len(fitted.trained_on)), rows)
        without = fitted.conditioned_on(others).model.components_of(inputs)
    alone = fitted.conditioned_on(rows).model.components_of(inputs)
    length = np.linalg.norm(of_all)
    return LeftOut(
        tuple(map(str, fitted.trained_on[rows])),
        {
            WITH: whole,
            WITHOUT: _predicted(fitted, whole, *without),
            ALONE: _predicted(fitted, whole, *alone),
        },
        float(np.linalg.norm(of_all - without[0]) / length) if length else np.nan,
    )


def training_rows(fitted: FittedModel, names: Sequence[str]) -> np.ndarray:
    """Return the positions of training perturbations, by any of their names, ascending.

    Raises:
        InputError: No name, none of a training perturbation, all of these, or a model that is no
            Gaussian process.
    """
    if not hasattr(fitted.model, "components_without"):
        raise InputError(
            f"Expected a Gaussian process to leave knockdowns out of, found {fitted.spec.label}."
        )
    if not len(names):
        raise InputError("Expected one knockdown or more to leave out, found none.")
    trained_on = fitted.trained_on
    rows = np.flatnonzero(np.isin(trained_on, list(names)))
    if len(rows) < len(set(names)):
        known = fitted.known.perturbations_of(names)
        rows = np.flatnonzero(np.isin(trained_on, [*names, *known]))
    if not len(rows):
        raise InputError(
            f"The model was trained on none of the {len(names):,} knockdowns to leave out:"
            f" {preview(list(names))}."
        )
    if len(rows) == len(trained_on):
        raise InputError(
            f"Expected some knockdowns to be left, found all {len(rows):,} left out: there would be"
            " nothing to predict from."
        )
    return rows


def nearest(fitted: FittedModel, gene: str, count: int = NEAREST) -> list[str]:
    """Return the training perturbations most like a gene to the model, the most similar first."""
    similarity = fitted.model.similarity(fitted.inputs([gene]))[0]
    order = np.argsort(-similarity, kind="stable")
    return [str(name) for name in fitted.trained_on[order[: min(count, len(order) - 1)]]]


def families(
    fitted: FittedModel, gene: str, sets: GeneSets, measured: np.ndarray | None = None
) -> pd.DataFrame:
    """Rank gene sets by how far a prediction moves without their knockdowns, farthest first.

    Sets with 2 to 100 training perturbations count; those with the same ones count once, under the
    name that comes first.

    Args:
        measured: The gene's response at the predicted genes, if known.

    Returns:
        Columns set; knockdowns, how many of the training perturbations it has; moved, as in
        `LeftOut`; and, with a measurement, r, the correlation without the set, and loss, how much
        lower that is than with it.
    """
    place = {str(name): row for row, name in enumerate(fitted.trained_on)}
    found: dict[frozenset[str], str] = {}
    for label, members in sorted(sets.members.items()):
        inside = members & place.keys()
        if FEWEST <= len(inside) <= min(MOST, LARGE * len(place)):
            found.setdefault(frozenset(inside), label)
    groups = [np.sort([place[name] for name in inside]) for inside in found]
    inputs = fitted.inputs([gene])
    none = np.array([], dtype=int)
    found_each, _ = fitted.model.components_without(inputs[0], [none, *groups])
    of_all, without = found_each[:1], found_each[1:]
    length = np.linalg.norm(of_all) or np.nan
    table = pd.DataFrame(
        {
            "set": list(found.values()),
            "knockdowns": [len(group) for group in groups],
            "moved": np.linalg.norm(without - of_all, axis=1) / length,
        }
    )
    if measured is not None:
        with_all, without_each = (
            fitted.model.mean_ + each @ fitted.model.axes.T for each in (of_all, without)
        )
        table["r"] = pearson(without_each, np.broadcast_to(measured, without_each.shape))
        table["loss"] = float(pearson(with_all, measured[None])[0]) - table["r"]
    return table.sort_values("moved", ascending=False, kind="stable", ignore_index=True)


def _predicted(
    fitted: FittedModel, whole: Prediction, components: np.ndarray, variances: np.ndarray
) -> Prediction:
    """Return a gene's prediction from its components and their variances, each 1 x k."""
    model, axes = fitted.model, fitted.model.axes
    noise = model.noise_variance_ * model.inflation_**2
    return replace(
        whole,
        mean=(model.mean_ + components @ axes.T).astype(np.float32),
        std=np.sqrt(variances @ np.square(axes).T + noise).astype(np.float32),
        departure=np.linalg.norm(components, axis=1),
    )
