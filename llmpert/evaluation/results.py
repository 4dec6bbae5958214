"""The tidy table of results: one row a perturbation and metric; figures draw from nothing else."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from llmpert.errors import InputError
from llmpert.evaluation.splits import nearest_size
from llmpert.io.atomic import atomic_path
from llmpert.io.names import check_remarks, parse_object
from llmpert.io.reading import as_input_error, check_version, require_file
from llmpert.io.tables import refuse_oversized
from llmpert.models.registry import label

COLUMNS = (
    "line", "embedding", "model", "train_size", "fold", "repeat", "perturbation", "metric", "value",
)  # fmt: skip
NUMBERS = ("train_size", "fold", "repeat", "value")
CELL = ("line", "embedding", "model", "train_size", "metric")
SUMMARY_NUMBERS = ("mean", "se", "ci95", "folds", "perturbations", "undefined")
FORMAT_VERSION = 1
NO_EMBEDDING = "none"
"""What the column `embedding` says for models that use none."""
PUBLISHED = " (published)"
"""What names of models end with whose values were published, not computed here."""


def embedding_label(embedding: str) -> str:
    """Return an embedding's name for people: "text+sequence" becomes "text + sequence"."""
    return " + ".join(embedding.split("+"))


@dataclass(frozen=True, eq=False)
class Results:
    """Results with what they are about.

    Attributes:
        table: Columns `COLUMNS`; `value` is missing where a metric is not defined.
        about: JSON values: `simulated` (bool), `lines` (line -> source, unit, fingerprint,
            perturbations), `embeddings` (source -> source, stand_in, fingerprint), each with
            `download_url` and `download_md5` if downloaded, and `settings`.
    """

    table: pd.DataFrame
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def simulated(self) -> bool:
        """Whether any of the data was simulated."""
        return bool(self.about.get("simulated", False))

    def write(self, path: str | Path) -> None:
        """Write as Parquet; an existing file is replaced only by a complete one."""
        with atomic_path(path) as temporary:
            write_table(self.table, temporary, {"about": json.dumps(self.about)})

    @classmethod
    def read(cls, path: str | Path) -> "Results":
        """Read what `write` wrote; raise `InputError` where the file or a column is none of it."""
        return cls(*_read(require_file(path), COLUMNS, NUMBERS))


@dataclass(frozen=True, eq=False)
class ResultsSummary:
    """Summarised results that were computed beforehand, with what they are about.

    Attributes:
        table: As from `summarise`.
        about: As in `Results`, and `notes` (sentences that captions say).
    """

    table: pd.DataFrame
    about: dict[str, Any]

    def save(self, path: str | Path) -> None:
        """Write as Parquet; an existing file is replaced only by a complete one."""
        about = json.dumps({**self.about, "version": FORMAT_VERSION})
        with atomic_path(path) as temporary:
            write_table(self.table, temporary, {"about": about})

    @classmethod
    def load(cls, path: str | Path) -> "ResultsSummary":
        """Read what `save` wrote; raise `InputError` where it is none of it, or cannot be shown."""
        path = require_file(path)
        with as_input_error(path, "a Parquet table of results"):
            refuse_oversized(path)
        numbers = ("train_size", *SUMMARY_NUMBERS)
        table, about = _read(path, (*CELL, *SUMMARY_NUMBERS), numbers)
        if table.empty:
            raise InputError.of_file(path, "results of at least one model", "none")
        check_version(path, "summarised results", about.pop("version", None), FORMAT_VERSION)
        return cls(table, check_remarks(path, about))

    @property
    def models(self) -> list[str]:
        """Models, in the table's order."""
        return list(dict.fromkeys(self.table["model"]))

    @property
    def embeddings(self) -> list[str]:
        """Embeddings that models were given, in the table's order."""
        return [one for one in dict.fromkeys(self.table["embedding"]) if one != NO_EMBEDDING]

    @property
    def sizes(self) -> list[int]:
        """Training sizes, ascending, without those that count as a larger one (`nearest_size`)."""
        every = sorted(map(int, self.table["train_size"].unique()))
        return [one for one in every if nearest_size(one, [s for s in every if s > one]) == one]

    def select(
        self, lines: Sequence[str], models: Sequence[str], sizes: Sequence[int]
    ) -> pd.DataFrame:
        """Return the results of these lines and models at these of the `sizes`."""
        wanted = self.table["line"].isin(lines) & self.table["model"].isin(models)
        return at_sizes(self.table[wanted], sizes)


def _read(
    path: Path, columns: Sequence[str], numbers: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    with as_input_error(path, "a Parquet table of results"):
        stored = pq.read_table(path)
    missing = [c for c in columns if c not in stored.column_names]
    if missing:
        raise InputError.of_file(
            path, f"the columns {', '.join(columns)}", f"none named {', '.join(missing)}"
        )
    table = stored.to_pandas()
    text = [c for c in numbers if not pd.api.types.is_numeric_dtype(table[c])]
    if text:
        raise InputError.of_file(
            path, f"numbers in the columns {', '.join(numbers)}", f"others in {text[0]}"
        )
    with as_input_error(path, "JSON in the note `about`"):
        about = parse_object((stored.schema.metadata or {}).get(b"about", b"{}"))
    return table, dict(about)


def method_label(model: str, embedding: str) -> str:
    """Return "Gaussian process, text + sequence", or the model alone where it uses no embedding."""
    on = "" if embedding == NO_EMBEDDING else f", {embedding_label(embedding)}"
    return label(model) + on


def write_table(table: pd.DataFrame, path: Path, metadata: dict[str, str]) -> None:
    """Write a Parquet table with metadata of its own beside pandas'."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **metadata})
    pq.write_table(arrow, path, compression="zstd")


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean and standard error of each metric, a row each.

    The value of a fold is the mean over its test perturbations and over its repeats; `mean` is the
    mean over folds and `se` their standard deviation (n - 1) divided by √folds. Repeats of a fold
    share most of their data, so they are averaged first: counted as independent they would make the
    error look smaller than it is.

    Returns:
        Columns line, embedding, model, train_size, metric, mean, se, ci95 (1.96 se), folds,
        perturbations, undefined (values that are not defined, left out of the means).
    """
    cell = list(CELL)
    grouped = table.groupby([*cell, "fold"], observed=True, sort=False)
    folds = grouped["value"].mean().reset_index()
    counted = table.groupby(cell, observed=True, sort=False).agg(
        perturbations=("perturbation", "nunique"),
        undefined=("value", lambda v: int(v.isna().sum())),
    )
    summary = folds.groupby(cell, observed=True, sort=False)["value"].agg(["mean", "std", "count"])
    # A single fold has no spread: its error is unknown, not zero.
    summary["se"] = summary["std"] / np.sqrt(summary["count"])
    summary["ci95"] = 1.96 * summary["se"]
    summary = summary.rename(columns={"count": "folds"}).drop(columns="std")
    return summary.join(counted).reset_index()[[*cell, *SUMMARY_NUMBERS]]


def on_embeddings(summary: pd.DataFrame, embeddings: Sequence[str]) -> pd.DataFrame:
    """Return the rows of a summary on these embeddings, and of models that use none."""
    return summary[summary["embedding"].isin([NO_EMBEDDING, *embeddings])]


def at_sizes(summary: pd.DataFrame, sizes: Sequence[int]) -> pd.DataFrame:
    """Return the rows of a summary at these training sizes.

    A model that was trained on another number, as on embeddings that fewer genes have, is at the
    size that it counts as (`nearest_size`), under its own number; of several the nearest.
    """
    counted = summary["train_size"].map(lambda size: nearest_size(size, sizes))
    found, counted = summary[counted.isin(sizes)], counted[counted.isin(sizes)]
    away = (found["train_size"] - counted).abs()
    cell = [found[name] for name in CELL if name != "train_size"]
    return found[away == away.groupby([*cell, counted], observed=True).transform("min")]
