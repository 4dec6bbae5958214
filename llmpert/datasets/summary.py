"""What a data set holds, read from the heads of its files."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anndata
import pyarrow.parquet as pq

from llmpert.datasets.builtin import SIMULATED
from llmpert.datasets.parts import EMBEDDINGS, EXTERNAL, GENE_SETS, PUBLISHED, SCREENS
from llmpert.datasets.store import FILE, DatasetStore, size_of
from llmpert.embeddings.stored import FORMAT_VERSION as EMBEDDING_VERSION
from llmpert.embeddings.stored import vector_length
from llmpert.errors import InputError
from llmpert.io.hdf5 import open_hdf5
from llmpert.io.reading import as_input_error, check_version
from llmpert.io.remarks import JsonObject, check_remarks, parse_object
from llmpert.screens.screen import FORMAT_VERSION as SCREEN_VERSION
from llmpert.simulation import BUILT_IN, UNIT
from llmpert.simulation.generate import EMBEDDING_STEPS, SCREEN_STEPS, provenance


@dataclass(frozen=True)
class PartSummary:
    """A screen or an embedding.

    Attributes:
        name: Cell line, or what the embedding is called.
        rows, columns: Perturbations and measured genes of a screen, genes and dimensions of an
            embedding.
        provenance: As in `Screen` and `Embedding`.
        unit: Of a screen.
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
        others: Names of further parts: gene sets, published results and predictions made elsewhere.
        changed: When it was last added to; None for the built-in data set.
        size: Bytes on disk.
        record: How it was prepared, as `Dataset.record`.
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
        """Summarise a data set without reading its numbers.

        Damage that a head does not show is found by `DatasetStore.load` only.

        Raises:
            InputError: The name cannot be used.
        """
        if name == SIMULATED:
            return _simulated()
        folder, problems = store.folder(name), []

        def readable(paths: Mapping[str, Path], read: Callable[[Path], PartSummary]) -> Any:
            for path in paths.values():
                try:
                    yield read(path)
                except InputError as problem:
                    problems.append(str(problem))

        size, changed = size_of(folder), None
        with suppress(OSError):  # it has just been removed
            changed = datetime.fromtimestamp((folder / FILE).stat().st_mtime, UTC)
        try:
            index = store.index(name)
        except InputError as problem:
            return cls(changed=changed, size=size, problems=(str(problem),))
        screens = tuple(readable(index.files[SCREENS.name], _screen))
        embeddings = tuple(readable(index.files[EMBEDDINGS.name], _embedding))
        for kind, what in ((SCREENS, "screen"), (EMBEDDINGS, "embedding")):
            if not index.files[kind.name]:
                problems.append(f"It has no {what} yet; import one.")
        further = (GENE_SETS, PUBLISHED, EXTERNAL)
        others = tuple(key for kind in further for key in index.files[kind.name])
        return cls(screens, embeddings, others, changed, size, index.record, tuple(problems))


def _simulated() -> Summary:
    def about(name: str, steps: Sequence[str]) -> dict[str, Any]:
        return provenance(0, BUILT_IN, name, steps)

    rows, columns = BUILT_IN.perturbations, BUILT_IN.measured
    screens = [
        PartSummary(line.name, rows, columns, about(line.name, SCREEN_STEPS), UNIT)
        for line in BUILT_IN.lines
    ]
    embeddings = [
        PartSummary(of.name, BUILT_IN.genes, of.dimensions, about(of.name, EMBEDDING_STEPS))
        for of in BUILT_IN.sources
    ]
    return Summary(tuple(screens), tuple(embeddings), ("modules",))


def _screen(path: Path) -> PartSummary:
    with as_input_error(path, "a screen written by llmpert"), open_hdf5(path) as file:
        head = JsonObject(anndata.io.read_elem(file["uns/llmpert"]))
        check_version(path, "screen", head["version"], SCREEN_VERSION)
        rows, columns = (len(file[part][file[part].attrs["_index"]]) for part in ("obs", "var"))
        provenance = check_remarks(path, parse_object(str(head["provenance"])))
        return PartSummary(str(head["line"]), rows, columns, provenance, str(head["unit"]))


def _embedding(path: Path) -> PartSummary:
    with as_input_error(path, "an embedding written by llmpert"):
        parquet = pq.ParquetFile(path)
        schema = parquet.schema_arrow
        head = parse_object((schema.metadata or {}).get(b"llmpert", b"{}"))
        check_version(path, "embedding", head["version"], EMBEDDING_VERSION)
        columns = vector_length(schema)
        provenance = check_remarks(path, head["provenance"])
        return PartSummary(str(head["name"]), parquet.metadata.num_rows, columns, provenance)
