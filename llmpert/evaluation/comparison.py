"""Predictions beside measurements, with what scores need to know of both."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from llmpert.evaluation.differential import t_against_rest, weights
from llmpert.evaluation.discrimination import Distance, Distances
from llmpert.evaluation.metrics import strongest_responses
from llmpert.evaluation.prediction import Prediction
from llmpert.screens import FDR
from llmpert.screens.screen import Screen

STRONGEST = 100
"""So many of the strongest measured responses are known to scores, at least."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Measured responses, and what else scores of their predictions rest on.

    Attributes:
        response: P perturbations x G genes, in the screen's unit.
        strongest: Positions of the strongest responses, strongest first, P x at most G.
        reference: Mean response of the perturbations that may be trained on, G; None if unknown.
        own: Position of each perturbation's own gene, -1 where it is not among the genes.
        called: Which genes respond, P x G: by false discovery rate, or in a screen of raised genes
            alone every gene above 0. None where that is unknown.
        weights: Of genes, by their t-values against the rest, P x G; None without single cells.
        spread: Standard deviation of each gene in control, if known.
        raised_only: Whether lowered genes are unknown.
    """

    response: np.ndarray
    strongest: np.ndarray
    reference: np.ndarray | None = None
    own: np.ndarray | None = None
    called: np.ndarray | None = None
    weights: np.ndarray | None = None
    spread: np.ndarray | None = None
    raised_only: bool = False

    @classmethod
    def of(
        cls, screen: Screen, rows: np.ndarray, gene_idx: np.ndarray, train: np.ndarray, top: int
    ) -> "Measured":
        """Return some perturbations of a screen at some genes, with those to `train` on."""
        response, layers = screen.response[np.ix_(rows, gene_idx)], screen.layers
        called = response > 0 if screen.raised_only else None
        if "q" in layers:
            called = layers["q"][np.ix_(rows, gene_idx)] <= FDR
        weight = None
        if screen.cells is not None and "variance" in layers and len(screen.cells) > 1:
            mean, variance = screen.response[:, gene_idx], layers["variance"][:, gene_idx]
            weight = weights(t_against_rest(mean, variance, screen.cells, rows))
        return cls(
            response,
            strongest_responses(screen, rows, gene_idx, max(top, STRONGEST)),
            screen.response[np.ix_(train, gene_idx)].mean(axis=0, dtype=np.float64),
            pd.Index(screen.genes[gene_idx]).get_indexer(screen.perturbations[rows]),
            called,
            weight,
            None if screen.control_sd is None else screen.control_sd[gene_idx],
            screen.raised_only,
        )

    def only(self, rows: np.ndarray) -> "Measured":
        """Return some of the perturbations."""
        of_rows = ("response", "strongest", "own", "called", "weights")
        every = {name: getattr(self, name) for name in of_rows}
        cut: dict[str, Any] = {k: None if v is None else v[rows] for k, v in every.items()}
        return replace(self, **cut)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Predictions of the perturbations that were measured, P x G.

    Attributes:
        predicted: Means, in the screen's unit.
        likely: The same with a distribution; None where the model gives none.
    """

    predicted: np.ndarray
    measured: Measured
    likely: Prediction | None = None
    _distances: dict[Distance, Distances] = field(default_factory=dict, init=False, repr=False)

    def distances(self, kind: Distance) -> Distances:
        """Return how far predictions are from measurements; found once."""
        if kind not in self._distances:
            found = Distances(self.predicted, self.measured.response, kind)
            self._distances[kind] = found
        return self._distances[kind]

    @cached_property
    def strength(self) -> np.ndarray:
        """By which predictions are sorted: |Δ|, divided by a gene's spread in control if known.

        Where lowered genes are unknown it is Δ itself. Genes without spread come last.
        """
        if self.measured.raised_only:
            return self.predicted
        strength, spread = np.abs(self.predicted, dtype=np.float64), self.measured.spread
        if spread is None:
            return strength
        known = np.isfinite(spread) & (spread > 0)
        return np.divide(strength, spread, out=np.full_like(strength, -1), where=known)

    def among_strongest(self, count: int) -> np.ndarray:
        """Return which genes are among the strongest `count` measured ones, P x G."""
        found = np.zeros(self.predicted.shape, bool)
        np.put_along_axis(found, self.measured.strongest[:, :count], True, axis=1)
        return found

    def at_top(self, count: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return predictions and measurements, of the `count` top DE genes or of all."""
        pair = self.predicted, self.measured.response
        if count is None:
            return pair
        at = self.measured.strongest[:, :count]
        return np.take_along_axis(pair[0], at, axis=1), np.take_along_axis(pair[1], at, axis=1)
