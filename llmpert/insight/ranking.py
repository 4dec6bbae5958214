"""The strongest genes and rows, and how two columns of a table go together."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from llmpert.evaluation.metrics import pearson
from llmpert.evaluation.prediction import Prediction
from llmpert.screens.screen import Screen

Direction = Literal["both", "raised", "lowered"]

LARGEST_SHARE = 0.25
"""At most so much of all predicted genes: beyond it "strongest" loses its meaning."""


def strongest(
    table: pd.DataFrame,
    columns: str | list[str],
    count: int | None = None,
    raised_only: bool = False,
) -> pd.DataFrame:
    """Return the rows with the largest absolute value in any of these columns, strongest first.

    Rows without a value are left out; rows of equal strength keep their order. With `raised_only`
    the largest values count, and rows that have none above 0 are left out, too.
    """
    values = table[columns if isinstance(columns, list) else [columns]]
    strength = (values.where(values > 0) if raised_only else values.abs()).max(axis=1)
    order = strength.sort_values(ascending=False, kind="stable").dropna().index
    return table.loc[order[:count]].reset_index(drop=True)


def correlation(table: pd.DataFrame, x: str, y: str) -> float:
    """Return the Pearson correlation of two columns over the rows that have both.

    NaN where fewer than two have, or one of the columns is the same for all.
    """
    both = table[[x, y]].dropna().to_numpy()
    return float(pearson(both[:, :1].T, both[:, 1:].T)[0]) if len(both) > 1 else float("nan")


def strongest_genes(prediction: Prediction, count: int, direction: Direction = "both") -> list[str]:
    """Return the genes of the largest predicted |Δ| for one perturbation, strongest first.

    At most `count`, and never more than `LARGEST_SHARE` of all predicted genes.
    """
    mean = prediction.mean[0]
    wanted = {"both": mean != 0, "raised": mean > 0, "lowered": mean < 0}[direction]
    order = np.argsort(-np.abs(mean), kind="stable")
    order = order[wanted[order]][: min(count, int(LARGEST_SHARE * len(mean)))]
    return [str(gene) for gene in prediction.genes[order]]


def set_apart(
    screen: Screen, perturbations: Sequence[str], count: int
) -> tuple[list[str], list[list[float] | None]]:
    """Return genes that these perturbations change most unlike the mean response of all.

    Returns:
        The genes, those above the mean first, and a row a perturbation: its response minus the mean
        at each of them; None for one that the screen does not have.
    """
    rows = pd.Index(screen.perturbations).get_indexer(pd.Index(perturbations))
    if not (rows >= 0).any():
        return [], [None] * len(rows)
    own = screen.response[rows[rows >= 0]] - screen.response.mean(axis=0)
    top = np.argsort(-np.abs(own).mean(axis=0), kind="stable")[:count]
    top = top[np.argsort(-own[:, top].mean(axis=0), kind="stable")]
    values = iter(own[:, top].tolist())
    return [str(gene) for gene in screen.genes[top]], [
        next(values) if row >= 0 else None for row in rows
    ]


def strong_perturbation(screen: Screen) -> str:
    """Return a perturbation with a strong response, for a first view.

    By root mean square, counted in standard errors where the numbers of cells are known.
    """
    cells = 1.0 if screen.cells is None else screen.cells
    return _strong(screen.perturbations, np.square(screen.response).sum(axis=1) * cells)


def changing_gene(screen: Screen) -> str:
    """Return a measured gene that perturbations change much, for a first view."""
    return _strong(screen.genes, screen.response.var(axis=0))


def _strong(names: np.ndarray, strength: np.ndarray) -> str:
    """Return the name that is stronger than 19 in 20: enough to see, and no outlier."""
    order = np.argsort(strength, kind="stable")
    return str(names[order[int(0.95 * (len(order) - 1))]])
