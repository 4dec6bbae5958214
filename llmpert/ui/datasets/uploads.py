"""Files that a visitor uploads, points to or has downloaded, and the parts read of them.

All that reads raises an `InputError` where a file cannot be used.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, TypeVar

import streamlit as st

from llmpert import downloads
from llmpert.datasets import reading
from llmpert.datasets.reading import File
from llmpert.embeddings import Embedding
from llmpert.embeddings.arrays import BESIDE, LONE
from llmpert.embeddings.reader import DECLINED
from llmpert.embeddings.reader import FORMATS as READ
from llmpert.genes.orthologs import Orthologs
from llmpert.genes.sets import GeneSets
from llmpert.screens import Screen
from llmpert.screens.cells.cluster import Cluster
from llmpert.screens.files import FORMATS as SCREENS
from llmpert.screens.screen import Bounds
from llmpert.ui.common import cache
from llmpert.ui.common.permissions import is_operator
from llmpert.ui.streamlit_internals import UploadedFile

T = TypeVar("T", Screen, Embedding, GeneSets, Orthologs, Cluster, dict[str, dict[str, int]])

EMBEDDINGS = (*READ, *DECLINED)
"""Those that are declined are let in: their reader says what to do with them."""
GENE_SETS = (".gmt", ".gmt.gz", ".txt")
CELLS = (".h5ad",)
ORTHOLOGS = (".tsv", ".csv", ".txt")


@dataclass(frozen=True)
class Part(Generic[T]):
    """A part of a data set to be. It holds no numbers: what a button is given stays in memory.

    `key` identifies it; `read` returns it, fast where it was read before.
    """

    key: Hashable
    read: Callable[[], T]


@dataclass(frozen=True)
class ChosenFile:
    """A file, not yet read: in memory, or on this computer.

    `identity` identifies this choice; `name` is what its owner calls it; `beside` is the
    file with the names of an array's genes, of uploads.
    """

    identity: str
    name: str
    at: UploadedFile | Path
    beside: "ChosenFile | None" = None

    @property
    def content(self) -> tuple[str, str]:
        """Identifies what is read from it, by content and name."""
        if isinstance(self.at, Path):
            return self.identity, self.name
        content = self.at.getbuffer()
        digest = cache.once(lambda: sha256(content).hexdigest(), "content", self.identity)
        names = "".join(self.beside.content) if self.beside else ""
        return digest + names, self.name


def choose_files(
    label: str, endings: Sequence[str], key: str, kind: str | None = None
) -> list[ChosenFile]:
    """Return files to use: uploaded ones, and for the operator also those on this computer.

    Args:
        kind: Which of the files that the operator downloaded are on offer.
    """
    uploads = st.file_uploader(label, list(endings), accept_multiple_files=True, key=key)
    found = [ChosenFile(upload.file_id, upload.name, upload) for upload in uploads]
    if not is_operator():
        return found
    folder = downloads.downloads()
    downloaded = {
        f"{one.key}: {one.what}": folder / one.name
        for one in downloads.read_registry().sources.values()
        if kind and one.kind.endswith(kind) and downloads.presence(one, folder) == "yes"
    }
    if downloaded:
        chosen = st.multiselect("Downloaded files", list(downloaded), key=f"{key}-downloaded")
        found += [_on_disk(downloaded[what]) for what in chosen if what in downloaded]
    path = st.text_input(
        "Or the path of a file on this computer",
        key=f"{key}-path",
        help="Of any size: the file stays where it is and is not copied.",
    ).strip()
    return [*found, _on_disk(Path(path))] if path else found


def with_names(files: Sequence[ChosenFile]) -> list[ChosenFile]:
    """Put uploaded files of names beside the arrays that are called like them."""

    def names_of(file: ChosenFile) -> ChosenFile | None:
        stem, _, ending = file.name.lower().rpartition(".")
        wanted = [f"{stem}{end}" for end in BESIDE] if f".{ending}" in LONE else []
        return next((f for name in wanted for f in files if f.name.lower() == name), None)

    found = [replace(file, beside=names_of(file)) for file in files]
    return [
        file
        for file in found
        if file.identity not in {one.beside.identity for one in found if one.beside}
    ]


def _on_disk(path: Path) -> ChosenFile:
    written = path.stat().st_mtime_ns if path.is_file() else 0
    return ChosenFile(f"{path} {written}", path.name, path)


def screen_of(
    file: ChosenFile,
    line: str = "",
    unit: str = "",
    answers: Mapping[str, str] | None = None,
    bounds: Bounds | None = None,
) -> Screen:
    """Return the screen in a file, under this line, unit and bounds; else those it states.

    `answers` are those to a `Question` that an earlier call raised.
    """
    limit = None if isinstance(file.at, Path) else reading.CELLS_X_GENES
    given: dict[str, Any] = dict(answers or {})
    read = partial(reading.screen_in, upload_limit=limit, **given)
    screen = _read(file, SCREENS, read, tuple(sorted(given.items())))
    return replace(
        screen,
        line=line or screen.line,
        unit=unit or screen.unit,
        bounds=bounds or screen.bounds,
    )


def clusters_of(file: ChosenFile, answers: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Return the columns that group the cells of a file: each one's labels, and their cells."""
    layer = answers.get("layer")
    return _read(file, CELLS, partial(reading.clusters_of, layer=layer), ("clusters", layer))


def cluster_of(file: ChosenFile, column: str, label: str, answers: Mapping[str, str]) -> Cluster:
    """Return a cluster of a file's cells against the rest."""
    limit = None if isinstance(file.at, Path) else reading.CELLS_X_GENES
    given: dict[str, Any] = dict(answers)
    read = partial(reading.cluster_in, column=column, label=label, upload_limit=limit, **given)
    return _read(file, CELLS, read, (column, label, *sorted(given.items())))


def embedding_of(file: ChosenFile, name: str = "") -> Embedding:
    """Return the embedding in a file, under this name; else that of its format or file."""
    embedding = _read(file, EMBEDDINGS, reading.embedding_in)
    return replace(embedding, name=name or embedding.name)


def gene_sets_of(file: ChosenFile) -> GeneSets:
    """Return the gene sets in a file."""
    return _read(file, GENE_SETS, reading.gene_sets_in)


def orthologs_of(file: ChosenFile) -> Orthologs:
    """Return the orthologs in a file."""
    return _read(file, ORTHOLOGS, reading.orthologs_in)


def _content(file: ChosenFile | None) -> tuple[bytes | memoryview, str] | None:
    if file is None:
        return None
    content = file.at.read_bytes() if isinstance(file.at, Path) else file.at.getbuffer()
    return content, file.name


def _read(
    file: ChosenFile,
    endings: Sequence[str],
    read: Callable[[File], T],
    how: tuple[object, ...] = (),
) -> T:
    def read_and_check() -> T:
        place = (
            nullcontext(File(file.at, file.name))
            if isinstance(file.at, Path)
            else reading.copied(file.at.getbuffer(), file.name, endings, _content(file.beside))
        )
        with place as opened, st.spinner("Reading the file …"):
            part = read(opened)
        if not isinstance(file.at, Path) and isinstance(part, Screen | Embedding):
            reading.check_upload(part, file.name)
        return part

    return cache.latest("files").get((endings, *file.content, how), read_and_check)
