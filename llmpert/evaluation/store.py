"""Finished fits on disk, by the content they were made from."""

import logging
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from os import utime
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from llmpert.evaluation.prediction import Prediction
from llmpert.io.atomic import atomic_path, file_lock
from llmpert.io.hashing import fingerprint
from llmpert.io.paths import home
from llmpert.io.reading import as_input_error

T = TypeVar("T")

NAMES = ("key", "perturbation")
"""Columns of a pack that are no metric."""

LARGEST = 5_000_000_000
"""Bytes a folder of results may take: 1,000 predictions of a fold as large as the paper's."""
TOUCHED = 3600
"""Seconds after which reading a file notes again that it was used."""
ABANDONED = 86_400
"""Seconds after which a temporary or lock file belongs to a process that was killed."""

DAMAGE = (
    OSError, ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, RuntimeError,
    SyntaxError, MemoryError, struct.error, zlib.error, zipfile.BadZipFile, pa.ArrowException,
)  # fmt: skip
"""What pyarrow, pandas, NumPy and zipfile raise on damaged files; we, of another digest."""

log = logging.getLogger(__name__)


class ResultsStore:
    """Scores and predictions of finished fits, one file a fit.

    Files are put in place atomically. Threads and processes can share a folder: who asks for a fit
    that another one is making waits for it, and a killed process loses the fit in hand. A file that
    is damaged, or has no digest of its content, counts as missing; its fit is made again.

    Args:
        folder: Where files go; by default `results` in the data folder.
        packs: Parquet tables of further scores, in thousandths and with a column `key`, such as
            those that ship in `data/`; they are read, never written.

    Raises:
        InputError: When first used: a pack is there and cannot be read.
    """

    def __init__(self, folder: Path | None = None, *packs: Path) -> None:
        self.folder = folder if folder is not None else home() / "results"
        self.packs = packs

    def scores(self, key: str) -> pd.DataFrame | None:
        """Return the column perturbation, then one a metric; None where the fit is not kept."""
        if key in self._packed:
            table, rows = self._packed[key]
            return table[rows].reset_index(drop=True)
        return self._read(self._path(key, ".parquet"), _scores)

    def scores_or(self, key: str, fit: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Return the scores of a fit; make and keep them where they are missing."""
        return self._found_or(key, self.scores, fit, self.put_scores)

    def has_scores(self, key: str) -> bool:
        """Whether the scores of a fit are kept."""
        return key in self._packed or self.scores(key) is not None

    def put_scores(self, key: str, scores: pd.DataFrame) -> None:
        """Keep the scores of a fit, in the form that `scores` gives them."""
        with atomic_path(self._path(key, ".parquet")) as temporary:
            columns = {name: values.to_numpy() for name, values in scores.items()}
            table = pa.table(columns, metadata={"digest": _digest(scores)})
            # Digits of measured numbers hardly shrink, and a fit's are few.
            pq.write_table(table, temporary, compression="none")

    def prediction(self, key: str) -> Prediction | None:
        """Return the predictions of a fit, or None where it is not kept."""
        return self._read(self._path(key, ".npz"), Prediction.load)

    def has_prediction(self, key: str) -> bool:
        """Whether the predictions of a fit are kept, as far as is known without reading them."""
        return self._path(key, ".npz").exists()

    def prediction_or(self, key: str, fit: Callable[[], Prediction]) -> Prediction:
        """Return the predictions of a fit; make and keep them where they are missing."""
        return self._found_or(key, self.prediction, fit, self.put_prediction)

    def put_prediction(self, key: str, prediction: Prediction) -> None:
        """Keep the predictions of a fit."""
        prediction.save(self._path(key, ".npz"))

    def _path(self, key: str, suffix: str) -> Path:
        return self.folder / key[:2] / f"{key}{suffix}"

    def _found_or(
        self,
        key: str,
        look_up: Callable[[str], T | None],
        fit: Callable[[], T],
        put: Callable[[str, T], None],
    ) -> T:
        """Make a fit once, however many threads and processes ask for it."""
        found = look_up(key)
        if found is None:
            with self._lock(key):
                found = look_up(key)
                if found is None:
                    found = fit()
                    put(key, found)
        return found

    @contextmanager
    def _lock(self, key: str) -> Iterator[None]:
        """Hold the lock of a fit. Its file is removed before it is released.

        One that waited holds a file without a name then, and the next one a new file: both find
        what was put meanwhile.
        """
        path = self._path(key, ".lock").with_stem(f".{key}")
        with file_lock(path):
            try:
                yield
            finally:
                with suppress(OSError):  # Windows: it is open elsewhere
                    path.unlink()

    def sweep(self, limit: int = LARGEST) -> None:
        """Remove the files used longest ago until the rest takes at most `limit` bytes.

        Also remove what killed processes left behind.
        """
        now, total = time.time(), 0
        files = []
        for path in self.folder.glob("*/*"):
            with suppress(OSError):  # another process has just removed it
                found = path.stat()
                files.append((found.st_mtime, found.st_size, path))
        for used, size, path in sorted(files, reverse=True):
            total += size
            hidden = path.name.startswith(".")
            if now - used > ABANDONED if hidden else total > limit:
                with suppress(OSError):
                    path.unlink()

    @staticmethod
    def _read(path: Path, read: Callable[[Path], T]) -> T | None:
        try:
            found = read(path)
            with suppress(OSError):  # it may be another user's
                if time.time() - path.stat().st_mtime > TOUCHED:
                    utime(path)
            return found
        except FileNotFoundError:
            return None
        except DAMAGE as problem:
            # Which of them depends on where the damage is; a fit can always be made again.
            reason = f"{type(problem).__name__}: {problem}"
            log.warning("damaged result not used", extra={"file": str(path), "reason": reason})
            return None

    @cached_property
    def _packed(self) -> dict[str, tuple[pd.DataFrame, slice]]:
        """Return by key the rows that belong to it: a table, and where they are in it."""
        there = (pack for pack in self.packs if pack.is_file())
        return {key: rows for pack in there for key, rows in _pack(pack).items()}


def _pack(path: Path) -> dict[str, tuple[pd.DataFrame, slice]]:
    with as_input_error(path, "a table of kept scores"):
        stored = pq.read_table(path, read_dictionary=list(NAMES))
        table = stored.to_pandas(ignore_metadata=True)
        keys = table.pop("key")
        metrics = table.columns.difference(NAMES)
        table[metrics] = table[metrics].astype(np.float32) / 1000
    # The rows of one fit stand together.
    starts = np.flatnonzero(np.diff(keys.cat.codes, prepend=-1))
    stops = [*starts[1:], len(table)]
    return {str(keys.iat[a]): (table, slice(a, b)) for a, b in zip(starts, stops, strict=True)}


def _scores(path: Path) -> pd.DataFrame:
    with pq.ParquetFile(path) as file:
        stored = file.read(use_threads=False)
    scores = stored.to_pandas(use_threads=False)
    # Damage to a name or a number can leave a table that reads well.
    if stored.schema.metadata[b"digest"].decode() != _digest(scores):
        raise ValueError(f"{path} is not what was written")
    return scores


def _digest(scores: pd.DataFrame) -> str:
    values = scores.iloc[:, 1:].to_numpy(np.float64)
    return fingerprint(list(scores.columns), scores.iloc[:, 0].to_numpy(object), values)
