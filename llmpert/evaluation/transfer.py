"""A trained model judged on a screen that it has not seen: another line, lab or technique."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.comparison import Measured
from llmpert.evaluation.experiment import ROWS
from llmpert.evaluation.metrics import TOP
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.scores import evaluate, registry
from llmpert.evaluation.trained import TrainedModel, reconstruction
from llmpert.genes import GeneTable
from llmpert.models.registry import GAUSSIAN_PROCESS
from llmpert.screens.screen import Screen

TRAINED_ON, NEW = "trained on", "new"
"""Targets of the model's own screen, and others."""

KNOWING = f"{GAUSSIAN_PROCESS}-knowing"

METHODS = {
    GAUSSIAN_PROCESS: "the model; a target it was trained on is predicted from all others",
    KNOWING: "the model, which knows what the target did in its own screen",
    "copy": "what the target did there, as far as the model's file keeps it",
    "mean": "the mean of its training responses",
    "no-change": "a response of zero",
}
"""What is scored; `KNOWING` and "copy" for targets trained on alone."""

COLUMNS = ("targets", "model", "perturbation", "metric", "value")


@dataclass(frozen=True, eq=False)
class Judged:
    """How well a model and its baselines predict a screen.

    Attributes:
        table: `COLUMNS`: targets is `TRAINED_ON` or `NEW`, model one of `METHODS`, value NaN where
            the score is not defined.
        common, scored: Measured genes that both have, and those of them that are scored.
        same_unit: Whether responses have the unit of the predictions; else only scores that no unit
            changes are there.
        left_out: Perturbation of the screen -> why it is not predicted.
    """

    table: pd.DataFrame
    common: int
    scored: int
    same_unit: bool
    left_out: Mapping[str, str]

    def summary(self) -> pd.DataFrame:
        """Return means over perturbations with standard errors.

        Returns:
            Columns targets, model, metric, mean, se, perturbations, undefined (of these, left out
            of the mean).
        """
        grouped = self.table.groupby(["targets", "model", "metric"], sort=False)["value"]
        found = grouped.agg(["mean", "sem", "size", "count"]).reset_index()
        found["undefined"] = found["size"] - found.pop("count")
        return found.rename(columns={"sem": "se", "size": "perturbations"})


def judge(
    model: TrainedModel,
    screen: Screen,
    features: int = 2000,
    top: int = TOP,
    table: GeneTable | None = None,
) -> Judged:
    """Score a model's predictions of a screen by all scores that have a meaning there.

    Scored are the common genes that vary most over the training responses. A target is looked up by
    any of its names; scores that compare targets compare those trained on, and new ones, apart.

    Args:
        model: With the embeddings it was trained with (`TrainedModel.knowing`).
        features: How many genes are scored.
        top: Top DE genes that some scores look at.
        table: Says which names mean the same gene; by default the shipped one.

    Raises:
        InputError: They share fewer than two measured genes, or the screen has fewer than two
            perturbations that the model can predict.
    """
    fitted, table = model.fitted, table or GeneTable.shipped()
    spelt = table.spelt_as(map(str, fitted.genes), map(str, screen.genes))
    own = list({there: here for here, there in reversed(spelt.items())}.values())
    if len(own) < 2:
        raise InputError(
            f"The model of {model.line} and the screen {screen.line} share {len(own)} measured"
            " gene(s); at least 2 are needed."
        )
    problem = Problem.align(screen, fitted.known.embeddings, table)
    kept = reconstruction(fitted)
    columns = np.sort(pd.Index(fitted.genes).get_indexer(own))
    varied = np.argsort(-kept[:, columns].var(axis=0), kind="stable")[:features]
    columns = columns[np.sort(varied)]
    genes = pd.Index(problem.screen.genes).get_indexer([spelt[g] for g in fitted.genes[columns]])
    names = problem.screen.perturbations
    targets = [fitted.known.perturbation(str(name)) for name in names]
    same_unit, mean = screen.unit == model.unit, fitted.model.mean_[columns]
    metrics = {
        name: metric for name, metric in registry(top).items() if same_unit or metric.scale_free
    }
    parts = []
    for kind in (TRAINED_ON, NEW):
        rows = np.flatnonzero([(target is not None) == (kind == TRAINED_ON) for target in targets])
        if not len(rows):
            continue
        measured = Measured.of(problem.screen, rows, genes, rows, top)
        measured = replace(measured, reference=mean)
        at = pd.Index(fitted.trained_on).get_indexer([targets[row] for row in rows])
        copied = kept[np.ix_(at, columns)] if kind == TRAINED_ON else None
        for name, found in _predictions(model, names[rows], columns, copied):
            likely = found if found.distribution is not None else None
            values = evaluate(found.mean, measured, metrics, likely)
            part = pd.DataFrame({"perturbation": names[rows], **values})
            part = part.melt("perturbation", var_name="metric")
            parts.append(part.assign(targets=kind, model=name))
    scores = pd.concat(parts, ignore_index=True)[[*COLUMNS]]
    return Judged(scores, len(own), len(columns), same_unit, problem.left_out)


def _predictions(
    model: TrainedModel, names: np.ndarray, columns: np.ndarray, copied: np.ndarray | None
) -> Iterator[tuple[str, Prediction]]:
    """Yield what is predicted of these perturbations at some of the model's genes, by method."""
    predictors = {GAUSSIAN_PROCESS: model.predict}
    if copied is not None:
        predictors[KNOWING] = model.fitted.predict
    for name, predict in predictors.items():
        starts = range(0, len(names), ROWS)
        blocks = [predict(list(names[start : start + ROWS])).of_genes(columns) for start in starts]
        yield name, Prediction.joined(blocks)
    genes, shape = model.fitted.genes[columns], (len(names), len(columns))
    if copied is not None:
        yield "copy", Prediction(names, genes, copied, None)
    mean = np.broadcast_to(model.fitted.model.mean_[columns], shape)
    yield "mean", Prediction(names, genes, mean, None)
    yield "no-change", Prediction(names, genes, np.zeros(shape), None)
