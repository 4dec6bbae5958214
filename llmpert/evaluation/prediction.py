"""Predicted responses with their uncertainty."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.io.atomic import atomic_path
from llmpert.io.hashing import fingerprint
from llmpert.models.intervals import INTERVAL, multiple


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted responses of held-out perturbations.

    Attributes:
        perturbations, genes: Names of rows and columns.
        mean: float32, perturbations x genes, in the screen's unit.
        std: Standard deviation of a new measurement, same shape and unit, or None where the model
            gives none.
        intervals: How many standard deviations intervals span (`interval_multiples`), if known.
    """

    perturbations: np.ndarray
    genes: np.ndarray
    mean: np.ndarray
    std: np.ndarray | None
    intervals: np.ndarray | None = None

    def half_width(self, level: float) -> np.ndarray | None:
        """Return half the width of intervals of this probability for new measurements.

        Perturbations x genes, in the screen's unit; None where the model gives no deviations.
        """
        if self.std is None or self.intervals is None:
            return None
        return multiple(self.intervals, level) * self.std

    def row(self, perturbation: str) -> "Prediction":
        """Return the prediction of one perturbation; raise `InputError` where there is none."""
        at = self.perturbations == perturbation
        if not at.any():
            raise InputError(f"There is no prediction for {perturbation}.")
        std = None if self.std is None else self.std[at]
        return Prediction(self.perturbations[at], self.genes, self.mean[at], std, self.intervals)

    def mixed(self, names: np.ndarray) -> "Prediction":
        """Return a prediction a name: a mixture, in equal parts, of the rows that are its own.

        As many rows in turn are of the first name as of any other. A mixture's variance is the mean
        of its parts' variances and the variance of their means together.
        """
        parts = self.mean.reshape(len(names), -1, len(self.genes))
        std = self.std
        if std is not None:
            variance = np.square(std).reshape(parts.shape).mean(axis=1)
            std = np.sqrt(variance + parts.var(axis=1))
        return Prediction(names, self.genes, parts.mean(axis=1), std, self.intervals)

    def table(self) -> pd.DataFrame:
        """Return columns perturbation, gene, mean, and of a new measurement sd, low95, high95.

        Those three are missing where the model gives none.
        """
        rows, columns = self.mean.shape
        unknown = np.full(self.mean.shape, np.nan, dtype=np.float32)
        std = unknown if self.std is None else self.std
        half_width = self.half_width(INTERVAL)
        half_width = unknown if half_width is None else half_width
        return pd.DataFrame(
            {
                "perturbation": np.repeat(self.perturbations, columns),
                "gene": np.tile(self.genes, rows),
                "mean": self.mean.ravel(),
                "sd": np.asarray(std).ravel(),
                "low95": (self.mean - half_width).ravel(),
                "high95": (self.mean + half_width).ravel(),
            }
        )

    def save(self, path: Path) -> None:
        """Write as `.npz` with a digest of the content, atomically."""
        arrays = {
            "perturbations": self.perturbations.astype(str),
            "genes": self.genes.astype(str),
            "mean": self.mean.astype(np.float32),
        }
        if self.std is not None:
            arrays["std"] = self.std.astype(np.float32)
        if self.intervals is not None:
            arrays["interval_multiples"] = self.intervals
        with atomic_path(path) as temporary:
            np.savez(temporary, digest=_digest(arrays), **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "Prediction":
        """Read back what `save` wrote; raise `ValueError` where the content is another.

        NumPy and zipfile raise much else on damaged files.
        """
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored)
        if str(arrays.pop("digest", "")) != _digest(arrays):
            raise ValueError(f"{path} is not what was written")
        return cls(
            arrays["perturbations"].astype(object),
            arrays["genes"].astype(object),
            arrays["mean"],
            arrays.get("std"),
            arrays.get("interval_multiples"),
        )


def _digest(arrays: dict[str, np.ndarray]) -> str:
    return fingerprint(*(part for name in sorted(arrays) for part in (name, arrays[name])))
