"""Data sets on disk: a folder a data set, a file a part, an index of the files; what each holds.

`dataset.json` in a data set's folder names a file for each part. An addition writes its files into
a new folder beside the old ones, and then replaces `dataset.json`: readers, who ask it first and
wait for nobody, see all of an addition or nothing. What a killed addition left behind is named
nowhere, and removed by the next one.
"""

import json
import logging
import re
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import pyarrow.parquet as pq

from llmpert.datasets.builtin import BUILT_IN_DATA, RANKS, SIMULATED, simulated_dataset
from llmpert.datasets.dataset import KINDS, Dataset, Parts
from llmpert.embeddings.stored import EXPECTED, read_head
from llmpert.errors import InputError
from llmpert.evaluation.trained import Head
from llmpert.io.atomic import atomic_path, file_lock
from llmpert.io.hashing import fingerprint
from llmpert.io.hdf5 import open_hdf5, shape_of
from llmpert.io.names import Remarks, check_remarks, parse_object
from llmpert.io.paths import home, shipped
from llmpert.io.reading import as_input_error, check_version
from llmpert.screens.screen import FORMAT_VERSION as SCREEN_VERSION
from llmpert.simulation.generate import BUILT_IN, EMBEDDING_STEPS, SCREEN_STEPS, UNIT, provenance

FILE = "dataset.json"
FORMAT_VERSION = 1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Index:
    """Which files make up a data set: kind's name -> part's key -> its file."""

    folder: Path
    files: Mapping[str, Mapping[str, Path]]
    record: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, folder: Path) -> "Index":
        """Read a data set's index; where there is none, it has no parts.

        Raises:
            InputError: It is damaged, or of another version.
        """
        path = folder / FILE
        if not path.is_file():
            return cls(folder, {kind.name: {} for kind in KINDS})
        with as_input_error(path, "an index of a data set written by llmpert"):
            content = parse_object(path.read_bytes())
            check_version(path, "data set", content["version"], FORMAT_VERSION)
            parts, record = content["parts"], content["record"]
            if not _well_formed(parts, record):
                raise ValueError("parts or record of another form")
        files = {
            kind.name: {key: folder / file for key, file in parts.get(kind.name, {}).items()}
            for kind in KINDS
        }
        return cls(folder, files, record)

    @property
    def paths(self) -> set[Path]:
        """All files."""
        return {path for files in self.files.values() for path in files.values()}

    def write(self) -> None:
        """Let this be what the data set consists of."""
        parts = {
            kind: {key: path.relative_to(self.folder).as_posix() for key, path in files.items()}
            for kind, files in self.files.items()
        }
        content = {
            "format": "llmpert-dataset", "version": FORMAT_VERSION, "parts": parts,
            "record": self.record,
        }  # fmt: skip
        with atomic_path(self.folder / FILE) as temporary:
            temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False), "utf-8")


class DatasetStore:
    """Shared data sets: imported ones in a folder, and the built-in ones."""

    _place = "datasets"
    _lock = ".{name}.lock"

    def __init__(self) -> None:
        self.root = home() / self._place

    def names(self) -> list[str]:
        """List all data sets, usable or not: imported ones first, then the built-in ones."""
        paths = self.root.glob("[!.]*/" + FILE)
        return [*sorted(path.parent.name for path in paths), *BUILT_IN_DATA]

    def exists(self, name: str) -> bool:
        """Whether there is a data set of this name."""
        return name in self.names()

    def folder(self, name: str) -> Path:
        """Return where an imported data set lies, or would; raise an InputError for other names."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name) or name in BUILT_IN_DATA:
            raise InputError(
                "Expected a data set name of letters, digits, - and _ other than"
                f" {' and '.join(map(repr, BUILT_IN_DATA))}, found {name!r}."
            )
        return self.root / name

    def source(self, name: str) -> Path:
        """Return where the files of a data set lie: an imported one, or the trained models."""
        return shipped() / RANKS if name == RANKS else self.folder(name)

    def computed(self, name: str) -> Path:
        """Return the folder of a data set's computed `results` and `maps`."""
        return self.root.parent

    def index(self, name: str) -> Index:
        """Read which files make up a data set; a damaged index raises an InputError."""
        return Index.read(self.source(name))

    def fingerprint(self, name: str) -> str:
        """Return a fingerprint of a data set's content without reading it."""
        if name == SIMULATED:
            return SIMULATED
        folder, states = self.source(name), []
        paths = [folder / FILE]
        with suppress(InputError):  # a damaged index shows in its own state
            paths += sorted(Index.read(folder).paths)
        for path in paths:
            with suppress(OSError):
                found = path.stat()
                states.append((str(path), found.st_size, found.st_mtime_ns))
        return fingerprint(name, states)

    def load(self, name: str) -> Dataset:
        """Load a data set.

        Raises:
            InputError: There is none of this name, one of its files cannot be read, or it has
                neither a screen and an embedding nor a trained model.
        """
        start = perf_counter()
        if not self.exists(name):
            raise InputError(self._missing(name))
        data = simulated_dataset() if name == SIMULATED else self._load(name)
        for kind, parts in (("screen", data.screens), ("embedding", data.embeddings)):
            if not parts and not data.trained:
                where = f"Data set {name} in {self.folder(name)}"
                raise InputError(f"{where} has no {kind} yet; import one.")
        facts = {
            "lines": data.lines,
            "seconds": round(perf_counter() - start, 3),
        }
        log.info("data set loaded", extra=facts)
        return data

    def load_measured(self, name: str) -> Dataset:
        """Load a data set with screens; raise as `load`, and for one of trained models."""
        data = self.load(name)
        if data.trained:
            raise InputError(
                f"Expected a data set with measured screens, found {name}, which has trained models"
                " without the screens they were trained on."
            )
        return data

    def _load(self, name: str) -> Dataset:
        while True:
            content, index = self.fingerprint(name), self.index(name)
            try:
                parts = Parts().with_files(index.files)
                return Dataset.of_parts(name, parts, record=index.record, fingerprint=content)
            except InputError:
                # A file may have been replaced between the index and its turn.
                if self.index(name) == index:
                    raise

    def add(
        self,
        name: str,
        parts: Parts,
        record: Callable[[Dataset], Mapping[str, Any]] | None = None,
        *,
        allow_missing: bool = False,
        new: bool = False,
    ) -> Dataset:
        """Add parts to a data set, replacing those of the same line, source or collection.

        Predictions replace those of the same line, method and training size. Readers see all of it
        or nothing, a killed process adds nothing, and of two that add at once one waits. Returned
        is the data set with these parts.

        Args:
            record: Given the data set, says how all its screens and embeddings were prepared. An
                earlier record is dropped where there are new ones and nothing is known.
            allow_missing: Whether added predictions may leave out perturbations that are tested.
            new: Whether there may be no data set of this name yet.

        Raises:
            InputError: A name cannot be used, a file cannot be read, or the parts do not fit
                together (`Dataset.of_parts`, `Dataset.check`); nothing is written then.
        """
        folder = self.folder(name)
        with file_lock(self.root / self._lock.format(name=name)):
            before = Index.read(folder)
            if new and before.paths:
                raise InputError(f"The data set {name} already exists: choose another name.")
            together = parts.with_files(before.files)
            old = None if parts.screens or parts.embeddings else before.record
            data = Dataset.of_parts(name, together, record=old)
            data.check(parts, together.external, allow_missing)
            if record is not None:
                data = replace(data, record=record(data))
            added = [(kind, part) for kind in KINDS for part in getattr(parts, kind.name)]
            named = [(kind, part, kind.file_name(part)) for kind, part in added]
            batch = folder / secrets.token_hex(4)
            files = {kind: dict(files) for kind, files in before.files.items()}
            _sweep(folder, before)
            for kind, part, file in named:
                path = files[kind.name][kind.key(part)] = batch / kind.name / file
                kind.save(part, path)
            after = Index(folder, files, data.record)
            after.write()
            _sweep(folder, after, before)
            return data

    def remove(self, name: str) -> None:
        """Remove an imported data set: it is gone at once, then its files are.

        Raises:
            InputError: There is none of this name, or it is a built-in one.
        """
        if name in BUILT_IN_DATA:
            raise InputError(f"The data set {name} comes with llmpert and cannot be removed.")
        folder = self.folder(name)
        with file_lock(self.root / self._lock.format(name=name)):
            if not folder.is_dir():
                raise InputError(f"Expected the name of an imported data set, found {name!r}.")
            folder.rename(self.root / f".{name}.{secrets.token_hex(4)}.removed")
        # Killed from here on, what is left is removed the next time.
        for path in self.root.glob(f".{name}.*.removed"):
            shutil.rmtree(path, ignore_errors=True)

    def _missing(self, name: str) -> str:
        return f"Expected a data set among {', '.join(self.names())}, found {name!r}."


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder, without those that vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def _well_formed(parts: Any, record: Any) -> bool:
    return (
        isinstance(record, dict | None)
        and isinstance(parts, dict)
        and all(isinstance(files, dict) for files in parts.values())
        and all(isinstance(file, str) for files in parts.values() for file in files.values())
    )


def _sweep(folder: Path, now: Index, before: Index | None = None) -> None:
    """Remove the files of additions that are named nowhere, or not any more."""
    batches = [path for path in folder.glob("*") if re.fullmatch("[0-9a-f]{8}", path.name)]
    lying = {path for batch in batches for path in batch.rglob("*") if path.is_file()}
    for path in (lying | (before or now).paths) - now.paths:
        path.unlink(missing_ok=True)
    for batch in batches:
        for path in (*batch.glob("*"), batch):
            with suppress(OSError):  # there is something in it
                path.rmdir()


@dataclass(frozen=True)
class PartSummary:
    """A screen or trained model (perturbations x measured genes), or an embedding (genes x
    dimensions).
    """

    name: str
    rows: int
    columns: int
    provenance: Mapping[str, Any]
    unit: str = ""


@dataclass(frozen=True)
class Summary:
    """What a data set holds.

    Attributes:
        trained: Trained models, of a data set without screens.
        others: Keys of gene sets, published results and predictions made elsewhere.
        changed: When it was last added to; None for the built-in data set.
        size: Bytes on disk.
        record: `Dataset.record`.
        problems: Why it cannot be used, a sentence each.
    """

    screens: tuple[PartSummary, ...] = ()
    embeddings: tuple[PartSummary, ...] = ()
    others: tuple[str, ...] = ()
    changed: datetime | None = None
    size: int = 0
    record: Mapping[str, Any] | None = None
    problems: tuple[str, ...] = ()
    trained: tuple[PartSummary, ...] = ()

    @classmethod
    def read(cls, store: DatasetStore, name: str) -> "Summary":
        """Summarise a data set by the heads of its files, which do not show all damage."""
        if name == SIMULATED:
            return _simulated()
        folder = store.source(name)
        size, changed = size_of(folder), None
        with suppress(OSError):  # it has just been removed
            changed = (
                None
                if name in BUILT_IN_DATA
                else datetime.fromtimestamp((folder / FILE).stat().st_mtime, UTC)
            )
        try:
            index = store.index(name)
        except InputError as problem:
            return cls(changed=changed, size=size, problems=(str(problem),))
        kinds = {"screens": _screen, "embeddings": _embedding, "trained": _trained}
        found: dict[str, list[PartSummary]] = {kind: [] for kind in kinds}
        problems = []
        for kind, read in kinds.items():
            for path in index.files[kind].values():
                try:
                    found[kind].append(read(path))
                except InputError as problem:
                    problems.append(str(problem))
            if kind != "trained" and not index.files[kind] and not index.files["trained"]:
                problems.append(f"It has no {kind[:-1]} yet; import one.")
        others = [key for kind in index.files if kind not in found for key in index.files[kind]]
        parts = tuple(found["screens"]), tuple(found["embeddings"]), tuple(others)
        trained = tuple(found["trained"])
        return cls(*parts, changed, size, index.record, tuple(problems), trained)


def _simulated() -> Summary:
    rows, columns = BUILT_IN.perturbations, BUILT_IN.measured
    screens, embeddings = [], []
    for line in BUILT_IN.lines:
        about = provenance(0, BUILT_IN, line.name, SCREEN_STEPS)
        screens.append(PartSummary(line.name, rows, columns, about, UNIT))
    for source in BUILT_IN.sources:
        about = provenance(0, BUILT_IN, source.name, EMBEDDING_STEPS)
        embeddings.append(PartSummary(source.name, BUILT_IN.genes, source.dimensions, about))
    return Summary(tuple(screens), tuple(embeddings), ("modules",))


def _screen(path: Path) -> PartSummary:
    from anndata.io import read_elem

    with as_input_error(path, "a screen written by llmpert"), open_hdf5(path) as file:
        head = Remarks(read_elem(file["uns/llmpert"]))
        check_version(path, "screen", head["version"], SCREEN_VERSION)
        rows, columns = shape_of(file["X"], path)
        provenance = check_remarks(path, parse_object(str(head["provenance"])))
        return PartSummary(str(head["line"]), rows, columns, provenance, str(head["unit"]))


def _trained(path: Path) -> PartSummary:
    head = Head.read(path)
    about = check_remarks(path, head.provenance.get("screen", {}))
    return PartSummary(head.line, head.trained_on, head.genes, about, head.unit)


def _embedding(path: Path) -> PartSummary:
    with as_input_error(path, EXPECTED):
        parquet = pq.ParquetFile(path)
        name, columns, provenance = read_head(path, parquet.schema_arrow)
        return PartSummary(name, parquet.metadata.num_rows, columns, provenance)
