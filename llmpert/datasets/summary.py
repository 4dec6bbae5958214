"""What a data set holds, read from the heads of its files."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anndata
import pyarrow.parquet as pq

from llmpert.datasets.builtin import SIMULATED
from llmpert.datasets.store import FILE, DatasetStore, size_of
from llmpert.embeddings.stored import EXPECTED, read_head
from llmpert.errors import InputError
from llmpert.io.hdf5 import open_hdf5
from llmpert.io.reading import as_input_error, check_version
from llmpert.io.remarks import JsonObject, check_remarks, parse_object
from llmpert.screens.screen import FORMAT_VERSION as SCREEN_VERSION
from llmpert.simulation import BUILT_IN, UNIT
from llmpert.simulation.generate import EMBEDDING_STEPS, SCREEN_STEPS, provenance


@dataclass(frozen=True)
class PartSummary:
    """A screen (perturbations x measured genes), or an embedding (genes x dimensions)."""

    name: str
    rows: int
    columns: int
    provenance: Mapping[str, Any]
    unit: str = ""


@dataclass(frozen=True)
class Summary:
    """What a data set holds.

    Attributes:
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

    @classmethod
    def read(cls, store: DatasetStore, name: str) -> "Summary":
        """Summarise a data set by the heads of its files, which do not show all damage.

        Raises:
            InputError: The name cannot be used.
        """
        if name == SIMULATED:
            return _simulated()
        folder = store.folder(name)
        size, changed = size_of(folder), None
        with suppress(OSError):  # it has just been removed
            changed = datetime.fromtimestamp((folder / FILE).stat().st_mtime, UTC)
        try:
            index = store.index(name)
        except InputError as problem:
            return cls(changed=changed, size=size, problems=(str(problem),))
        found: dict[str, list[PartSummary]] = {"screens": [], "embeddings": []}
        problems = []
        for kind, read in (("screens", _screen), ("embeddings", _embedding)):
            for path in index.files[kind].values():
                try:
                    found[kind].append(read(path))
                except InputError as problem:
                    problems.append(str(problem))
            if not index.files[kind]:
                problems.append(f"It has no {kind[:-1]} yet; import one.")
        others = [key for kind in index.files if kind not in found for key in index.files[kind]]
        parts = tuple(found["screens"]), tuple(found["embeddings"]), tuple(others)
        return cls(*parts, changed, size, index.record, tuple(problems))


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
    with as_input_error(path, "a screen written by llmpert"), open_hdf5(path) as file:
        head = JsonObject(anndata.io.read_elem(file["uns/llmpert"]))
        check_version(path, "screen", head["version"], SCREEN_VERSION)
        rows, columns = (len(file[part][file[part].attrs["_index"]]) for part in ("obs", "var"))
        provenance = check_remarks(path, parse_object(str(head["provenance"])))
        return PartSummary(str(head["line"]), rows, columns, provenance, str(head["unit"]))


def _embedding(path: Path) -> PartSummary:
    with as_input_error(path, EXPECTED):
        parquet = pq.ParquetFile(path)
        name, columns, provenance = read_head(path, parquet.schema_arrow)
        return PartSummary(name, parquet.metadata.num_rows, columns, provenance)
