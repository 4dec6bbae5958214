"""Fitting and scoring models on one problem, with every finished fit kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from llmpert.embeddings.joined import JoinedInput
from llmpert.errors import InputError
from llmpert.evaluation.metrics import evaluate, top_genes
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.splits import Split, cross_validation, largest_training_size, split
from llmpert.evaluation.store import ResultsStore
from llmpert.models.registry import MODELS, ModelSpec
from llmpert.problem import Problem
from llmpert.storage import fingerprint

VERSION = 2
"""Raised whenever scores change for the same data and model, so that older ones are not used."""


@dataclass(frozen=True)
class Settings:
    """What defines an evaluation besides its data and models.

    Attributes
    ----------
    folds, seed:
        Of the cross-validation.
    features:
        How many of the measured genes with the largest variance over the fold's training
        perturbations are predicted and scored.
    top:
        How many top DE genes the "top" metrics look at.
    components:
        Principal components kept of each embedding.
    """

    folds: int = 5
    seed: int = 0
    features: int = 2000
    top: int = 20
    components: int = 50

    def __post_init__(self) -> None:
        if self.features < 2:
            raise InputError(
                f"Expected at least 2 measured genes to predict, found {self.features}."
            )


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model fitted to perturbations of a problem, ready for any gene with embeddings.

    `trained_on` names the perturbations it was fitted to; `columns` are the screen's genes that it
    predicts.
    """

    problem: Problem
    model: Any
    spec: ModelSpec
    joined: JoinedInput
    columns: np.ndarray
    trained_on: np.ndarray

    def predict(self, genes: Sequence[str]) -> Prediction:
        """Predict the responses to knocking down these genes, in the screen or not.

        Raises
        ------
        InputError
            No gene, or one that is unknown, ambiguous, or has no vector in one of the embeddings.
        """
        if not len(genes):
            raise InputError("Expected at least one gene to predict, found none.")
        found = [self.problem.find(gene) for gene in genes]
        vectors = {name: np.vstack([f[name] for f in found]) for name in self.problem.vectors}
        return _predict(
            self.model,
            self.spec,
            self.joined.transform(vectors),
            np.array(list(genes), dtype=object),
            self.problem.screen.genes[self.columns],
        )


@dataclass(frozen=True, eq=False)
class Experiment:
    """One problem under one set of settings, with the fits already made.

    No step sees a test perturbation's response before its prediction is scored: genes are chosen
    on the fold's training part, models are fitted on (a sample of) it, and the components of the
    embeddings know no responses.
    """

    problem: Problem
    settings: Settings = Settings()
    store: ResultsStore = field(default_factory=ResultsStore)

    @cached_property
    def _inputs(self) -> tuple[np.ndarray, JoinedInput]:
        return self.problem.inputs(self.settings.components)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(self.problem.screen.perturbations)

    @property
    def largest_training_size(self) -> int:
        """The training size that every fold can offer."""
        return largest_training_size(len(self.problem.screen.perturbations), self.settings.folds)

    def split(self, train_size: int, fold: int, repeat: int = 0) -> Split:
        """The training and test rows of one fit."""
        settings = self.settings
        return split(self._names, settings.folds, settings.seed, fold, repeat, train_size)

    def columns(self, pool: np.ndarray) -> np.ndarray:
        """The genes with the largest variance over these perturbations, in the screen's order."""
        variance = self.problem.screen.response[pool].var(axis=0, dtype=np.float64)
        return np.sort(np.argsort(-variance, kind="stable")[: self.settings.features])

    def key(self, model: str, part: Split) -> str:
        """The name under which a fit is kept: a fingerprint of all that its numbers depend on."""
        spec = MODELS[model]
        screen, settings = self.problem.screen, self.settings
        return fingerprint(
            (VERSION, spec.name, spec.version, settings.features, settings.top),
            screen.fingerprint,
            (self.problem.fingerprint, settings.components) if spec.uses_embedding else None,
            (settings.seed, part.fold, part.repeat) if spec.stochastic else None,
            part.train.astype(np.int64), part.pool.astype(np.int64), part.test.astype(np.int64),
        )  # fmt: skip

    def is_done(self, model: str, train_size: int, fold: int, repeat: int = 0) -> bool:
        """Whether the scores of a fit are kept."""
        return self.store.has_scores(self.key(model, self.split(train_size, fold, repeat)))

    def scores(self, model: str, train_size: int, fold: int, repeat: int = 0) -> pd.DataFrame:
        """Scores of one fit on its fold's test perturbations, fitted now if not kept.

        Returns
        -------
        The column perturbation, then one a metric; a row a test perturbation.
        """
        part = self.split(train_size, fold, repeat)
        key = self.key(model, part)
        kept = self.store.scores(key)
        if kept is not None:
            return kept
        prediction = self._fit_and_predict(model, part)
        columns, chosen = self._scored_genes(part)
        measured = self.problem.screen.response[np.ix_(part.test, columns)]
        values = evaluate(prediction.mean, measured, self.settings.top, chosen=chosen)
        scores = pd.DataFrame({"perturbation": prediction.perturbations, **values})
        self.store.put_scores(key, scores)
        return scores

    def kept_held_out(self, model: str, train_size: int, perturbation: str) -> Prediction | None:
        """What `held_out` gives where that needs no fit, else None."""
        part = self.split(train_size, self.fold_of(perturbation))
        kept = self.store.prediction(self.key(model, part))
        return None if kept is None else kept.row(perturbation)

    def held_out(self, model: str, train_size: int, perturbation: str) -> Prediction:
        """The prediction for a perturbation of the screen by the fold that does not train on it.

        The whole fold is predicted and kept, so the next perturbation of it is there at once.

        Raises
        ------
        InputError
            The perturbation is not among the problem's.
        """
        return self.fold_prediction(model, train_size, self.fold_of(perturbation)).row(perturbation)

    def fold_of(self, perturbation: str) -> int:
        """The fold that tests a perturbation."""
        names = self.problem.screen.perturbations
        row = np.flatnonzero(names == perturbation)
        if not len(row):
            reason = self.problem.left_out.get(perturbation, "it is not in the screen")
            raise InputError(f"{perturbation} has no held-out prediction: {reason}.")
        tests = cross_validation(names.tolist(), self.settings.folds, self.settings.seed)
        return next(fold for fold, test in enumerate(tests) if row[0] in test)

    def fold_prediction(self, model: str, train_size: int, fold: int) -> Prediction:
        """Predictions for all test perturbations of a fold, fitted now if not kept."""
        part = self.split(train_size, fold)
        key = self.key(model, part)
        kept = self.store.prediction(key)
        if kept is None:
            kept = self._fit_and_predict(model, part)
            self.store.put_prediction(key, kept)
        return kept

    def fit_all(self, model: str, held_out: Sequence[str] = ()) -> FittedModel:
        """Fit to all perturbations but those held out, to predict those or genes outside.

        Predicted genes are chosen by the perturbations trained on.

        Parameters
        ----------
        held_out:
            Genes whose knockdowns must not be trained on, by any of their names, in the screen or
            not.
        """
        screen = self.problem.screen
        excluded = self.problem.perturbations_of(held_out)
        rows = np.flatnonzero(~np.isin(screen.perturbations, excluded))
        if len(rows) < 2:
            raise InputError(
                f"Only {len(rows)} perturbation(s) of {screen.line} are left to train on."
            )
        _, joined = self._inputs
        columns = self.columns(rows)
        spec = MODELS[model]
        fitted = self._fit(spec, self.settings.seed, rows, columns)
        trained_on = screen.perturbations[rows]
        return FittedModel(self.problem, fitted, spec, joined, columns, trained_on)

    def _fit_and_predict(self, model: str, part: Split) -> Prediction:
        spec = MODELS[model]
        screen = self.problem.screen
        columns, _ = self._scored_genes(part)
        inputs, _ = self._inputs
        seed = int(
            np.random.SeedSequence(
                [self.settings.seed, part.fold, part.repeat, len(part.train)]
            ).generate_state(1)[0]
        )
        fitted = self._fit(spec, seed, part.train, columns)
        return _predict(
            fitted, spec, inputs[part.test], screen.perturbations[part.test], screen.genes[columns]
        )

    @cached_property
    def _scored_by_fold(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        return {}

    def _scored_genes(self, part: Split) -> tuple[np.ndarray, np.ndarray]:
        """A fold's predicted genes, and which of them are each test perturbation's top DE genes.

        Found once for all fits of a fold: it takes longer than to score one.
        """
        if part.fold not in self._scored_by_fold:
            screen = self.problem.screen
            columns = self.columns(part.pool)
            spread = None if screen.spread is None else screen.spread[columns]
            measured = screen.response[np.ix_(part.test, columns)]
            chosen = top_genes(measured, self.settings.top, spread)
            self._scored_by_fold[part.fold] = columns, chosen
        return self._scored_by_fold[part.fold]

    def _fit(self, spec: ModelSpec, seed: int, rows: np.ndarray, columns: np.ndarray) -> Any:
        inputs, joined = self._inputs
        screen = self.problem.screen
        model = spec.build(seed, joined.parts)
        response = screen.response[rows][:, columns]
        if spec.uses_cells and screen.cells is not None:
            return model.fit(inputs[rows], response, cells=screen.cells[rows])
        return model.fit(inputs[rows], response)


def _predict(
    model: Any, spec: ModelSpec, inputs: np.ndarray, perturbations: np.ndarray, genes: np.ndarray
) -> Prediction:
    if not spec.gives_std:
        return Prediction(perturbations, genes, model.predict(inputs).astype(np.float32), None)
    mean, std = model.predict(inputs, return_std=True)
    return Prediction(
        perturbations, genes, mean.astype(np.float32), std.astype(np.float32), model.intervals_
    )
