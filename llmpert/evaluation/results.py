"""The tidy table of results: one row a perturbation and metric; figures draw from nothing else."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from llmpert.errors import InputError
from llmpert.io.atomic import atomic_path
from llmpert.io.reading import as_input_error, require_file
from llmpert.models.registry import label

COLUMNS = (
    "line", "embedding", "model", "train_size", "fold", "repeat", "perturbation", "metric", "value",
)  # fmt: skip
NUMBERS = ("train_size", "fold", "repeat", "value")
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
        with as_input_error(require_file(path), "a Parquet table of results"):
            stored = pq.read_table(path)
        missing = [c for c in COLUMNS if c not in stored.column_names]
        if missing:
            raise InputError.of_file(
                path, f"the columns {', '.join(COLUMNS)}", f"none named {', '.join(missing)}"
            )
        table = stored.to_pandas()
        text = [c for c in NUMBERS if not pd.api.types.is_numeric_dtype(table[c])]
        if text:
            raise InputError.of_file(
                path, f"numbers in the columns {', '.join(NUMBERS)}", f"others in {text[0]}"
            )
        with as_input_error(Path(path), "JSON in the note `about`"):
            about = json.loads((stored.schema.metadata or {}).get(b"about", b"{}"))
        return cls(table, about)


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
    cell = ["line", "embedding", "model", "train_size", "metric"]
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
    return summary.join(counted).reset_index()[
        [*cell, "mean", "se", "ci95", "folds", "perturbations", "undefined"]
    ]
