"""Two predictions on common ground: the genes of both, and where they disagree."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.prediction import Prediction
from llmpert.insight.similarity import correlation
from llmpert.screens.screen import Screen


@dataclass(frozen=True, eq=False)
class Side:
    """One of two predictions that are compared, of one perturbation, in a unit.

    `measured` is what was measured at the prediction's genes, or None.
    """

    label: str
    prediction: Prediction
    measured: np.ndarray | None
    unit: str

    def relative_to_mean(self, screen: Screen) -> "Side":
        """Return the same as differences to the mean response of all knockdowns of a screen."""
        mean = pd.Series(screen.response.mean(axis=0), index=screen.genes)
        usual = mean.reindex(self.prediction.genes).to_numpy()
        return replace(
            self,
            prediction=self.prediction.relative_to(usual),
            measured=None if self.measured is None else self.measured - usual,
            unit=f"{self.unit}, minus the mean response",
        )


def compare(a: Side, b: Side) -> pd.DataFrame:
    """Set both predictions of every gene that both predict side by side; most disagreement first.

    Disagreement is |a − b| / √(sd_a² + sd_b²) where both sides give standard deviations (those of
    the difference between two new, independent measurements), else |a − b|.

    Returns:
        Columns gene; a, sd_a, low95_a, high95_a, measured_a; the same of b; difference (a − b),
        disagreement. What a side does not know is missing.

    Raises:
        InputError: No gene is predicted by both.
    """
    table = _columns(a, "a").join(_columns(b, "b"), how="inner")
    if table.empty:
        raise InputError(
            f"{a.label} and {b.label} have no predicted gene in common, so there is nothing to"
            " compare."
        )
    table["difference"] = table["a"] - table["b"]
    size = table["difference"].abs()
    table["disagreement"] = (
        size / np.hypot(table["sd_a"], table["sd_b"]) if in_deviations(a, b) else size
    )
    return table.sort_values("disagreement", ascending=False, kind="stable").reset_index()


def in_deviations(a: Side, b: Side) -> bool:
    """Return whether disagreement is in standard deviations: both sides give them."""
    return a.prediction.std is not None and b.prediction.std is not None


def _columns(side: Side, name: str) -> pd.DataFrame:
    table = side.prediction.table().set_index("gene").drop(columns=["perturbation", "median"])
    table = table.rename(columns={"mean": ""}).add_suffix(f"_{name}").astype(np.float64)
    table[f"measured_{name}"] = np.nan if side.measured is None else side.measured
    return table.rename(columns={f"_{name}": name})


def most_alike(screen: Screen, perturbation: str) -> str:
    """Return the other perturbation whose measured response correlates best with this one's."""
    at = np.flatnonzero(screen.perturbations == perturbation)
    alike = np.nan_to_num(correlation(screen.response[at], screen.response)[0], nan=-2)
    alike[at] = -np.inf
    return str(screen.perturbations[int(np.argmax(alike))])
