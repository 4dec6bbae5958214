"""The prediction shown for a gene, held out where the gene was measured."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from llmpert import datasets
from llmpert.datasets import Dataset
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.metrics import evaluate, registry, strongest_responses
from llmpert.evaluation.prediction import Prediction
from llmpert.methods.scores import held_out
from llmpert.models.registry import MODELS
from llmpert.ui.common import cache as shared
from llmpert.ui.gene import reliability as explained

FDR = 0.05
"""False discovery rate at which a measured gene counts as different from control."""


@dataclass(frozen=True)
class GenePrediction:
    """A prediction with the measurement to judge it by.

    Attributes
    ----------
    prediction:
        Of one perturbation.
    measured:
        Its measured response at the same genes, or None where the gene was not knocked down.
    top:
        Positions of the top DE genes of the measurement, or None.
    scores:
        Metric name -> value, empty where there is no measurement.
    trained_on:
        Perturbations the model learnt from.
    cells:
        Cells behind the measurement, or None.
    q:
        False discovery rate of each gene in the measurement, or None where single cells are
        unknown.
    """

    prediction: Prediction
    measured: np.ndarray | None
    top: np.ndarray | None
    scores: dict[str, float]
    trained_on: int
    cells: float | None
    q: np.ndarray | None = None

    def differing(self) -> str:
        """How many genes differ from control in the measurement, in words; "" where unknown."""
        if self.q is None:
            return ""
        count = int((self.q <= FDR).sum())
        return (
            f"In the measurement **{count:,}** of these {len(self.q):,} genes differ from control"
            f" (Welch's t-test on {self.cells:,.0f} cells, false discovery rate"
            f" {round(100 * FDR)} %)."
        )


def predict(
    data: Dataset, line: str, embedding: str, size: int, gene: str, model: str = "gp"
) -> GenePrediction:
    """A model's prediction for a gene.

    A gene of the screen is predicted by the fold that does not train on it, at the chosen training
    size; any other by a model trained on all perturbations.

    Raises
    ------
    InputError
        The gene has no embedding, or the model was run elsewhere and has no prediction for it.
    """
    if model not in MODELS:
        found = predict_elsewhere(data, line, size, gene).get(model)
        if found is None:
            raise InputError(
                f"{model} was run elsewhere: no prediction for {gene} in {line} with {size:,}"
                " training perturbations was imported."
            )
        return found
    experiment = shared.experiment(data.name, line, embedding)
    screen = experiment.problem.screen
    if gene not in screen.perturbations:
        stamp = datasets.stamp(data.name)
        fitted = shared.fitted(data.name, stamp, line, embedding, model)
        trained_on = len(screen.perturbations)
        return GenePrediction(fitted.predict([gene]), None, None, {}, trained_on, None)
    prediction = experiment.kept_held_out(model, size, gene)
    if prediction is None:
        fold = experiment.fold_of(gene)
        with _progress(MODELS[model].label):
            # The model that explains the prediction is the one that makes it: one fit for both.
            own = model == explained.MODEL
            at_hand = explained.fold_model(data, line, embedding, size, fold) if own else None
            prediction = experiment.fold_prediction(model, size, fold, at_hand).row(gene)
    return _judged(experiment, prediction, size)


def predict_elsewhere(
    data: Dataset, line: str, size: int, gene: str
) -> dict[str, GenePrediction | None]:
    """Method that was run elsewhere with this training size -> its prediction for a gene.

    None where it did not predict this perturbation; no method where there is no such perturbation.
    """
    experiment = shared.judge(data, line)
    if gene not in experiment.problem.screen.perturbations:
        return {}
    found: dict[str, GenePrediction | None] = {}
    for method, predictions in shared.external(data, line, size).items():
        made = held_out(predictions, experiment, gene)
        judged = None if made is None else _judged(experiment, made, predictions.train_size)
        found[method] = judged
    return found


def _judged(experiment: Experiment, prediction: Prediction, trained_on: int) -> GenePrediction:
    """A prediction of a perturbation of the screen with its measurement and scores."""
    screen = experiment.problem.screen
    row = np.flatnonzero(screen.perturbations == prediction.perturbations[0])
    columns = np.flatnonzero(pd.Index(screen.genes).isin(prediction.genes))
    measured = screen.response[row[0], columns]
    top = registry()["pearson_top20"].top or 0
    chosen = strongest_responses(screen, row, columns, top)
    scores = evaluate(prediction.mean, measured[None], top, chosen)
    cells = None if screen.cells is None else float(screen.cells[row[0]])
    return GenePrediction(
        prediction,
        measured,
        chosen[0],
        {name: float(value[0]) for name, value in scores.items()},
        trained_on,
        cells,
        screen.layers["q"][row[0], columns] if "q" in screen.layers else None,
    )


def by_method(
    label: str, shown: GenePrediction, others: Mapping[str, GenePrediction | None]
) -> list[dict[str, str]]:
    """A row a method: how close each came to the measurement of one knockdown, in words."""
    return [
        {"Method": method}
        | {
            metric.label: "not predicted" if made is None else said(made.scores.get(name))
            for name, metric in shared.METRICS.items()
        }
        for method, made in {label: shown, **others}.items()
    ]


def said(score: float | None) -> str:
    """A score for people."""
    if score is None:
        return "not measured"
    return "not defined" if score != score else f"{score:.3f}"


@contextmanager
def _progress(label: str) -> Iterator[None]:
    """A progress bar around a fit that takes seconds."""
    text = f"Fit 1 of 1 · {label}, not trained on this gene"
    bar = st.progress(0.0, text=text)
    with st.spinner("Fitting …", show_time=True):
        yield
    bar.empty()


def strong_perturbation(data: Dataset, line: str, embedding: str) -> str:
    """A perturbation with a strong response, for a page's first view.

    Stronger than nineteen in twenty by root mean square, counted in standard errors where the
    numbers of cells are known: enough to see, no outlier, and no mere noise of a few cells.
    """
    screen = shared.experiment(data.name, line, embedding).problem.screen
    cells = 1.0 if screen.cells is None else screen.cells
    order = np.argsort(np.square(screen.response).sum(axis=1) * cells, kind="stable")
    return str(screen.perturbations[order[int(0.95 * (len(order) - 1))]])
