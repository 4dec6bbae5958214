"""Fitting and scoring models on one problem, with every finished fit kept."""

import logging
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from llmpert.embeddings.elsewhere import Elsewhere
from llmpert.embeddings.joined import JoinedInput
from llmpert.errors import InputError
from llmpert.evaluation.comparison import Measured
from llmpert.evaluation.metrics import TOP
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.problem import GeneVectors, Problem
from llmpert.evaluation.scores import evaluate, registry
from llmpert.evaluation.splits import Split, split
from llmpert.evaluation.store import ResultsStore
from llmpert.io.hashing import fingerprint
from llmpert.io.names import preview
from llmpert.models.distribution import Distribution
from llmpert.models.registry import EVERY, ModelSpec

VERSION = 3
"""Raised whenever scores change for the same data and model, so that older ones are not used."""

ROWS = 512
"""Knockdowns predicted at a time where there are many."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What defines an evaluation besides its data and models.

    Predicted and scored are the `n_hvgs` measured genes with the largest variance over the fold's
    training perturbations. The "top" metrics look at `top` top DE genes. `components` principal
    components are kept of each embedding.
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
        """Return the values under their names in records of results and data sets."""
        return {"features" if k == "n_hvgs" else k: v for k, v in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model fitted to the perturbations `trained_on`, ready for any gene with embeddings.

    `genes` are the measured genes that it predicts; `known` finds genes and their vectors;
    `bounds` are those of the responses' unit, if any.
    """

    known: GeneVectors
    model: Any
    spec: ModelSpec
    joined: JoinedInput
    genes: np.ndarray
    trained_on: np.ndarray
    bounds: tuple[float, float] | None = None

    def predict(self, genes: Sequence[str]) -> Prediction:
        """Predict the responses to knocking down these genes, in the screen or not.

        A model predicts `ROWS` of them at a time.

        Raises:
            InputError: No gene, or one that is unknown, ambiguous, or lacks a vector.
        """
        inputs, names = self.inputs(genes), np.array(list(genes), dtype=object)
        blocks = [slice(start, start + ROWS) for start in range(0, len(names), ROWS)]
        return Prediction.joined([self.predict_inputs(inputs[at], names[at]) for at in blocks])

    def predict_left_out(self, genes: Sequence[str]) -> Prediction:
        """Predict genes, those that a Gaussian process was trained on from all others.

        In closed form: hyper-parameters, mean and components stay those of all
        (`GaussianProcess.leave_one_out`). Raises as `predict`.
        """
        found, names = self.predict(genes), map(self.known.perturbation, genes)
        rows = pd.Index(self.trained_on).get_indexer(list(names))
        at = np.flatnonzero(rows >= 0)
        mean, std = self.model.predict_left_out(rows[at])
        departure = np.linalg.norm(mean - self.model.mean_, axis=1)
        kept = found.mean, found.std, found.departure
        for values, others in zip(kept, (mean, std, departure), strict=True):
            if values is not None:
                values[at] = others
        return found

    def inputs(self, genes: Sequence[str]) -> np.ndarray:
        """Return the model's inputs for these genes, genes x components; raise as `predict`."""
        if not len(genes):
            raise InputError("Expected at least one gene to predict, found none.")
        return self.joined.transform(self.known.find_all(genes))

    def conditioned_on(self, rows: np.ndarray) -> "FittedModel":
        """Return the Gaussian process that has seen some training perturbations alone.

        By their positions. Hyper-parameters, components and the mean stay those of all.
        """
        arrays = self.model.arrays()
        arrays |= {key: arrays[key][rows] for key in ("inputs", "scores", "relative_noise")}
        model = type(self.model).of_arrays(self.joined.parts, arrays)
        return replace(self, model=model, trained_on=self.trained_on[rows])

    def predict_one(self, measured: str, genes: Sequence[str]) -> Prediction:
        """Predict one of the measured `genes` under many knockdowns; raise as `predict`.

        A Gaussian process computes no other, and no model holds more than `ROWS` whole responses.
        """
        column = np.flatnonzero(self.genes == measured)
        one, at = self, column
        if hasattr(self.model, "only"):
            only = self.model.only(column)
            one, at = replace(self, model=only, genes=self.genes[column]), np.array([0])
        starts = range(0, len(genes), ROWS)
        return Prediction.joined(
            [one.predict(genes[start : start + ROWS]).of_genes(at) for start in starts]
        )

    def predict_vectors(self, vectors: Mapping[str, np.ndarray], names: np.ndarray) -> Prediction:
        """Predict for vectors in one or more of the embeddings, a row a name.

        Where vectors of an embedding are missing, genes that are alike in the others lend theirs
        (`GeneVectors.completed`), and the prediction is the mixture of those with each lender's:
        the less these agree, the wider its intervals.
        """
        if self.missing(vectors):
            vectors = self.known.completed(vectors)
        inputs = self.joined.transform(vectors)
        rows = np.repeat(names, len(inputs) // len(names))
        return self.predict_inputs(inputs, rows).mixed(names)

    def missing(self, sources: Container[str]) -> list[str]:
        """Return the embeddings that the model knows genes by and that are not among these."""
        return [name for name in self.joined.components_ if name not in sources]

    def predict_inputs(self, inputs: np.ndarray, names: np.ndarray) -> Prediction:
        """Predict for inputs, a row a name."""
        if not self.spec.gives_std:
            mean = self._checked(self.model.predict(inputs), len(inputs))
            return Prediction(names, self.genes, mean, None)
        if hasattr(self.model, "predict_with_departure"):
            *both, departure = self.model.predict_with_departure(inputs)
            distribution = self.model.distribution_
        else:
            both = self.model.predict(inputs, return_std=True)
            departure, distribution = np.zeros(len(inputs), np.float32), Distribution.normal()
        mean, std = (self._checked(part, len(inputs)) for part in both)
        bounded = distribution.within(self.bounds)
        return Prediction(names, self.genes, mean, std, departure, bounded)

    def _checked(self, values: Any, rows: int) -> np.ndarray:
        """Return what a model predicts; refuse what one of another package should not."""
        found, shape = np.asarray(values, dtype=np.float32), (rows, len(self.genes))
        if found.shape != shape or not np.isfinite(found).all():
            wrong = "others" if found.shape == shape else f"an array of shape {found.shape}"
            expected = f"{rows} x {len(self.genes)} finite numbers predicted"
            raise InputError.of_file(f"Model {self.spec.name}", expected, wrong)
        return found


def at_once(model: str, size: int, genes: int) -> AbstractContextManager[None]:
    """Let a fit wait for no other."""
    return nullcontext()


@dataclass(frozen=True, eq=False)
class Experiment:
    """One problem under one set of settings, with its fits.

    No step sees a test perturbation's response before its prediction is scored: genes are chosen
    on the fold's training part, models are fitted on (a sample of) it, and the components of the
    embeddings know no responses.

    `turn` gives what is entered for a fit, by its model's name, training perturbations and genes.
    Fits use all cores: where several may be wanted at once, this lets one run after the other,
    which is faster for each.

    `metrics` names the scores that fits get, all by default: of many fits it takes a while.
    """

    problem: Problem
    settings: Settings = Settings()
    store: ResultsStore = field(default_factory=ResultsStore)
    turn: Callable[[str, int, int], AbstractContextManager[Any]] = at_once
    metrics: Container[str] | None = None
    _scored: dict[int, np.ndarray] = field(default_factory=dict, init=False, repr=False)
    _measured: dict[int, Measured] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def _inputs(self) -> tuple[np.ndarray, JoinedInput]:
        return self.problem.inputs(self.settings.components)

    def _copied(self, of: str) -> tuple[Problem, Elsewhere]:
        """Return a source that models copy (`ModelSpec.copies`), and the problem that has it."""
        if (found := self.problem.copied(of)) is None:
            raise InputError(
                f"Expected {of} to copy from, found {self.problem.embedding_name} alone."
            )
        screen, has_it = self.problem.screen, found in self.problem.embeddings
        if not np.isin(found.measured, screen.genes).any():
            raise InputError(
                f"{screen.line} and {found.line} measure no gene in common: nothing can be copied."
            )
        return self.problem if has_it else self.problem.joined([found]), found

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(self.problem.screen.perturbations)

    @property
    def largest_training_size(self) -> int:
        """The training size that every fold can offer."""
        return len(self._names) - -(-len(self._names) // self.settings.folds)

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
        spec = EVERY[model]
        screen, settings = self.problem.screen, self.settings
        problem, source = self._copied(spec.copies) if spec.copies else (self.problem, None)
        return fingerprint(
            (VERSION, spec.name, spec.version, settings.n_hvgs, settings.top, *spec.settings),
            screen.fingerprint,
            (self.problem.fingerprint, settings.components) if spec.uses_embedding else None,
            *((problem.only(source.name).fingerprint,) if source else ()),
            (settings.seed, part.fold, part.repeat) if spec.stochastic else None,
            *(rows.astype(np.int64) for rows in (part.train, part.train_pool, part.test)),
        )  # fmt: skip

    def is_done(self, model: str, train_size: int, fold: int, repeat: int = 0) -> bool:
        """Whether the scores of a fit are kept."""
        return self.store.has_scores(self.key(model, self.split(train_size, fold, repeat)))

    def scores(self, model: str, train_size: int, fold: int, repeat: int = 0) -> pd.DataFrame:
        """Return `score` of one fit's predictions; make it where it is not kept."""
        part = self.split(train_size, fold, repeat)
        return self.store.scores_or(
            self.key(model, part), lambda: self.score(self._fit_and_predict(model, part), fold)
        )

    def score(self, prediction: Prediction, fold: int) -> pd.DataFrame:
        """Score a prediction of test perturbations of a fold: columns perturbation and metrics.

        Scores that have no meaning here are left out. Those that compare perturbations compare
        those that are predicted.

        Raises:
            InputError: It is of a perturbation that the fold does not test, or lacks a scored gene.
        """
        screen, scored = self.problem.screen, self.problem.screen.genes[self.scored_genes(fold)]
        test = self.tested(fold)
        rows = pd.Index(screen.perturbations[test]).get_indexer(prediction.perturbations)
        genes = pd.Index(prediction.genes).get_indexer(scored)
        for at, names, expected in (
            (rows, prediction.perturbations, f"test perturbations of fold {fold}"),
            (genes, scored, f"predictions of all genes scored in fold {fold}"),
        ):
            if (at < 0).any():
                raise InputError(
                    f"Expected {expected}, found {preview(names[at < 0])} not among them."
                )
        likely = None if prediction.distribution is None else prediction.of_genes(genes)
        measured = self.measured(fold).only(rows)
        known, wanted = registry(self.settings.top), self.metrics
        metrics = {n: one for n, one in known.items() if wanted is None or n in wanted}
        values = evaluate(prediction.mean[:, genes], measured, metrics, likely)
        return pd.DataFrame({"perturbation": prediction.perturbations, **values})

    def kept_held_out(self, model: str, train_size: int, perturbation: str) -> Prediction | None:
        """Return a perturbation's part of `fold_prediction`, or None where that needs a fit."""
        part = self.split(train_size, self.fold_of(perturbation))
        kept = self.store.prediction(self.key(model, part))
        return None if kept is None else kept.row(perturbation)

    def fold_of(self, perturbation: str) -> int:
        """Return the fold that tests a perturbation; raise `InputError` where none does."""
        if perturbation not in self._names:
            reason = self.problem.left_out.get(perturbation, "it is not in the screen")
            raise InputError(f"{perturbation} has no held-out prediction: {reason}.")
        row, folds = self._names.index(perturbation), range(self.settings.folds)
        return next(fold for fold in folds if row in self.tested(fold))

    def fold_prediction(
        self, model: str, train_size: int, fold: int, fitted: FittedModel | None = None
    ) -> Prediction:
        """Predict a fold's test perturbations: as kept, by `fitted` (of `fit_fold`) or by a fit."""
        part = self.split(train_size, fold)
        return self.store.prediction_or(
            self.key(model, part), lambda: self._fit_and_predict(model, part, fitted)
        )

    def predict_gene(self, model: str, train_size: int, gene: str) -> Prediction:
        """Predict the response to knocking down a gene, by a model that has not seen it.

        That of a gene of the screen is its row of `fold_prediction`; any other one is predicted by
        a model that is trained on all perturbations.

        Raises:
            InputError: The gene is unknown, ambiguous, or has no vector in one of the embeddings.
        """
        if gene not in self._names:
            return self.fit_all(model).predict([gene])
        return self.fold_prediction(model, train_size, self.fold_of(gene)).row(gene)

    def fit_all(self, model: str | ModelSpec, held_out: Sequence[str] = ()) -> FittedModel:
        """Fit to all perturbations but those of genes held out, to predict those or genes outside.

        Genes may be held out by any of their names, in the screen or not. Predicted genes are
        chosen by the perturbations trained on.
        """
        screen = self.problem.screen
        excluded = self.problem.perturbations_of(held_out)
        rows = np.flatnonzero(~np.isin(screen.perturbations, excluded))
        if len(rows) < 2:
            raise InputError(
                f"Only {len(rows)} perturbation(s) of {screen.line} are left to train on."
            )
        return self._fit(model, self.settings.seed, rows, self.variable_genes(rows))

    def fit_anew(self, fitted: FittedModel, without: Collection[str]) -> FittedModel:
        """Fit a Gaussian process anew, for the same genes, without some training perturbations.

        The search for hyper-parameters starts at those of all (`GaussianProcess.fit`).
        """
        screen = self.problem.screen
        kept = np.isin(screen.perturbations, fitted.trained_on)
        rows = np.flatnonzero(kept & ~np.isin(screen.perturbations, [*without]))
        genes = pd.Index(screen.genes).get_indexer(fitted.genes)
        return self._fit(fitted.spec, self.settings.seed, rows, genes, start=fitted.model)

    def fit_rows(self, model: str | ModelSpec, rows: np.ndarray, fold: int) -> FittedModel:
        """Fit to some perturbations, by their rows in the screen, on the genes a fold scores."""
        return self._fit(model, self.settings.seed, rows, self.scored_genes(fold), fold)

    def fit_fold(
        self, model: str | ModelSpec, train_size: int, fold: int, repeat: int = 0
    ) -> FittedModel:
        """Fit the model behind `fold_prediction`; it is not kept."""
        gene_idx = self.scored_genes(fold)
        state = np.random.SeedSequence([self.settings.seed, fold, repeat, train_size])
        seed, rows = int(state.generate_state(1)[0]), self.split(train_size, fold, repeat).train
        return self._fit(model, seed, rows, gene_idx, fold)

    def _fit_and_predict(
        self, model: str, part: Split, fitted: FittedModel | None = None
    ) -> Prediction:
        fitted = fitted or self.fit_fold(model, len(part.train), part.fold, part.repeat)
        names = self.problem.screen.perturbations[part.test]
        inputs, joined = self._inputs
        if fitted.joined is not joined:
            problem, _ = self._copied(fitted.spec.copies)
            inputs = fitted.joined.transform(problem.vectors)
        return fitted.predict_inputs(inputs[part.test], names)

    def scored_genes(self, fold: int) -> np.ndarray:
        """Return the genes of the screen that a fold's models predict, the same for all sizes."""
        if fold not in self._scored:
            self._scored[fold] = self.variable_genes(self.split(2, fold).train_pool)
        return self._scored[fold]

    def measured(self, fold: int) -> Measured:
        """Return what a fold's predictions are scored by.

        Found once: it takes longer than to score a fit. The mean response is that of all that the
        fold may train on, one for all training sizes and methods.
        """
        if fold not in self._measured:
            part, genes = self.split(2, fold), self.scored_genes(fold)
            screen, top = self.problem.screen, self.settings.top
            self._measured[fold] = Measured.of(screen, part.test, genes, part.train_pool, top)
        return self._measured[fold]

    def tested(self, fold: int) -> np.ndarray:
        """Return the rows of the screen that a fold tests, at any training size, ascending."""
        return self.split(2, fold).test

    def _fit(
        self,
        model: str | ModelSpec,
        seed: int,
        rows: np.ndarray,
        gene_idx: np.ndarray,
        fold: int | None = None,
        **options: Any,
    ) -> FittedModel:
        """Fit a model, with options of its `fit`."""
        spec = EVERY[model] if isinstance(model, str) else model
        problem, screen, (inputs, joined) = self.problem, self.problem.screen, self._inputs
        if spec.copies:
            problem, source = self._copied(spec.copies)
            columns = pd.Index(source.measured).get_indexer(screen.genes[gene_idx])
            joined = joined.copying(source.name, columns)
            inputs = joined.transform(problem.vectors)
        response = screen.response[rows][:, gene_idx]
        known = screen.cells if spec.uses_cells else None
        if known is not None:
            options["cells"] = known[rows]
        with self.turn(spec.name, *response.shape):
            start = perf_counter()
            fitted = spec.build(seed, joined.parts).fit(inputs[rows], response, **options)
            seconds = round(perf_counter() - start, 3)
        what = {"model": spec.name, "line": screen.line, "size": len(rows), "fold": fold}
        log.info("fit made", extra={**what, "seconds": seconds})
        genes, trained_on = screen.genes[gene_idx], screen.perturbations[rows]
        return FittedModel(problem, fitted, spec, joined, genes, trained_on, screen.bounds)
