"""What a knockdown does, in a sentence: the gene sets it moves, the strongest genes, its likes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from llmpert.evaluation.prediction import Prediction
from llmpert.genes.sets import GeneSets
from llmpert.insight.enrichment import enrichment
from llmpert.insight.ranking import Direction, strongest_genes
from llmpert.models.distribution import INTERVAL
from llmpert.screens import FDR

TESTED = 50
"""Genes of each direction that are tested for gene sets, at most."""

LOOKED_AT, NAMED = 20, 3
"""Of so many strongest genes so many are named."""

ALIKE = 0.5
"""Similarity, as the model sees it, from which another knockdown is said to be like this one."""


@dataclass(frozen=True)
class Moved:
    """Gene sets over-represented among genes that move one way: the first, and how many."""

    first: str
    count: int

    def words(self, name: Callable[[str], str]) -> str:
        """Return them for a sentence."""
        return f"{name(self.first)} ({self.count} gene set{'s' * (self.count > 1)})"


@dataclass(frozen=True)
class Answer:
    """The main findings on one predicted response.

    Attributes:
        raised, lowered: Gene sets that stand out; None where none does.
        strongest: The genes to name and whether each is raised, strongest first.
        usual: Genes among the strongest that most knockdowns change alike.
        certain: Whether any gene's 95 % interval excludes 0.
        alike: Measured knockdowns that are like it to the model, most alike first.
        nearest: The most similar one and its similarity; None where there is none.
        tested: Whether there were gene sets to test.
        relative: Whether the response is a difference to the mean response, not to control.
    """

    raised: Moved | None
    lowered: Moved | None
    strongest: tuple[tuple[str, bool], ...]
    usual: tuple[str, ...]
    certain: bool
    alike: tuple[str, ...]
    nearest: tuple[str, float] | None
    tested: bool
    relative: bool = False

    def sentence(self, name: Callable[[str], str] = str) -> str:
        """Return the answer in plain words; `name` marks up names of genes and gene sets."""
        if not self.strongest and not self.usual:
            what = "the mean response" if self.relative else "control"
            return f"No gene is predicted to differ from {what}."
        return " ".join(filter(None, (self._moves(name), self._genes(name), self._like(name))))

    def _moves(self, name: Callable[[str], str]) -> str:
        if not self.tested:
            return ""
        if self.relative:
            ends = [(self.raised, "above"), (self.lowered, "below")]
            parts = [f"{moved.words(name)} {end}" for moved, end in ends if moved]
            if parts:
                return f"Compared with the mean response: {' and '.join(parts)}."
            return "Compared with the mean response no gene set stands out."
        ends = [(self.raised, "raises"), (self.lowered, "lowers")]
        parts = [f"{verb} {moved.words(name)}" for moved, verb in ends if moved]
        words = " and ".join(parts)
        return f"{words[0].upper()}{words[1:]}." if words else "No gene set stands out."

    def _genes(self, name: Callable[[str], str]) -> str:
        named = ", ".join(f"{name(gene)} {'↑' if up else '↓'}" for gene, up in self.strongest)
        rest = len(self.usual) - 1
        usual = name(self.usual[0]) + (f" and {rest} more" if rest else "") if self.usual else ""
        if not named:
            words = f"The strongest are genes that most knockdowns change alike: {usual}"
        elif usual:
            words = f"Strongest: {named} (beside {usual} that most knockdowns change alike)"
        else:
            words = f"Strongest: {named}"
        zero = "the mean response" if self.relative else "no change"
        return words + ("." if self.certain else f"; every 95 % interval includes {zero}.")

    def _like(self, name: Callable[[str], str]) -> str:
        if self.alike:
            return f"Most like {' and '.join(map(name, self.alike))}."
        if self.nearest is None:
            return ""
        gene, similarity = self.nearest
        return (
            f"Unlike every measured knockdown (nearest: {name(gene)}, similarity {similarity:.2f})."
        )


def answer(
    prediction: Prediction,
    near: pd.DataFrame,
    sets: GeneSets | None = None,
    usual: np.ndarray | None = None,
    raised_only: bool = False,
    relative: bool = False,
) -> Answer:
    """Say what stands out in the predicted response to one perturbation.

    Args:
        near: The perturbations most like it, nearest first: columns perturbation, similarity
            (`llmpert.insight.reliability.ReliabilityReference.neighbours`).
        sets: Gene sets among the predicted genes, as they are spelt there.
        usual: Whether most knockdowns change each predicted gene alike (`changed_alike`).
        raised_only: Whether the responses know of raised genes alone.
        relative: Whether the prediction is a difference to the mean response, which knows both
            directions in any case.
    """
    both = relative or not raised_only
    ranked = strongest_genes(prediction, LOOKED_AT, "both" if both else "raised")
    at = pd.Index(prediction.genes).get_indexer(ranked)
    known = np.zeros(len(at), bool) if usual is None else usual[at]
    up = prediction.mean[0, at] > 0
    low, high = prediction.interval(INTERVAL) or (np.zeros(1), np.zeros(1))
    certain = bool((low > 0).any() or (high < 0).any())
    # What all knockdowns have in common is no longer in a difference to their mean.
    skipped = known & (not relative)
    first = [i for i in range(len(at)) if not skipped[i]][:NAMED]
    last = first[-1] if len(first) == NAMED else len(at)
    likes = near[near["similarity"] >= ALIKE]["perturbation"].head(2)
    closest = zip(near["perturbation"].head(1), near["similarity"].head(1), strict=True)
    return Answer(
        _moved(prediction, sets, "raised"),
        _moved(prediction, sets, "lowered") if both else None,
        tuple((ranked[i], bool(up[i])) for i in first),
        tuple(ranked[i] for i in range(last) if skipped[i]),
        certain,
        tuple(map(str, likes)),
        next(((str(name), float(similarity)) for name, similarity in closest), None),
        sets is not None,
        relative,
    )


def _moved(prediction: Prediction, sets: GeneSets | None, direction: Direction) -> Moved | None:
    if sets is None:
        return None
    found = enrichment(strongest_genes(prediction, TESTED, direction), prediction.genes, sets)
    found = found[found["q"] < FDR]
    return Moved(str(found["set"].iloc[0]), len(found)) if len(found) else None


def changed_alike(response: np.ndarray) -> np.ndarray:
    """Return for each gene whether most knockdowns change it alike, given knockdowns x genes.

    They do where the mean of all responses is larger than their standard deviation: if responses
    are normally distributed, five in six knockdowns then move the gene the same way.
    """
    if len(response) < 2:
        return np.zeros(response.shape[1], bool)
    return np.abs(response.mean(axis=0)) > response.std(axis=0)
