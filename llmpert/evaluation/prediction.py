"""Predicted responses with their uncertainty."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.io.atomic import atomic_path
from llmpert.io.hashing import fingerprint
from llmpert.models.distribution import INTERVAL, Distribution, at_level, thinned


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted responses of held-out perturbations.

    Attributes:
        perturbations, genes: Names of rows and columns.
        mean: float32, perturbations x genes, in the screen's unit.
        std: Standard deviation of a new measurement, same shape and unit, or None where the model
            gives none.
        departure: Length of what each whole response adds to the mean response; None as `std`.
        distribution: Of new measurements given these three, if known.
        reference: What was subtracted from each gene's response, or None (`relative_to`).
        parts: Of a mixture: the predictions that it mixes, as many in turn for each row.
    """

    perturbations: np.ndarray
    genes: np.ndarray
    mean: np.ndarray
    std: np.ndarray | None
    departure: np.ndarray | None = None
    distribution: Distribution | None = None
    reference: np.ndarray | None = None
    parts: "Prediction | None" = None

    @property
    def bounded(self) -> np.ndarray:
        """The mean within the bounds of the unit, where it states any: what is shown and written.

        Scores take the mean as it is: cut off, strong genes would be equally strong. Only models
        with a distribution know the bounds.
        """
        if self.distribution is None or np.isinf(self.distribution.bounds).all():
            return self.mean
        mean, reference = self._absolute
        return (np.clip(mean, *self.distribution.bounds) - reference).astype(np.float32)

    def interval(self, level: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Return lower and upper ends that leave out equal shares of new measurements.

        Each perturbations x genes, in the screen's unit; None where the model gives none. The mean
        may lie outside.
        """
        low, high = self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)
        return None if low is None or high is None else (low, high)

    def quantile(self, level: float) -> np.ndarray | None:
        """Return the quantile of a new measurement, such as the median at 0.5; None as `interval`.

        Probabilities beyond 0.005 and 0.995 give the quantiles of these.
        """
        if self.distribution is None or self.std is None or self.departure is None:
            return None
        if self.parts is not None:
            return np.array([at_level(self.responses(row), level) for row in range(len(self.mean))])
        mean, reference = self._absolute
        return self.distribution.quantile(level, mean, self.std, self.departure) - reference

    def responses(self, row: int) -> np.ndarray:
        """Return 100 equally likely measurements of one perturbation, ascending, genes x 100.

        Raises:
            ValueError: The model gives no distribution.
        """
        if self.distribution is None or self.std is None or self.departure is None:
            raise ValueError("expected a prediction with a distribution")
        if self.parts is not None:
            each = len(self.parts.mean) // len(self.mean)
            mixed = [self.parts.responses(row * each + part) for part in range(each)]
            found = thinned(np.sort(np.hstack(mixed), axis=1))
            return found - (0 if self.reference is None else self.reference[:, None])
        mean, reference = self._absolute
        one = slice(row, row + 1)
        found = self.distribution.responses(mean[one], self.std[one], self.departure[one])[0]
        return found - np.broadcast_to(reference, self.genes.shape)[:, None]

    def chances(self, threshold: float = 0.0) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the probability of a measurement above threshold, and of one below -threshold.

        Each perturbations x genes, in hundredths; None as `interval`. Their sum is the probability
        that a gene changes by more than the threshold.

        Raises:
            InputError: The threshold is no number of 0 or more.
        """
        if not 0 <= threshold < np.inf:
            raise InputError(f"Expected a change of 0 or more, found {threshold:g}.")
        if self.distribution is None:
            return None
        up, down = np.empty_like(self.mean), np.empty_like(self.mean)
        for row in range(len(self.mean)):
            likely = self.responses(row)
            up[row], down[row] = (likely > threshold).mean(1), (likely < -threshold).mean(1)
        return up, down

    @property
    def _absolute(self) -> tuple[np.ndarray, np.ndarray | float]:
        """Mean as it was predicted, and what was subtracted since."""
        return (self.mean, 0.0) if self.reference is None else (
            (self.mean + self.reference).astype(np.float32), self.reference
        )  # fmt: skip

    def row(self, perturbation: str) -> "Prediction":
        """Return the prediction of one perturbation; raise `InputError` where there is none."""
        at = np.flatnonzero(self.perturbations == perturbation)
        if not len(at):
            raise InputError(f"There is no prediction for {perturbation}.")
        parts = self.parts
        if parts is not None:
            each = len(parts.mean) // len(self.mean)
            parts = parts._rows(np.ravel(at[:, None] * each + np.arange(each)))
        return replace(self._rows(at), parts=parts)

    def blocks(self, rows: int) -> Iterator["Prediction"]:
        """Yield so many perturbations at a time; a mixture as it is."""
        if self.parts is not None:
            yield self
            return
        for start in range(0, len(self.mean), rows):
            yield self._rows(np.arange(start, min(start + rows, len(self.mean))))

    def _rows(self, at: np.ndarray) -> "Prediction":
        std, departure = (None if x is None else x[at] for x in (self.std, self.departure))
        return replace(
            self, perturbations=self.perturbations[at], mean=self.mean[at], std=std,
            departure=departure,
        )  # fmt: skip

    def of_genes(self, at: np.ndarray) -> "Prediction":
        """Return the prediction of some genes, by their positions."""
        std, reference = self.std, self.reference
        return replace(
            self,
            genes=self.genes[at],
            mean=self.mean[:, at],
            std=None if std is None else std[:, at],
            reference=None if reference is None else reference[at],
            parts=None if self.parts is None else self.parts.of_genes(at),
        )

    @classmethod
    def joined(cls, found: "Sequence[Prediction]") -> "Prediction":
        """Return predictions by one model as one, those of the first above those of the second."""
        names, means = ([getattr(one, k) for one in found] for k in ("perturbations", "mean"))
        stds = [one.std for one in found if one.std is not None]
        departures = [one.departure for one in found if one.departure is not None]
        return replace(
            found[0],
            perturbations=np.concatenate(names),
            mean=np.concatenate(means),
            std=np.concatenate(stds) if stds else None,
            departure=np.concatenate(departures) if departures else None,
        )

    def relative_to(self, reference: np.ndarray) -> "Prediction":
        """Return it as differences to a response, such as the mean of all."""
        # In double precision, so that the mean before is found again.
        before, reference = self.reference, np.asarray(reference, np.float64)
        total = reference if before is None else before + reference
        return replace(self, mean=self.mean - reference, reference=total)

    def mixed(self, names: np.ndarray) -> "Prediction":
        """Return a prediction a name: a mixture, in equal parts, of the rows that are its own.

        As many rows in turn are of the first name as of any other. A mixture's variance is the mean
        of its parts' variances and the variance of their means together.
        """
        if len(names) == len(self.mean):
            return replace(self, perturbations=names)
        parts = self.mean.reshape(len(names), -1, len(self.genes))
        std, departure = self.std, self.departure
        if std is not None:
            variance = np.square(std).reshape(parts.shape).mean(axis=1)
            std = np.sqrt(variance + parts.var(axis=1))
        if departure is not None:
            departure = departure.reshape(len(names), -1).mean(axis=1)
        return replace(
            self, perturbations=names, mean=parts.mean(axis=1), std=std, departure=departure,
            parts=self,
        )  # fmt: skip

    def table(self, beyond: float | None = None, raised_only: bool = False) -> pd.DataFrame:
        """Return columns perturbation, gene, mean (`bounded`), median, sd, low95, high95.

        The last four are of a new measurement, and missing where the model gives none.

        Args:
            beyond: A threshold adds the `chances` p_up, p_down and p_change, their sum, as far as
                the model gives them; raises as these.
            raised_only: Whether responses know of raised genes alone: then there is p_up alone.
        """
        rows, columns = self.mean.shape
        unknown = np.full(self.mean.shape, np.nan, dtype=np.float32)
        low, high = self.interval(INTERVAL) or (unknown, unknown)
        median = self.quantile(0.5)
        found = {
            "mean": self.bounded, "median": unknown if median is None else median,
            "sd": unknown if self.std is None else self.std, "low95": low, "high95": high,
        }  # fmt: skip
        chances = None if beyond is None else self.chances(beyond)
        if chances is not None:
            found["p_up"], down = chances
            if not raised_only:
                found |= {"p_down": down, "p_change": found["p_up"] + down}
        return pd.DataFrame(
            {
                "perturbation": np.repeat(self.perturbations, columns),
                "gene": np.tile(self.genes, rows),
                **{name: values.ravel() for name, values in found.items()},
            }
        )

    def save(self, path: Path) -> None:
        """Write as `.npz` with a digest of the content, atomically; no mixture, nor differences."""
        arrays = {
            "perturbations": self.perturbations.astype(str),
            "genes": self.genes.astype(str),
            "mean": self.mean.astype(np.float32),
        }
        if self.std is not None:
            arrays["std"] = self.std.astype(np.float32)
        if self.departure is not None:
            arrays["departure"] = self.departure
        if self.distribution is not None:
            arrays |= self.distribution.arrays()
            if np.isfinite(self.distribution.bounds).any():
                arrays["bounds"] = np.array(self.distribution.bounds)
        with atomic_path(path) as temporary:
            np.savez(temporary, digest=_digest(arrays), **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "Prediction":
        """Read back what `save` wrote; raise `ValueError` where the content is another.

        An earlier version wrote symmetric intervals: it is another, too. NumPy and zipfile raise
        much else on damaged files.
        """
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored)
        if str(arrays.pop("digest", "")) != _digest(arrays) or "interval_multiples" in arrays:
            raise ValueError(f"{path} is not what was written")
        found = Distribution.of_arrays(arrays) if "outcomes" in arrays else None
        if found is not None and "bounds" in arrays:
            found = found.within(tuple(arrays["bounds"].tolist()))
        return cls(
            arrays["perturbations"].astype(object),
            arrays["genes"].astype(object),
            arrays["mean"],
            arrays.get("std"),
            arrays.get("departure"),
            found,
        )


def _digest(arrays: dict[str, np.ndarray]) -> str:
    return fingerprint(*(part for name in sorted(arrays) for part in (name, arrays[name])))
