"""Which genes to knock down next, so that most is learnt about the responses to all knockdowns."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.experiment import FittedModel
from llmpert.genes import GeneTable
from llmpert.io.atomic import atomic_path
from llmpert.io.hashing import fingerprint
from llmpert.io.names import preview
from llmpert.models.gp.design import Belief, Reduction, choose

VERSION = 1
"""Raised whenever the same model gives another plan, so that those that are kept are not used."""

MOST_TARGETS = 2000
"""So many targets stand for all where there are more."""

RANDOM, MOST_RANDOM, FEW_TARGETS = 10, 200, 500
"""Random plans that a plan is held against, their knockdowns and targets, at most."""

GUIDES = 3
"""Columns for guides in a library."""

ROWS = 4096
"""Genes looked up in one go."""

MEASURED, LACKING, UNKNOWN = "knocked down already", "without a vector", "unknown"
"""Why typed genes are not used."""


@dataclass(frozen=True, eq=False)
class Ground:
    """All genes that a Gaussian process can predict.

    Attributes:
        names: The genes, M; first those that nobody knocked down.
        inputs: Of the model, M x K, float32.
        measured: Whether each is a training perturbation, M.
        belief: What the model knows of the responses to all of them.
    """

    names: np.ndarray
    inputs: np.ndarray
    measured: np.ndarray
    belief: Belief

    @classmethod
    def of(cls, fitted: FittedModel, unseen: Sequence[str]) -> "Ground":
        """Look up all genes.

        Args:
            unseen: Those that no training perturbation is of.

        Raises:
            InputError: The model finds no signal in the responses, or is no Gaussian process.
        """
        if not hasattr(fitted.model, "belief"):
            raise InputError(f"Expected a Gaussian process, found {fitted.spec.label}.")
        if not len((belief := fitted.model.belief().grouped()).levels):
            raise InputError(
                "The model finds no signal in the responses: it cannot tell which knockdowns would"
                " teach more than others."
            )
        names = [*map(str, unseen), *map(str, fitted.trained_on)]
        starts = range(0, len(names), ROWS)
        inputs = [fitted.inputs(names[at : at + ROWS]).astype(np.float32) for at in starts]
        measured = np.arange(len(names)) >= len(unseen)
        return cls(np.array(names, dtype=object), np.concatenate(inputs), measured, belief)

    @property
    def mark(self) -> str:
        """Names what a plan of all genes depends on."""
        scales = [f"{scale:.6g}" for scale in self.belief.covariance.lengthscales]
        return fingerprint(VERSION, self.names, self.measured, scales)

    @property
    def open(self) -> np.ndarray:
        """The rows of the genes that nobody knocked down."""
        return np.flatnonzero(~self.measured)

    def find(self, names: Iterable[str]) -> tuple[dict[str, int], dict[str, list[str]]]:
        """Return typed name -> row, and why others have none -> these names."""
        table, names = GeneTable.shipped(), list(dict.fromkeys(names))
        place = {str(name): row for row, name in enumerate(self.names)}
        spelt = table.spelt_as(names, place)
        kinds = table.kinds(name for name in names if name not in spelt)
        why: dict[str, list[str]] = {}
        for name, kind in kinds.items():
            why.setdefault(LACKING if kind else UNKNOWN, []).append(name)
        return {name: place[spelt[name]] for name in names if name in spelt}, why

    def candidates(self, names: Iterable[str]) -> tuple[np.ndarray, dict[str, list[str]]]:
        """Return the rows of candidates by their names, and why others are none -> these names.

        Raises:
            InputError: None is a gene that the model can predict and that nobody knocked down.
        """
        found, why = self.find(names)
        known = [name for name, row in found.items() if self.measured[row]]
        why |= {MEASURED: known} if known else {}
        rows = [row for row in dict.fromkeys(found.values()) if not self.measured[row]]
        if not rows:
            reasons = "; ".join(f"{len(n):,} {what}: {preview(n)}" for what, n in why.items())
            raise InputError(
                f"Expected one candidate or more, found none ({reasons or 'no gene'})."
            )
        return np.array(rows), why

    def without(self, left_out: Iterable[str], names: Iterable[str] | None = None) -> list[str]:
        """Return names of candidates, by default all, less those of genes to be left out."""
        offered = self.names[self.open] if names is None else names
        gone, found = set(self.find(left_out)[0].values()), self.find(offered)[0]
        return [name for name in offered if found.get(name) not in gone]

    def targets(self, weights: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of targets and their weights, by name.

        Raises:
            InputError: None has a vector, or a weight is negative.
        """
        found, why = self.find(weights)
        if wrong := [name for name in found if not weights[name] >= 0]:
            raise InputError(f"Expected weights of 0 or more, found others: {preview(wrong)}.")
        rows = {row: weights[name] for name, row in found.items() if weights[name] > 0}
        if not rows:
            others = [name for names in why.values() for name in names]
            raise InputError(
                "Expected one target or more with a vector and a weight above 0, found"
                f" {preview(others) if others else 'none'}."
            )
        return np.array([*rows]), np.array([*rows.values()])


@dataclass(frozen=True, eq=False)
class Plan:
    """The next knockdowns.

    Attributes:
        table: Columns rank, gene, gain and together: how much of the variance over the targets each
            knockdown takes, as a share of what there is, and how much it and all before it do.
        random: Shares that as many random candidates take, plans x knockdowns, adding up.
        rows: The knockdowns' rows in the ground.
    """

    table: pd.DataFrame
    random: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, ground: Ground, rows: np.ndarray, taken: np.ndarray, random: np.ndarray) -> "Plan":
        """Return a plan of knockdowns by their rows in the ground, and what each takes."""
        rank = np.arange(1, len(rows) + 1)
        columns = {"rank": rank, "gene": ground.names[rows], "gain": taken}
        return cls(pd.DataFrame(columns).assign(together=np.cumsum(taken)), random, rows)

    def first(self, count: int, ground: Ground) -> "Plan":
        """Return the plan of fewer knockdowns: its choices do not depend on those after them."""
        gain = self.table["gain"].to_numpy()
        return Plan.of(ground, self.rows[:count], gain[:count], self.random)

    def save(self, path: Path, ground: Ground) -> None:
        """Write the plan of all candidates and targets of a ground; nothing else is read as one."""
        kept = {
            "ground": ground.mark,
            "genes": [*self.table["gene"]],
            "gain": [*map(_short, self.table["gain"])],
            "random": [[*map(_short, one)] for one in self.random],
        }
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(kept), "utf-8")

    @classmethod
    def load(cls, path: Path, ground: Ground) -> "Plan | None":
        """Read what `save` wrote; None if it is of another ground."""
        kept = json.loads(path.read_text("utf-8"))
        if kept["ground"] != ground.mark:
            return None
        place = {name: row for row, name in enumerate(ground.names)}
        rows = np.array([place[name] for name in kept["genes"]])
        return cls.of(ground, rows, np.array(kept["gain"]), np.array(kept["random"]))

    @property
    def worth(self) -> int | None:
        """How many random knockdowns remove as much, on average; None where more are needed."""
        enough = np.flatnonzero(self.random.mean(axis=0) >= self.table["together"].iloc[-1])
        return int(enough[0]) + 1 if len(enough) else None

    def compared(self) -> str:
        """Return in words how many random knockdowns remove as much variance."""
        longest = self.random.shape[1]
        if self.worth is None:
            return f"{longest:,} random ones remove {self.random.mean(axis=0)[-1]:.1%}"
        return f"{self.worth:,} random ones remove as much"

    def library(self, ground: Ground) -> pd.DataFrame:
        """Return a table for guides: gene, ensembl_id, rank, gain, guide_1, guide_2, guide_3."""
        known = [GeneTable.shipped().resolve(str(gene)).gene for gene in self.table["gene"]]
        ensembl = ["".join(gene.ensembl[:1]) if gene else "" for gene in known]
        found = self.table[["gene", "rank", "gain"]].copy()
        found.insert(1, "ensembl_id", ensembl)
        return found.assign(**{f"guide_{number}": "" for number in range(1, GUIDES + 1)})


def plan(
    ground: Ground,
    budget: int,
    candidates: np.ndarray | None = None,
    targets: tuple[np.ndarray, np.ndarray] | None = None,
    effects: np.ndarray | None = None,
    exact: bool = False,
) -> Plan:
    """Choose the knockdowns that leave the least variance over the targets' responses.

    Greedy: each is the one that takes most from the variance that those before it leave
    (`llmpert.models.gp.design`). Where there are more than `MOST_TARGETS` targets, a random sample
    stands for them.

    Args:
        budget: How many.
        candidates: Rows of the ground; all that nobody knocked down by default.
        targets: Rows and what each counts; all alike by default.
        effects: What the response of each gene of the ground counts besides, such as its expected
            size.
        exact: Whether every gain is computed anew for every choice, and not of the most promising.

    Raises:
        InputError: There is no candidate, or the budget is below 1 or above their number.
    """
    rows = ground.open if candidates is None else candidates
    if not len(rows):
        raise InputError(
            "Every gene with a vector was knocked down already: there is none to choose."
        )
    if not 1 <= budget <= len(rows):
        raise InputError(
            f"Expected 1 to {len(rows):,} knockdowns, as many as there are candidates, found"
            f" {budget:,}."
        )
    size = len(ground.names)
    aims, weights = targets or (np.arange(size), np.ones(size))
    if effects is not None:
        weights = weights * effects[aims]
    counts = np.zeros(size)
    counts[aims] = weights
    whole = reduction(ground, rows, counts, MOST_TARGETS)
    taken = choose(whole, budget, exact) / whole.total()
    random = np.random.default_rng(0)
    length = min(len(rows), max(budget, MOST_RANDOM))
    orders = np.stack([random.permutation(len(rows))[:length] for _ in range(RANDOM)])
    drawn, places = np.unique(orders, return_inverse=True)
    some = reduction(ground, rows[drawn], counts, FEW_TARGETS)
    at_random = np.stack([some.taken_by(order) for order in places.reshape(orders.shape)])
    at_random /= some.total()
    return Plan.of(ground, rows[whole.chosen], taken, np.cumsum(at_random, axis=1))


def _short(share: float) -> float:
    """Return a share as precise as it is computed."""
    return float(f"{share:.6g}")


def reduction(ground: Ground, rows: np.ndarray, counts: np.ndarray, most: int) -> Reduction:
    """Return what candidates, by their rows, take from genes that count so much, M."""
    aims, sampled = np.flatnonzero(counts), counts
    if len(aims) > most:
        some = np.random.default_rng(0).permutation(len(aims))[:most]
        sampled = np.zeros_like(counts)
        sampled[aims[some]] = counts[aims[some]] * counts.sum() / counts[aims[some]].sum()
        aims = np.flatnonzero(sampled)
    # A target in the sample stands for others, too, but not for these when it is measured itself.
    own = (counts - sampled)[rows]
    return Reduction(
        ground.belief, ground.inputs[rows], ground.inputs[aims], sampled[aims], own
    )  # fmt: skip


def expected_effects(fitted: FittedModel, ground: Ground) -> np.ndarray:
    """Return how far each gene's response is expected to be from the mean response, M.

    The length of a prediction's departure, over all predicted genes, divided by the mean of all.
    """
    starts = range(0, len(ground.names), ROWS)
    inputs = (ground.inputs[at : at + ROWS].astype(float) for at in starts)
    found = np.concatenate(
        [np.linalg.norm(fitted.model.components_of(part)[0], axis=1) for part in inputs]
    )
    return found / (found.mean() or 1.0)


def places(ground: Ground) -> tuple[pd.DataFrame, tuple[float, float]]:
    """Return genes by the first two principal components of the inputs: gene, x, y; and shares."""
    centred = ground.inputs - ground.inputs.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    x, y = (centred @ axes[:, [-1, -2 % len(values)]]).T
    first, second = values[-1] / values.sum(), values[-2 % len(values)] / values.sum()
    return pd.DataFrame({"gene": ground.names, "x": x, "y": y}), (float(first), float(second))
