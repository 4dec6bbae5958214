"""Knockdowns of a list of genes: what their responses share, and which of them stand apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.experiment import FittedModel
from llmpert.evaluation.metrics import pearson
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.problem import GeneVectors
from llmpert.genes.sets import GeneSets
from llmpert.insight.enrichment import enrichment
from llmpert.insight.signature import typed
from llmpert.screens import Screen

MOST = 500
"""Genes in a list, at most."""

TESTED = 50
"""Measured genes of each direction that are tested for gene sets, at most."""


def find_genes(
    text: str, known: GeneVectors, most: int | None = MOST
) -> tuple[list[str], dict[str, str]]:
    """Return the genes that a text names and that can be predicted, and why others cannot.

    Names are separated by commas, semicolons, blanks or lines. A gene that was knocked down is
    spelt as the screen spells it, and counts once, whatever its names.

    Returns:
        Genes in the order of the text, and name -> a sentence for every other name.

    Raises:
        InputError: No gene or more than `most` are named, or none of them can be predicted.
    """
    names = list(typed(text))
    if not 0 < len(names) <= (most or len(names)):
        expected = f"1 to {most}" if most else "some"
        raise InputError(f"Expected {expected} genes, found {len(names) or 'none'}.")
    found: dict[str, None] = {}
    others: dict[str, str] = {}
    for name in names:
        try:
            knocked_down = known.perturbation(name)
        except InputError as error:
            others[name] = str(error)
            continue
        gene = known.resolve(name).gene
        found[knocked_down or (gene.symbol if gene else name)] = None
    if not found:
        name, reason = next(iter(others.items()))
        raise InputError(f"None of the {len(names):,} names can be predicted. {name}: {reason}")
    return list(found), others


def predictions(
    genes: Sequence[str],
    known: GeneVectors,
    held_out: Sequence[Prediction],
    full: FittedModel | None,
) -> Prediction:
    """Return predictions of genes, none by a model that was trained on its own response.

    Args:
        held_out: Predictions of all perturbations, each without its own response.
        full: A model trained on all perturbations, for other genes; None where there are none.

    Returns:
        Mean (`bounded`) and standard deviation of the measured genes that all these predictions
        have; no intervals, as they are of several models.
    """
    parts, common = [], None
    for one in held_out:
        chosen = [name for name in map(str, one.perturbations) if name in set(genes)]
        parts += [one.row(name) for name in chosen]
    others = [name for name in genes if not known.perturbations_of([name])]
    if others and full is not None:
        parts.append(full.predict(others))
    for part in parts:
        measured = pd.Index(part.genes)
        common = measured if common is None else common[common.isin(measured)]
    if common is None:
        raise InputError("Expected genes to predict, found none.")
    cut = [part.of_genes(pd.Index(part.genes).get_indexer(common)) for part in parts]
    joined, mean = Prediction.joined(cut), np.concatenate([part.bounded for part in cut])
    order = pd.Index(joined.perturbations).get_indexer(list(genes))
    std = None if joined.std is None else joined.std[order]
    return Prediction(joined.perturbations[order], joined.genes, mean[order], std)


@dataclass(frozen=True, eq=False)
class GeneList:
    """Responses to knocking down the genes of a list.

    Attributes:
        responses: Minus the mean response of all knockdowns: a row a gene of the list, a column a
            measured gene.
    """

    responses: pd.DataFrame

    @classmethod
    def of(cls, prediction: Prediction, screen: Screen) -> "GeneList":
        """Subtract the mean response of a screen from predictions (`bounded`)."""
        mean = pd.Series(screen.response.mean(axis=0), screen.genes)[prediction.genes]
        responses = prediction.bounded - mean.to_numpy()
        return cls(pd.DataFrame(responses, prediction.perturbations, prediction.genes))

    def agreement(self) -> pd.Series:
        """Return of each gene the correlation of its response with the mean of all others'.

        Missing where the list has one gene.
        """
        values = self.responses.to_numpy(float)
        if len(values) < 2:
            return pd.Series(np.nan, self.responses.index)
        others = (values.sum(axis=0) - values) / (len(values) - 1)
        return pd.Series(pearson(values, others), self.responses.index)

    def strongest(self, count: int) -> list[list[str]]:
        """Return of each gene the measured genes that it moves most, the strongest first."""
        order = np.argsort(-np.abs(self.responses.to_numpy()), axis=1, kind="stable")[:, :count]
        return self.responses.columns.to_numpy()[order].tolist()

    def shared(self) -> pd.DataFrame:
        """Return what the list does to each measured gene, the strongest first.

        Returns:
            Columns gene, mean (over the list), same (share of the list's knockdowns that move it
            to the side of the mean).
        """
        values = self.responses.to_numpy(float)
        mean = values.mean(axis=0)
        same = (np.sign(values) == np.sign(mean)).mean(axis=0)
        table = pd.DataFrame({"gene": self.responses.columns, "mean": mean, "same": same})
        order = table["mean"].abs().sort_values(ascending=False, kind="stable").index
        return table.loc[order].reset_index(drop=True)

    def moved_sets(self, sets: GeneSets) -> pd.DataFrame:
        """Test gene sets for measured genes that the list moves most, above and below the mean.

        Returns:
            As `enrichment`, with a column moved ("above" or "below"), smallest q first.
        """
        table = self.shared()
        found = []
        for side, chosen in (("above", table["mean"] > 0), ("below", table["mean"] < 0)):
            genes = table["gene"][chosen].head(TESTED)
            found.append(enrichment(genes, table["gene"], sets).assign(moved=side))
        return pd.concat(found).sort_values(["q", "p"], kind="stable").reset_index(drop=True)

    def clustered(self, count: int) -> pd.DataFrame:
        """Return the `count` measured genes that move most; like rows and columns side by side."""
        strength = np.square(self.responses).mean(axis=0)
        top = strength.sort_values(ascending=False, kind="stable").index[:count]
        table = self.responses[top]
        values = table.to_numpy(float)
        return table.iloc[_leaves(values), _leaves(values.T)]


def _leaves(rows: np.ndarray) -> np.ndarray:
    """Return an order of rows by average linkage of their Euclidean distances."""
    from scipy.cluster.hierarchy import leaves_list, linkage  # takes half a second

    if len(rows) < 3:
        return np.arange(len(rows))
    return leaves_list(linkage(rows, "average", optimal_ordering=True))


def counted(others: Mapping[str, str]) -> str:
    """Return how many names cannot be predicted, and the first of them, with the reason."""
    name, reason = next(iter(others.items()))
    return f"{len(others):,} not predicted: {', '.join(list(others)[:10])}. {name}: {reason}"
