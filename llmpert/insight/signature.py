"""A signature: genes that a state raises or lowers, as typed, of a response or of cells."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from llmpert.errors import InputError
from llmpert.genes import GeneTable
from llmpert.genes.orthologs import look_like_mouse
from llmpert.io.names import preview

if TYPE_CHECKING:
    from llmpert.screens.cells.cluster import Cluster

USUAL = 150
"""Genes taken of a response: those that it raises most, and as many that it lowers."""

FEWEST_SHARED = 20
"""Genes that a file of cells has to share with what is searched."""

LARGEST_SHARE = 0.5
"""More than this share of the measured genes single out nothing."""

_SEPARATORS = re.compile(r"[\s,;|]+")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Signature:
    """Genes and how a state changes them.

    Attributes:
        genes: Measured genes, D.
        weights: What the state does to each of them, D; 0 for genes that were not named.
        not_measured: Named genes that are known but not measured here.
        unknown: Names that mean no gene.
    """

    genes: np.ndarray
    weights: np.ndarray
    not_measured: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def used(self) -> list[str]:
        """Named genes that are measured, the strongest first."""
        order = np.argsort(-np.abs(self.weights), kind="stable")
        return [str(self.genes[g]) for g in order if self.weights[g]]

    @classmethod
    def of_names(
        cls, up: str, down: str, genes: np.ndarray, table: GeneTable | None = None
    ) -> "Signature":
        """Read typed genes, those that rise and those that fall.

        Names are separated by commas, semicolons, blanks, tabs or lines, with or without quotes. A
        number behind a name is its weight; in `up` a negative one means that the gene falls.

        Args:
            genes: Measured ones.

        Raises:
            InputError: No gene is named, none is measured, one is both up and down, most measured
                genes are named, or the names are of mouse genes.
        """
        table = table or GeneTable.shipped()
        named = [*typed(up).items(), *((name, -w) for name, w in typed(down).items())]
        if not named:
            raise InputError("Expected one gene or more, found none: type or paste their names.")
        place = {str(gene): row for row, gene in enumerate(genes)}
        others = [name for name, _ in named if name not in place]
        if others and look_like_mouse(others):
            raise InputError(
                f"Expected human genes, found what look like mouse genes: {preview(others)}. Give"
                " the symbols of their human orthologs."
            )
        spelt = table.spelt_as([name for name, _ in named], map(str, genes))
        weights, clash = np.zeros(len(genes)), []
        for name, weight in named:
            if name in spelt and weight:
                row = place[spelt[name]]
                if weights[row] * weight < 0:
                    clash.append(name)
                weights[row] = weight
        if clash:
            found = f"found {preview(sorted(set(clash)))} in both"
            raise InputError(f"Expected different genes up and down, {found}.")
        missing = list(dict.fromkeys(name for name, _ in named if name not in spelt))
        kinds = table.kinds(missing)
        unknown = tuple(name for name in missing if not kinds[name])
        known = tuple(name for name in missing if kinds[name])
        if not weights.any():
            raise InputError(
                f"None of the {len(missing):,} genes is measured here: {preview(missing)}."
            )
        if (count := int((weights != 0).sum())) > LARGEST_SHARE * len(genes):
            raise InputError(
                f"Expected at most {LARGEST_SHARE:.0%} of the {len(genes):,} measured genes, found"
                f" {count:,}: so many single out no state. Give the strongest 10 to 200."
            )
        return cls(genes, weights, known, unknown)

    @classmethod
    def of_response(
        cls, response: np.ndarray, genes: np.ndarray, count: int = USUAL, raised_only: bool = False
    ) -> "Signature":
        """Return the genes that a response raises and lowers most, each with weight 1 or -1.

        Args:
            response: D, relative to the mean response where what is common to all knockdowns is
                not what is looked for.
            raised_only: Whether lowered genes are not known.
        """
        order = np.argsort(-response, kind="stable")
        weights = np.zeros(len(genes))
        top, bottom = order[:count], order[::-1][:count]
        weights[top[response[top] > 0]] = 1
        if not raised_only:
            weights[bottom[response[bottom] < 0]] = -1
        if not weights.any():
            raise InputError(
                "Expected a response that changes a gene, found one that changes none."
            )
        return cls(genes, weights)

    @classmethod
    def of_cluster(
        cls, cluster: "Cluster", genes: np.ndarray, raised_only: bool = False
    ) -> "Signature":
        """Return what sets a cluster of cells apart from the rest, of the genes that both have.

        As `of_response`, and at most a quarter of the shared genes in each direction.

        Args:
            genes: Measured ones.
            raised_only: Whether responses know of raised genes alone.

        Raises:
            InputError: Fewer than `FEWEST_SHARED` genes are shared, or none is raised or lowered.
        """
        names = [*map(str, cluster.genes)]
        spelt = GeneTable.shipped().spelt_as(names, map(str, genes))
        if (shared := len(set(spelt.values()))) < FEWEST_SHARED:
            mouse = " They look like mouse genes." * look_like_mouse(names)
            raise InputError(
                f"Expected {FEWEST_SHARED} or more genes that are measured here, found {shared:,}"
                f" among {len(names):,}: {preview(names)}.{mouse}"
            )
        place = {str(gene): row for row, gene in enumerate(genes)}
        found = np.zeros(len(genes))
        for name, value in zip(names, cluster.difference, strict=True):
            if name in spelt:
                found[place[spelt[name]]] = value
        return cls.of_response(found, genes, min(USUAL, shared // 4), raised_only)

    @property
    def reversed(self) -> "Signature":
        """The opposite state."""
        return Signature(self.genes, -self.weights, self.not_measured, self.unknown)


def typed(text: str) -> Mapping[str, float]:
    """Return typed names and their weights, 1 where there is none.

    Names are separated by commas, semicolons, blanks, tabs or lines, with or without quotes.
    """
    words = [word.strip("\"'`") for word in _SEPARATORS.split(text)]
    found: dict[str, float] = {}
    last = ""
    for word in filter(None, words):
        if last and _NUMBER.fullmatch(word):
            found[last] = float(word)
            last = ""
        else:
            found.setdefault(word, 1.0)
            last = word
    return found
