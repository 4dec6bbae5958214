"""What data sets hold, read from the heads of their files."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import anndata
import h5py
import pyarrow.parquet as pq

from llmpert.datasets.dataset import Dataset
from llmpert.datasets.folders import folder, size_of
from llmpert.datasets.index import Index
from llmpert.datasets.parts import EMBEDDINGS, EXTERNAL, GENE_SETS, PUBLISHED, SCREENS
from llmpert.errors import InputError
from llmpert.io.reading import as_input_error
from llmpert.io.remarks import JsonObject, parse_object

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """A screen or an embedding.

    Attributes
    ----------
    name:
        Cell line, or what the embedding is called.
    rows, columns:
        Perturbations and measured genes of a screen, genes and numbers a gene of an embedding.
    provenance:
        As in `Screen` and `Embedding`.
    unit:
        Of a screen.
    """

    name: str
    rows: int
    columns: int
    provenance: Mapping[str, Any]
    unit: str = ""


@dataclass(frozen=True)
class Holdings:
    """What a data set holds.

    Attributes
    ----------
    others:
        Names of further files: gene sets, and what methods that were run elsewhere reached.
    changed:
        When it was last added to; None for the built-in data set.
    size:
        Bytes on disk.
    record:
        How it was prepared, as `Dataset.record`.
    unreadable:
        A sentence a file that cannot be read.
    """

    screens: tuple[Part, ...]
    embeddings: tuple[Part, ...]
    others: tuple[str, ...] = ()
    changed: datetime | None = None
    size: int = 0
    record: Mapping[str, Any] | None = None
    unreadable: tuple[str, ...] = ()


def holdings(name: str) -> Holdings:
    """What an imported data set holds; its numbers are not read.

    Raises
    ------
    InputError
        The name cannot be used, or the data set's index is damaged.
    """
    kept, sentences = Index.read(folder(name)), []

    def format_bytes(paths: Iterable[Path], read: Callable[[Path], Part]) -> tuple[Part, ...]:
        found = []
        for path in paths:
            try:
                found.append(read(path))
            except InputError as problem:
                sentences.append(str(problem))
        return tuple(found)

    screens = format_bytes(kept.files(SCREENS).values(), _screen)
    embeddings = format_bytes(kept.files(EMBEDDINGS).values(), _embedding)
    return Holdings(
        screens,
        embeddings,
        tuple(part for kind in (GENE_SETS, PUBLISHED, EXTERNAL) for part in kept.files(kind)),
        datetime.fromtimestamp(Index.stamp(kept.folder), UTC),
        size_of(kept.folder),
        kept.record,
        tuple(sentences),
    )


def holdings_of(data: Dataset) -> Holdings:
    """The same of a data set that is loaded, such as the built-in one."""
    screens, embeddings = data.screens.values(), data.embeddings.values()
    return Holdings(
        tuple(
            Part(s.line, len(s.perturbations), len(s.genes), s.provenance, s.unit) for s in screens
        ),
        tuple(Part(e.name, len(e.genes), e.dimensions, e.provenance) for e in embeddings),
        () if data.gene_sets is None else (data.gene_sets.name,),
    )


def _screen(path: Path) -> Part:
    with as_input_error(path, "a screen written by llmpert"), h5py.File(path) as file:
        head = JsonObject(anndata.io.read_elem(file["uns/llmpert"]))
        rows, columns = (len(file[part][file[part].attrs["_index"]]) for part in ("obs", "var"))
        provenance = parse_object(str(head["provenance"]))
        return Part(str(head["line"]), rows, columns, provenance, str(head["unit"]))


def _embedding(path: Path) -> Part:
    with as_input_error(path, "an embedding written by llmpert"):
        parquet = pq.ParquetFile(path)
        schema = parquet.schema_arrow
        head = parse_object((schema.metadata or {}).get(b"llmpert", b"{}"))
        columns = schema.field("vector").type.list_size
        return Part(str(head["name"]), parquet.metadata.num_rows, columns, head["provenance"])
