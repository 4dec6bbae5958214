"""Predictions of a method that was run elsewhere: their file, matched with a screen, scored.

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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.results import COLUMNS, NO_EMBEDDING, PUBLISHED
from llmpert.evaluation.splits import nearest_size
from llmpert.genes import GeneTable
from llmpert.io.atomic import atomic_path
from llmpert.io.names import check_names, check_remarks, parse_object, preview, shown
from llmpert.io.reading import as_input_error, check_version, require_file
from llmpert.models.registry import EVERY
from llmpert.screens.files import dense, open_h5ad, stated
from llmpert.screens.screen import Screen

FORMAT_VERSION = 1
REMARKS = ("version", "method", "line", "unit", "trained_on", "about")


@dataclass(frozen=True, eq=False)
class ExternalPredictions:
    """One method's predictions of one cell line, each row by a model that did not train on it.

    Parts are those of the file: `delta` is its X, float32 and read-only. No name of a row or a
    column is there twice, and no model of the registry is called like the method. `source` is the
    file, for messages.

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
            raise InputError.of_file(
                path, f"predictions of {line}", f"predictions of {said or '?'}"
            )
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
            trained_on=_trained_on(data.uns.get("trained_on"), path),
            about=check_remarks(path, about),
            source=str(path),
        )

    def save(self, path: str | Path) -> None:
        """Write in the module's layout; an existing file is replaced only by a complete one."""
        import anndata  # takes a second

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
            if not getattr(self, name).strip():
                raise self._refuse(f"text that names the {name} (in a file: uns[{name!r}])", "none")
            check_names(self.source, name, [getattr(self, name)])
        taken = {*EVERY, *(spec.label for spec in EVERY.values())}
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


def _trained_on(stored: object, path: Path) -> dict[str, np.ndarray]:
    expected = "arrays of perturbation names by fold under 'trained_on' in uns"
    if not isinstance(stored, Mapping) or not stored:
        raise InputError.of_file(path, expected, shown(stored))
    for fold, names in stored.items():
        # Numbers could be positions of rows: as names they would match nothing and hide an overlap.
        odd = next((name for name in np.ravel(names) if not isinstance(name, str)), None)
        if odd is not None:
            raise InputError.of_file(path, expected, f"{odd!r} in fold {fold}")
    return {str(fold): np.ravel(names) for fold, names in stored.items()}


def matched(
    predictions: ExternalPredictions, screen: Screen, table: GeneTable | None = None
) -> ExternalPredictions:
    """Return the predictions under a screen's names and in its order, without other genes.

    Names meet where they are spelt alike, else where they mean the same gene in `table` (by default
    llmpert's own).

    Raises:
        InputError: Line or unit are not the screen's, no perturbation or gene is, two rows or
            columns mean one of the screen's, or a fold predicts a gene that it was trained on under
            whatever name.
    """
    table, source = table or GeneTable.shipped(), predictions.source
    for part, mine, its in (
        ("of", predictions.line, screen.line),
        ("in the unit of the screen,", predictions.unit, screen.unit),
    ):
        if mine != its:
            raise InputError.of_file(source, f"predictions {part} {its}", mine)
    every: set[str] = set().union(predictions.perturbations, *predictions.trained_on.values())
    gene = {name: name for name in every} | table.symbols(every)
    spelt = table.spelt_as(every, screen.perturbations)
    for fold, names in predictions.trained_on.items():
        known = {gene[name] for name in names}
        predicted = predictions.perturbations[predictions.fold == fold]
        both = [str(name) for name in predicted if gene[name] in known]
        if both:
            raise predictions.overlap(fold, both)
        # Misspelt names would match nothing and could hide an overlap.
        if not any(name in spelt for name in names):
            raise InputError.of_file(
                source,
                f"perturbations of {screen.line} among those that fold {fold} was trained on"
                f" ({preview(screen.perturbations)})",
                f"only others ({preview(names)})",
            )
    rows = _positions(
        source, "perturbation", predictions.perturbations, screen.perturbations, spelt
    )
    spelt_genes = table.spelt_as(predictions.genes, screen.genes)
    columns = _positions(source, "gene", predictions.genes, screen.genes, spelt_genes)
    return replace(
        predictions,
        perturbations=rows.index.to_numpy(),
        genes=columns.index.to_numpy(),
        delta=predictions.delta[rows.to_numpy()][:, columns.to_numpy()],
        fold=predictions.fold[rows.to_numpy()],
        trained_on={
            fold: np.array([spelt.get(name, name) for name in names])
            for fold, names in predictions.trained_on.items()
        },
    )


def _positions(
    source: str, kind: str, names: np.ndarray, wanted: np.ndarray, spelt: dict[str, str]
) -> pd.Series:
    """Return where the screen's names are among the predictions', by name in the screen's order."""
    meant = pd.Series([spelt.get(name) for name in names], dtype=object).dropna()
    if meant.empty:
        raise InputError.of_file(
            source, f"a {kind} of the screen ({preview(wanted)})", f"only others ({preview(names)})"
        )
    # The screen's own spelling wins over other names of the same gene.
    exact = meant[meant == names[meant.index]]
    meant = pd.concat([exact, meant[~meant.isin(exact)]])
    for name in meant[meant.duplicated()]:
        same = names[meant.index[meant == name]]
        raise InputError.of_file(source, f"one {kind} that means {name}", preview(same))
    found = pd.Series(meant.index, meant)
    return found[[name for name in wanted if name in found]]


def not_differences(predictions: ExternalPredictions, screen: Screen) -> str:
    """Return why predictions may be expression itself instead of differences; "" without doubt.

    Methods such as GEARS predict expression after the knockdown, of which the control's mean is to
    be subtracted. Matched predictions are compared with the screen, which has decreases.
    """
    given = predictions.delta[np.isfinite(predictions.delta)]
    if given.min() < 0 or screen.response.min() >= 0:
        return ""
    sizes = [
        float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) for x in (given, screen.response)
    ]
    larger = (
        f", and they are {sizes[0] / sizes[1]:.3g} times as large" if sizes[0] > sizes[1] else ""
    )
    return (
        f"No value is negative, while {screen.line} has decreases{larger}: these may be expression"
        " after the knockdown. Differences have the mean of control subtracted."
    )


def not_predicted(predictions: ExternalPredictions, screen: Screen) -> list[str]:
    """Return the perturbations of a screen that matched predictions lack, in its order."""
    names = screen.perturbations
    return [str(name) for name in names[~pd.Index(names).isin(predictions.perturbations)]]


def check(
    predictions: ExternalPredictions, experiment: Experiment, allow_missing: bool = False
) -> None:
    """Raise unless matched predictions can be scored beside every other model.

    Raises:
        InputError: A gene on which a fold is scored is not predicted, no perturbation of the
            experiment is, or not all are and `allow_missing` does not say that this is known.
    """
    screen = experiment.problem.screen
    scored: set[str] = set()
    absent: set[str] = set()
    for fold in range(experiment.settings.folds):
        genes = screen.genes[experiment.scored_genes(fold)]
        test = screen.perturbations[experiment.tested(fold)]
        rows = pd.Index(predictions.perturbations).isin(test)
        known = predictions.genes[~np.isnan(predictions.delta[rows]).any(axis=0)]
        scored.update(genes)
        absent.update(genes[~pd.Index(genes).isin(known)])
    if absent:
        raise InputError.of_file(
            predictions.source,
            f"predictions of the {len(scored):,} genes on which models of {screen.line} are scored",
            f"{len(absent):,} of them missing: {preview(sorted(absent))}",
        )
    missing = not_predicted(predictions, screen)
    count = len(screen.perturbations)
    if len(missing) == count or (missing and not allow_missing):
        raise InputError.of_file(
            predictions.source,
            f"predictions of all {count:,} perturbations of {screen.line} that models are tested"
            " on (or that some are knowingly left out, by --allow-missing)",
            f"{len(missing):,} of them missing: {preview(missing)}",
        )


def scores(
    predictions: ExternalPredictions, experiment: Experiment, train_size: int | None = None
) -> pd.DataFrame:
    """Score matched predictions on the genes and by the metrics of every other model.

    Returns:
        The columns `llmpert.evaluation.results.COLUMNS`: the model is the method, `fold` the
        experiment's that tests the perturbation, `repeat` 0, the training size the given one or
        that of the predictions. What is not predicted has no rows.

    Raises:
        InputError: A gene on which a fold is scored is not predicted.
    """
    parts = []
    for fold in range(experiment.settings.folds):
        test = experiment.problem.screen.perturbations[experiment.tested(fold)]
        rows = np.flatnonzero(pd.Index(predictions.perturbations).isin(test))
        if not len(rows):
            continue
        named = predictions.perturbations[rows]
        found = Prediction(named, predictions.genes, predictions.delta[rows], None)
        values = experiment.score(found, fold)
        parts.append(values.melt("perturbation", var_name="metric").assign(fold=fold))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True).assign(
        line=predictions.line,
        embedding=NO_EMBEDDING,
        model=predictions.method,
        train_size=predictions.train_size if train_size is None else train_size,
        repeat=0,
    )[list(COLUMNS)]


def held_out(
    predictions: ExternalPredictions, experiment: Experiment, perturbation: str
) -> Prediction | None:
    """Return what matched predictions say of a perturbation, if any, at the genes it is scored on.

    Raises:
        InputError: The perturbation is not among the experiment's.
    """
    genes = experiment.problem.screen.genes
    genes = genes[experiment.scored_genes(experiment.fold_of(perturbation))]
    row = np.flatnonzero(predictions.perturbations == perturbation)
    if not len(row):
        return None
    columns = pd.Index(predictions.genes).get_indexer(genes)
    return Prediction(np.array([perturbation]), genes, predictions.delta[row][:, columns], None)


def by_size(
    every: Iterable[ExternalPredictions], sizes: Sequence[int]
) -> dict[tuple[str, int], ExternalPredictions]:
    """Return the predictions of a line by method and training size.

    What was trained on another number than `sizes` counts as `nearest_size` says; of several that
    count as one size the nearest is taken.
    """
    found: dict[tuple[str, int], ExternalPredictions] = {}
    for one in every:
        size = nearest_size(one.train_size, sizes)
        known = found.setdefault((one.method, size), one)
        if abs(one.train_size - size) < abs(known.train_size - size):
            found[one.method, size] = one
    return found
