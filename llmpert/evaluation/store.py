"""Finished fits on disk, by the content they were made from."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow.parquet as pq

from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.results import write_table
from llmpert.files import parsing
from llmpert.storage import atomic_path, home

T = TypeVar("T")
SCORES = ("perturbation", "metric", "value")


class ResultsStore:
    """Scores and predictions of finished fits, one file a fit.

    Every file is named by the fit's key (a fingerprint of data, model, split and code version) and
    put in place atomically. Processes can share a folder: two that make the same fit write the same
    file, and a killed one loses the fit in hand. A file that cannot be read counts as missing and
    is replaced when its fit is made again.

    Parameters
    ----------
    folder:
        Where files go; by default `results` in the data folder.
    pack:
        A Parquet table of further scores with a column `key`, such as the one that ships in
        `data/`; it is read, never written.

    Raises
    ------
    InputError
        When first used: the pack is there and cannot be read.
    """

    def __init__(self, folder: Path | None = None, pack: Path | None = None) -> None:
        self.folder = folder if folder is not None else home() / "results"
        self.pack = pack

    def scores(self, key: str) -> pd.DataFrame | None:
        """Columns perturbation, metric, value of a finished fit, or None."""
        packed = self._packed.get(key)
        if packed is not None:
            return packed.melt("perturbation", var_name="metric")
        return self._read(self._path(key, ".parquet"), _scores)

    def has_scores(self, key: str) -> bool:
        """Whether the scores of a fit are kept."""
        return key in self._packed or self.scores(key) is not None

    def put_scores(self, key: str, scores: pd.DataFrame) -> None:
        """Keep the scores of a fit."""
        with atomic_path(self._path(key, ".parquet")) as temporary:
            write_table(scores[list(SCORES)], temporary, {})

    def prediction(self, key: str) -> Prediction | None:
        """The predictions of a finished fit, or None."""
        return self._read(self._path(key, ".npz"), Prediction.load)

    def put_prediction(self, key: str, prediction: Prediction) -> None:
        """Keep the predictions of a fit."""
        prediction.save(self._path(key, ".npz"))

    def write_pack(self, path: Path, keys: list[str]) -> None:
        """Write the scores of finished fits, all with the same metrics, as one table for `pack`.

        A row a fit and perturbation and a column a metric, rounded to three decimals: finer than
        any standard error here. One long column of four decimals would take nearly twice the space.
        """
        parts = [(key, self.scores(key)) for key in keys]
        table = pd.concat(
            part.pivot(index="perturbation", columns="metric", values="value")
            .loc[part["perturbation"].unique(), part["metric"].unique()]
            .round(3)
            .astype("float32")
            .reset_index()
            .assign(key=key)
            for key, part in parts
            if part is not None
        )
        for column in ("key", "perturbation"):
            table[column] = table[column].astype("category")
        with atomic_path(path) as temporary:
            write_table(table, temporary, {})

    def _path(self, key: str, suffix: str) -> Path:
        return self.folder / key[:2] / f"{key}{suffix}"

    @staticmethod
    def _read(path: Path, read: Callable[[Path], T]) -> T | None:
        try:
            return read(path)
        except Exception:
            # A damaged file fails in ways that depend on where the damage is, and what it held can
            # always be computed again.
            return None

    @cached_property
    def _packed(self) -> dict[str, pd.DataFrame]:
        if self.pack is None or not self.pack.is_file():
            return {}
        with parsing(self.pack, "a table of kept scores"):
            table = pq.read_table(self.pack).to_pandas()
            fits = table.groupby("key", observed=True, sort=False)
        return {str(key): part.drop(columns="key") for key, part in fits}


def _scores(path: Path) -> pd.DataFrame:
    return pq.read_table(path, columns=list(SCORES)).to_pandas()
