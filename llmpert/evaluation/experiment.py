"""Fitting and scoring models on one problem, with every finished fit kept."""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from llmpert.embeddings.joined import JoinedInput
from llmpert.errors import InputError
from llmpert.evaluation.metrics import TOP, evaluate, strongest_responses
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.splits import Split, cross_validation, largest_training_size, split
from llmpert.evaluation.store import ResultsStore
from llmpert.io.hashing import fingerprint
from llmpert.io.names import preview
from llmpert.models.registry import MODELS, ModelSpec

VERSION = 2
"""Raised whenever scores change for the same data and model, so that older ones are not used."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What defines an evaluation besides its data and models.

    Attributes:
        folds, seed: Of the cross-validation.
        n_hvgs: How many of the measured genes with the largest variance over the fold's training
            perturbations are predicted and scored.
        top: How many top DE genes the "top" metrics look at.
        components: Principal components kept of each embedding.
    """

    folds: int = 5
    seed: int = 0
    n_hvgs: int = 2000
    top: int = TOP
    components: int = 50

    def __post_init__(self) -> None:
        if self.n_hvgs < 2:
            raise InputError(f"Expected at least 2 measured genes to predict, found {self.n_hvgs}.")

    def record(self) -> dict[str, int]:
        """Return the values under the names that records of results and data sets give them."""
        return {"features" if k == "n_hvgs" else k: v for k, v in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model fitted to perturbations of a problem, ready for any gene with embeddings.

    `trained_on` names the perturbations it was fitted to; `gene_idx` are the screen's genes that it
    predicts.
    """

    problem: Problem
    model: Any
    spec: ModelSpec
    joined: JoinedInput
    gene_idx: np.ndarray
    trained_on: np.ndarray

    def predict(self, genes: Sequence[str]) -> Prediction:
        """Predict the responses to knocking down these genes, in the screen or not.

        Raises:
            InputError: No gene, or one that is unknown, ambiguous, or has no vector in one of the
                embeddings.
        """
        return self.predict_inputs(self.inputs(genes), np.array(list(genes), dtype=object))

    def inputs(self, genes: Sequence[str]) -> np.ndarray:
        """Return the model's inputs for these genes, genes x components.

        Raises:
            InputError: As `predict`.
        """
        if not len(genes):
            raise InputError("Expected at least one gene to predict, found none.")
        found = [self.problem.find(gene) for gene in genes]
        vectors = {name: np.vstack([f[name] for f in found]) for name in self.problem.vectors}
        return self.joined.transform(vectors)

    def predict_inputs(self, inputs: np.ndarray, names: np.ndarray) -> Prediction:
        """Predict for inputs that are there already, a row a name."""
        genes = self.problem.screen.genes[self.gene_idx]
        if not self.spec.gives_std:
            mean = self.model.predict(inputs)
            return Prediction(names, genes, mean.astype(np.float32), None)
        mean, std = self.model.predict(inputs, return_std=True)
        return Prediction(
            names, genes, mean.astype(np.float32), std.astype(np.float32), self.model.intervals_
        )


@dataclass(frozen=True, eq=False)
class Experiment:
    """One problem under one set of settings, with its fits.

    No step sees a test perturbation's response before its prediction is scored: genes are chosen
    on the fold's training part, models are fitted on (a sample of) it, and the components of the
    embeddings know no responses.

    Attributes:
        turn: Entered for every fit. Fits use all cores: where several may be wanted at once, a lock
            here lets one run after the other, which is faster for each.
    """

    problem: Problem
    settings: Settings = Settings()
    store: ResultsStore = field(default_factory=ResultsStore)
    turn: AbstractContextManager[Any] = field(default_factory=nullcontext)

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
        """Return the training and test rows of one fit."""
        settings = self.settings
        return split(self._names, settings.folds, settings.seed, fold, repeat, train_size)

    def variable_genes(self, rows: np.ndarray) -> np.ndarray:
        """Return the genes with the largest variance over these perturbations, ascending."""
        variance = self.problem.screen.response[rows].var(axis=0, dtype=np.float64)
        return np.sort(np.argsort(-variance, kind="stable")[: self.settings.n_hvgs])

    def key(self, model: str, part: Split) -> str:
        """Return the name under which a fit is kept: a fingerprint of all it depends on."""
        spec = MODELS[model]
        screen, settings = self.problem.screen, self.settings
        return fingerprint(
            (VERSION, spec.name, spec.version, settings.n_hvgs, settings.top),
            screen.fingerprint,
            (self.problem.fingerprint, settings.components) if spec.uses_embedding else None,
            (settings.seed, part.fold, part.repeat) if spec.stochastic else None,
            *(rows.astype(np.int64) for rows in (part.train, part.train_pool, part.test)),
        )  # fmt: skip

    def is_done(self, model: str, train_size: int, fold: int, repeat: int = 0) -> bool:
        """Whether the scores of a fit are kept."""
        return self.store.has_scores(self.key(model, self.split(train_size, fold, repeat)))

    def scores(self, model: str, train_size: int, fold: int, repeat: int = 0) -> pd.DataFrame:
        """Score one fit on its fold's test perturbations; make it where it is not kept.

        Returns:
            The column perturbation, then one a metric; a row a test perturbation.
        """
        part = self.split(train_size, fold, repeat)
        return self.store.scores_or(
            self.key(model, part), lambda: self.score(self._fit_and_predict(model, part), fold)
        )

    def score(self, prediction: Prediction, fold: int) -> pd.DataFrame:
        """Score a prediction, by whatever model, on the genes that its fold is scored on.

        Args:
            prediction: Of all or some test perturbations of the fold, at the scored genes and any
                others.

        Returns:
            The column perturbation, then one a metric; a row a predicted perturbation.

        Raises:
            InputError: It is of a perturbation that the fold does not test, or lacks a scored gene.
        """
        screen = self.problem.screen
        gene_idx, top_de_idx = self.scored_genes(fold)
        test = self.tested(fold)
        rows = pd.Index(screen.perturbations[test]).get_indexer(prediction.perturbations)
        genes = pd.Index(prediction.genes).get_indexer(screen.genes[gene_idx])
        for at, names, expected in (
            (rows, prediction.perturbations, f"test perturbations of fold {fold}"),
            (genes, screen.genes[gene_idx], f"predictions of all genes scored in fold {fold}"),
        ):
            if (at < 0).any():
                raise InputError(
                    f"Expected {expected}, found {preview(names[at < 0])} not among them."
                )
        measured = screen.response[np.ix_(test[rows], gene_idx)]
        values = evaluate(
            prediction.mean[:, genes], measured, self.settings.top, top_de_idx=top_de_idx[rows]
        )
        return pd.DataFrame({"perturbation": prediction.perturbations, **values})

    def kept_held_out(self, model: str, train_size: int, perturbation: str) -> Prediction | None:
        """Return what `fold_prediction` says of a perturbation, or None where that needs a fit."""
        part = self.split(train_size, self.fold_of(perturbation))
        kept = self.store.prediction(self.key(model, part))
        return None if kept is None else kept.row(perturbation)

    def fold_of(self, perturbation: str) -> int:
        """Return the fold that tests a perturbation.

        Raises:
            InputError: The perturbation is not among the problem's.
        """
        names = self.problem.screen.perturbations
        row = np.flatnonzero(names == perturbation)
        if not len(row):
            reason = self.problem.left_out.get(perturbation, "it is not in the screen")
            raise InputError(f"{perturbation} has no held-out prediction: {reason}.")
        tests = cross_validation(names.tolist(), self.settings.folds, self.settings.seed)
        return next(fold for fold, test in enumerate(tests) if row[0] in test)

    def fold_prediction(
        self, model: str, train_size: int, fold: int, fitted: FittedModel | None = None
    ) -> Prediction:
        """Predict all test perturbations of a fold; fit where that is not kept.

        Args:
            fitted: What `fit_fold` gives for the same fold, where it is at hand: saves a fit.
        """
        part = self.split(train_size, fold)
        return self.store.prediction_or(
            self.key(model, part), lambda: self._fit_and_predict(model, part, fitted)
        )

    def fit_all(self, model: str, held_out: Sequence[str] = ()) -> FittedModel:
        """Fit to all perturbations but those held out, to predict those or genes outside.

        Predicted genes are chosen by the perturbations trained on.

        Args:
            held_out: Genes whose knockdowns must not be trained on, by any of their names, in the
                screen or not.
        """
        screen = self.problem.screen
        excluded = self.problem.perturbations_of(held_out)
        rows = np.flatnonzero(~np.isin(screen.perturbations, excluded))
        if len(rows) < 2:
            raise InputError(
                f"Only {len(rows)} perturbation(s) of {screen.line} are left to train on."
            )
        return self._fit(MODELS[model], self.settings.seed, rows, self.variable_genes(rows))

    def fit_fold(self, model: str, train_size: int, fold: int) -> FittedModel:
        """Fit the model behind `fold_prediction`; it is not kept."""
        return self._fit_part(model, self.split(train_size, fold))

    def _fit_and_predict(
        self, model: str, part: Split, fitted: FittedModel | None = None
    ) -> Prediction:
        fitted = fitted or self._fit_part(model, part)
        inputs, _ = self._inputs
        return fitted.predict_inputs(
            inputs[part.test], self.problem.screen.perturbations[part.test]
        )

    def _fit_part(self, model: str, part: Split) -> FittedModel:
        gene_idx, _ = self.scored_genes(part.fold)
        seed = np.random.SeedSequence(
            [self.settings.seed, part.fold, part.repeat, len(part.train)]
        ).generate_state(1)[0]
        return self._fit(MODELS[model], int(seed), part.train, gene_idx, part.fold)

    def scored_genes(self, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the genes that a fold's models predict, and the top DE genes of what it tests.

        The same for all training sizes. Found once: it takes longer than to score a fit.

        Returns:
            Indices of genes of the screen; and positions among these, test perturbations x top.
        """
        if fold not in self._scored_by_fold:
            screen, part = self.problem.screen, self.split(2, fold)
            gene_idx = self.variable_genes(part.train_pool)
            top_de_idx = strongest_responses(screen, part.test, gene_idx, self.settings.top)
            self._scored_by_fold[fold] = gene_idx, top_de_idx
        return self._scored_by_fold[fold]

    @cached_property
    def _scored_by_fold(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        return {}

    def tested(self, fold: int) -> np.ndarray:
        """Return the rows of the screen that a fold tests, at any training size, ascending."""
        return self.split(2, fold).test

    def _fit(
        self,
        spec: ModelSpec,
        seed: int,
        rows: np.ndarray,
        gene_idx: np.ndarray,
        fold: int | None = None,
    ) -> FittedModel:
        inputs, joined = self._inputs
        screen = self.problem.screen
        model = spec.build(seed, joined.parts)
        response = screen.response[rows][:, gene_idx]
        known = screen.cells if spec.uses_cells else None
        cells = {} if known is None else {"cells": known[rows]}
        with self.turn:
            start = perf_counter()
            fitted = model.fit(inputs[rows], response, **cells)
            seconds = round(perf_counter() - start, 3)
        what = {"model": spec.name, "line": screen.line, "size": len(rows), "fold": fold}
        log.info("fit made", extra={**what, "seconds": seconds})
        return FittedModel(self.problem, fitted, spec, joined, gene_idx, screen.perturbations[rows])
