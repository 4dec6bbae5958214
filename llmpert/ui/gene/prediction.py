"""The prediction shown for a gene, held out where the gene was measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from llmpert.errors import InputError
from llmpert.evaluation.comparison import Measured
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.metrics import TOP, strongest_responses
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.scores import evaluate
from llmpert.methods.predictions import held_out
from llmpert.models.registry import MODELS
from llmpert.ui.common import cache
from llmpert.ui.common.selection import Selection


@dataclass(frozen=True)
class GenePrediction:
    """A prediction of one perturbation, with the measurement to judge it by where there is one.

    Attributes:
        trained_on: Perturbations the model learnt from.
        measured: The measured response at the same genes.
        top: Positions of the top DE genes of the measurement.
        scores: Metric name -> value.
        cells: Cells behind the measurement.
        q: False discovery rate of each gene in it; None where single cells are unknown.
        left_out: Whether a trained model predicted it from all other training perturbations.
    """

    prediction: Prediction
    trained_on: int
    measured: np.ndarray | None = None
    top: np.ndarray | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    cells: float | None = None
    q: np.ndarray | None = None
    left_out: bool = False

    @property
    def state(self) -> str:
        """Whether there is a measurement to judge it by."""
        if self.left_out:
            return "left out"
        return "not measured" if self.measured is None else "held out"

    @property
    def about_state(self) -> str:
        """What `state` means."""
        return {
            "left out": "predicted from all other knockdowns (leave-one-out; hyper-parameters,"
            " mean and components were fitted with it)",
            "not measured": f"{self.prediction.perturbations[0]} was not knocked down in this"
            " screen",
            "held out": "measured, but not trained on",
        }[self.state]

    def relative_to(self, response: np.ndarray) -> "GenePrediction":
        """Return the same as a difference to a response at the prediction's genes."""
        prediction = self.prediction.relative_to(response)
        if self.measured is None or self.top is None:
            return replace(self, prediction=prediction)
        measured = self.measured - response
        scores = _scores(prediction.mean, measured, self.top)
        return replace(self, prediction=prediction, measured=measured, scores=scores)


def predict(selection: Selection, gene: str) -> GenePrediction:
    """Return a model's prediction for a gene, made once for all visitors.

    A gene of the screen is predicted by the fold that does not train on it, at the chosen training
    size; any other by a model trained on all perturbations.

    Raises:
        InputError: The gene has no embedding, or the model was run elsewhere and has no prediction
            for it.
    """
    return selection.of_gene(gene, "prediction", partial(_predict, selection, gene))


def _predict(selection: Selection, gene: str) -> GenePrediction:
    model, size = selection.model, selection.size
    if selection.trained:
        left_out = selection.known.perturbation(gene) is not None
        trained_on = len(selection.trained.fitted.trained_on) - left_out
        return GenePrediction(selection.trained.predict([gene]), trained_on, left_out=left_out)
    if model not in MODELS:
        elsewhere = predicted_elsewhere(selection, gene).get(model)
        if elsewhere is None:
            raise InputError(
                f"{model} was run elsewhere: no prediction for {gene} in {selection.line} with"
                f" {size:,} training perturbations was imported."
            )
        return elsewhere
    experiment = selection.experiment
    fold = selection.fold_of(gene)
    if fold is None:
        fitted = selection.model_behind(gene)
        return GenePrediction(fitted.predict([gene]), len(fitted.trained_on))
    if (kept := kept_prediction(selection, gene)) is not None:
        return kept
    with st.spinner(f"Fitting {MODELS[model].label} without this gene …", show_time=True):
        fitted = selection.model_behind(gene)
        prediction = experiment.fold_prediction(model, size, fold, fitted).row(gene)
    return _scored(experiment, prediction, size)


def kept_prediction(selection: Selection, gene: str) -> GenePrediction | None:
    """Return `predict` of a perturbation of the screen, or None where that needs a fit."""
    if selection.trained:
        return predict(selection, gene)
    experiment, size = selection.experiment, selection.size
    kept = experiment.kept_held_out(selection.model, size, gene)
    return None if kept is None else _scored(experiment, kept, size)


def predicted_elsewhere(selection: Selection, gene: str) -> dict[str, GenePrediction | None]:
    """Return methods that were run elsewhere with this training size -> predictions for a gene.

    None where a method did not predict this perturbation; no method where there is no such
    perturbation.
    """
    return selection.of_gene(gene, "elsewhere", partial(_predicted_elsewhere, selection, gene))


def _predicted_elsewhere(selection: Selection, gene: str) -> dict[str, GenePrediction | None]:
    if selection.trained:
        return {}
    experiment = cache.scoring_experiment(selection.data, selection.line)
    if gene not in experiment.problem.screen.perturbations:
        return {}
    external = cache.external(selection.data, selection.line, selection.size)
    rows = {method: held_out(one, experiment, gene) for method, one in external.items()}
    return {
        method: None if row is None else _scored(experiment, row, external[method].train_size)
        for method, row in rows.items()
    }


def _scored(experiment: Experiment, prediction: Prediction, trained_on: int) -> GenePrediction:
    """Return a prediction of a perturbation of the screen with its measurement and scores."""
    screen = experiment.problem.screen
    row = np.flatnonzero(screen.perturbations == prediction.perturbations[0])
    columns = np.flatnonzero(pd.Index(screen.genes).isin(prediction.genes))
    measured = screen.response[row[0], columns]
    top_genes = strongest_responses(screen, row, columns, TOP)
    return GenePrediction(
        prediction,
        trained_on,
        measured,
        top_genes[0],
        _scores(prediction.mean, measured, top_genes[0]),
        None if screen.cells is None else float(screen.cells[row[0]]),
        screen.layers["q"][row[0], columns] if "q" in screen.layers else None,
    )


def _scores(mean: np.ndarray, measured: np.ndarray, top: np.ndarray) -> dict[str, float]:
    scores = evaluate(mean, Measured(measured[None], top[None]), cache.METRICS)
    return {name: float(value[0]) for name, value in scores.items()}


def scores_in_words(
    heading: str, predictions: Mapping[str, GenePrediction | None]
) -> list[dict[str, str]]:
    """Return a row for each prediction: how close it came to its measurement, by metric.

    Args:
        heading: Of the column with the predictions' names.
        predictions: Name -> prediction; None where there is none.
    """
    return [
        {heading: name}
        | {
            metric.label: "not predicted"
            if one is None
            else format_score(one.scores.get(metric.name))
            for metric in cache.METRICS.values()
        }
        for name, one in predictions.items()
    ]


def format_score(score: float | None) -> str:
    """Return a score for people."""
    if score is None:
        return "not measured"
    return "not defined" if score != score else f"{score:.3f}"
