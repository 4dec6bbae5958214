"""Predicted responses with their uncertainty."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.storage import atomic_path


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted responses of held-out perturbations.

    Attributes
    ----------
    perturbations, genes:
        Names of rows and columns.
    mean:
        float32, perturbations x genes, in the screen's unit.
    std:
        Standard deviation of a new measurement, same shape and unit, or None where the model
        gives none.
    """

    perturbations: np.ndarray
    genes: np.ndarray
    mean: np.ndarray
    std: np.ndarray | None

    def row(self, perturbation: str) -> "Prediction":
        """The prediction of one perturbation.

        Raises
        ------
        InputError
            It is not among those predicted.
        """
        found = np.flatnonzero(self.perturbations == perturbation)
        if not len(found):
            raise InputError(f"There is no prediction for {perturbation}.")
        std = None if self.std is None else self.std[found]
        return Prediction(self.perturbations[found], self.genes, self.mean[found], std)

    def table(self) -> pd.DataFrame:
        """Columns perturbation, gene, mean, sd (missing where the model gives none)."""
        rows, columns = self.mean.shape
        std = np.full(self.mean.shape, np.nan) if self.std is None else self.std
        return pd.DataFrame(
            {
                "perturbation": np.repeat(self.perturbations, columns),
                "gene": np.tile(self.genes, rows),
                "mean": self.mean.ravel(),
                "sd": np.asarray(std).ravel(),
            }
        )

    def save(self, path: Path) -> None:
        """Write as `.npz`, atomically."""
        arrays = {
            "perturbations": self.perturbations.astype(str),
            "genes": self.genes.astype(str),
            "mean": self.mean.astype(np.float32),
        }
        if self.std is not None:
            arrays["std"] = self.std.astype(np.float32)
        with atomic_path(path) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "Prediction":
        """Read back what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(
                arrays["perturbations"].astype(object),
                arrays["genes"].astype(object),
                arrays["mean"],
                arrays.get("std"),
            )
