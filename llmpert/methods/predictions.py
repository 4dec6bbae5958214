"""Predictions of a method that was run elsewhere, read from one documented file.

The file is AnnData (`.h5ad`), perturbations x genes of predicted Δ:

- `X`: float32, dense or sparse; a row a perturbation, a column a measured gene; NaN where a
  perturbation's response of a gene is not predicted (folds can be scored on different genes);
- `obs_names`, `var_names`: names of the perturbations and of the genes, by any name that
  `llmpert.genes` knows;
- `obs["fold"]`: which of the method's models made the row (several, as no model may predict what it
  was trained on);
- `uns["trained_on"]`: fold -> names of the perturbations that this fold's model was trained on;
- `uns["method"]`, `uns["line"]`, `uns["unit"]`: text, what to call the method, the cell line, and
  what one unit of Δ is, as in the screen;
- `uns["version"]`: optional, 1 as long as the layout is this one;
- `uns["about"]`: optional, JSON text: versions, the command, seconds, and what else is worth
  keeping.

A row counts as held out, so no fold may have been trained on a perturbation that it predicts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.results import PUBLISHED
from llmpert.io.atomic import atomic_path
from llmpert.io.names import check_names, preview, shown
from llmpert.io.reading import as_input_error, check_version, require_file
from llmpert.io.remarks import check_remarks, parse_object
from llmpert.models.registry import MODELS
from llmpert.screens.files import dense, open_h5ad, stated

FORMAT_VERSION = 1
REMARKS = ("version", "method", "line", "unit", "trained_on", "about")


@dataclass(frozen=True, eq=False)
class ExternalPredictions:
    """One method's predictions of one cell line, each row by a model that did not train on it.

    Attributes:
        method: None of the registry's names or labels.
        perturbations, genes: Names of rows and columns, each unique.
        delta: float32, perturbations x genes, read-only; NaN where there is no prediction.
        fold: For each row, the name of the model that made it.
        trained_on: Fold -> perturbations that its model was trained on, none of which it predicts.
        about: JSON values: versions, command, seconds …
        source: The file, for messages.

    Raises:
        InputError: One of these is not so.
    """

    method: str
    line: str
    unit: str
    perturbations: np.ndarray
    genes: np.ndarray
    delta: np.ndarray
    fold: np.ndarray
    trained_on: Mapping[str, np.ndarray]
    about: dict[str, Any] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        # What float32 cannot hold becomes infinite and is then reported like any infinite value.
        with np.errstate(over="ignore"):
            delta = np.array(self.delta, dtype=np.float32, order="C")
        delta.setflags(write=False)
        object.__setattr__(self, "delta", delta)
        for name in ("perturbations", "genes", "fold"):
            object.__setattr__(self, name, _strings(getattr(self, name)))
        trained_on = {str(fold): _strings(names) for fold, names in self.trained_on.items()}
        object.__setattr__(self, "trained_on", trained_on)
        object.__setattr__(self, "source", self.source or f"{self.method} on {self.line}")
        self._check()

    @property
    def train_size(self) -> int:
        """Perturbations that a model was trained on: where folds differ, the smallest number."""
        return min(len(names) for names in self.trained_on.values())

    @classmethod
    def read(cls, path: str | Path, line: str | None = None) -> "ExternalPredictions":
        """Read a file of the module's layout, of this cell line or else of the one that it names.

        Raises:
            InputError: The file is missing or damaged, lacks a part, is of another line, holds
                infinite numbers or a name twice, or a fold was trained on what it predicts.
        """
        path = require_file(path)
        data = open_h5ad(path, REMARKS)
        check_version(path, "predictions", data.uns.get("version", 1), FORMAT_VERSION)
        said = stated(data.uns, "line") if line is None or "line" in data.uns else line
        if line is not None and said != line:
            raise InputError.of_file(path, f"predictions of {line}", f"predictions of {said}")
        if "fold" not in data.obs or data.obs["fold"].isna().any():
            raise InputError.of_file(
                path, "the fold of every row in the column 'fold' of obs", "rows without one"
            )
        with as_input_error(path, "a JSON object as text under 'about' in uns"):
            about = parse_object(data.uns.get("about", "{}"))
        return cls(
            method=stated(data.uns, "method"),
            line=said,
            unit=stated(data.uns, "unit"),
            perturbations=data.obs_names.to_numpy(),
            genes=data.var_names.to_numpy(),
            delta=dense(data.X, path),
            fold=data.obs["fold"].to_numpy(),
            trained_on=_trained_on(data, path),
            about=check_remarks(path, about),
            source=str(path),
        )

    def save(self, path: str | Path) -> None:
        """Write in the module's layout; an existing file is replaced only by a complete one."""
        data = anndata.AnnData(
            obs=pd.DataFrame({"fold": pd.Categorical(self.fold)}, index=self.perturbations),
            var=pd.DataFrame(index=self.genes),
            uns={
                "version": FORMAT_VERSION,
                "method": self.method,
                "line": self.line,
                "unit": self.unit,
                "trained_on": {fold: names.astype(str) for fold, names in self.trained_on.items()},
                "about": json.dumps(self.about),
            },
        )
        # Shuffled, the bytes of floats pack better. Only X: AnnData would ask it of texts too.
        packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
        with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
            anndata.io.write_elem(file, "/", data)
            anndata.io.write_elem(file, "X", self.delta, dataset_kwargs=packed)

    def _refuse(self, expected: str, found: str) -> InputError:
        return InputError.of_file(self.source, expected, found)

    def _check(self) -> None:
        for name in ("method", "line", "unit"):
            if not str(getattr(self, name)).strip():
                raise self._refuse(f"text that names the {name} (in a file: uns[{name!r}])", "none")
        check_names(self.source, "method, line and unit", [self.method, self.line, self.unit])
        taken = {*MODELS, *(spec.label for spec in MODELS.values())}
        if self.method in taken or self.method.endswith(PUBLISHED):
            raise self._refuse(
                "a name of the method that no model of llmpert and no published result has",
                repr(self.method),
            )
        rows, columns = len(self.perturbations), len(self.genes)
        if self.delta.shape != (rows, columns) or not rows or not columns:
            raise self._refuse(
                f"predicted Δ of {rows} perturbations x {columns} genes, at least one of each",
                f"a matrix of shape {self.delta.shape}",
            )
        for kind, names in (("perturbation", self.perturbations), ("gene", self.genes)):
            check_names(self.source, kind, names, unique=True)
        for expected, found, bad in (
            ("finite numbers", "infinite ones in", np.isinf(self.delta).any(axis=1)),
            ("a number in every row", "none for", np.isnan(self.delta).all(axis=1)),
        ):
            if bad.any():
                which = f"{bad.sum()} perturbation(s): {preview(self.perturbations[bad])}"
                raise self._refuse(expected, f"{found} {which}")
        if len(self.fold) != rows:
            raise self._refuse("a fold for every perturbation", f"{len(self.fold)} folds")
        unknown = sorted(set(self.fold) - set(self.trained_on))
        if unknown:
            raise self._refuse(
                f"what every fold was trained on in trained_on ({preview(list(self.trained_on))})",
                f"rows of fold {preview(unknown)}, which is not there",
            )
        for fold, names in self.trained_on.items():
            check_names(self.source, "fold", [fold])
            check_names(self.source, "perturbation", names)
            # AnnData takes "/" in a name for a folder.
            if "/" in fold:
                raise self._refuse("names of folds without /", repr(fold))
            if not len(names):
                raise self._refuse(f"perturbations that fold {fold} was trained on", "none")
            predicted = self.perturbations[self.fold == fold]
            both = predicted[pd.Index(predicted).isin(names)]
            if len(both):
                raise self.overlap(fold, list(both))

    def overlap(self, fold: str, names: list[str]) -> InputError:
        """Make the error that a fold predicts perturbations that it was trained on."""
        return self._refuse(
            "predictions of perturbations that their model was not trained on",
            f"{len(names)} that fold {fold} was trained on: {preview(names)}",
        )


def _strings(names: Any) -> np.ndarray:
    found = np.array([str(name) for name in names], dtype=object)
    found.setflags(write=False)
    return found


def _trained_on(data: anndata.AnnData, path: Path) -> dict[str, np.ndarray]:
    expected = "arrays of perturbation names by fold under 'trained_on' in uns"
    stored = data.uns.get("trained_on")
    if not isinstance(stored, Mapping) or not stored:
        raise InputError.of_file(path, expected, shown(stored))
    for fold, names in stored.items():
        # Numbers could be positions of rows: as names they would match nothing and hide an overlap.
        odd = next((name for name in np.ravel(names) if not isinstance(name, str)), None)
        if odd is not None:
            raise InputError.of_file(path, expected, f"{odd!r} in fold {fold}")
    return {str(fold): np.ravel(names) for fold, names in stored.items()}
