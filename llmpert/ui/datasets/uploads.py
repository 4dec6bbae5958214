"""Files that a visitor uploads, points to or has downloaded, and the parts read of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from llmpert.datasets import reading as own
from llmpert.datasets.reading import File
from llmpert.embeddings import Embedding
from llmpert.embeddings.reader import FORMATS as EMBEDDINGS
from llmpert.genes.sets import GeneSets
from llmpert.screens import Screen
from llmpert.screens.files import FORMATS as SCREENS
from llmpert.ui.common.permissions import is_operator

GENE_SETS = (".gmt",)


@dataclass(frozen=True)
class Brought:
    """A file, not yet read.

    Attributes
    ----------
    identity:
        Tells this content from any other.
    name:
        What its owner calls it.
    at:
        Where it is: in memory, or on this computer.
    """

    identity: str
    name: str
    at: UploadedFile | Path

    @property
    def uploaded(self) -> bool:
        """Whether it came through the browser."""
        return not isinstance(self.at, Path)

    @contextmanager
    def opened(self, endings: Sequence[str]) -> Iterator[File]:
        """The file on disk, for as long as it is read."""
        if isinstance(self.at, Path):
            yield File(self.at, self.name)
        else:
            with own.copied(self.at.getbuffer(), self.name, endings) as file:
                yield file


def choose_files(
    label: str, endings: Sequence[str], key: str, downloaded: Mapping[str, Path] | None = None
) -> list[Brought]:
    """Files to use: uploaded ones, and for the operator also those on this computer.

    Parameters
    ----------
    downloaded:
        Description -> file, of those that were downloaded.
    """
    uploads = st.file_uploader(label, list(endings), accept_multiple_files=True, key=key)
    found = [Brought(upload.file_id, upload.name, upload) for upload in uploads]
    if downloaded:
        chosen = st.multiselect("Downloaded files", list(downloaded), key=f"{key}-downloaded")
        found += [_on_disk(downloaded[what]) for what in chosen if what in downloaded]
    if is_operator():
        path = st.text_input(
            "Or the path of a file on this computer",
            key=f"{key}-path",
            help="Of any size: the file stays where it is and is not copied.",
        ).strip()
        found += [_on_disk(Path(path))] if path else []
    return found


def screen_of(file: Brought, line: str | None = None, unit: str | None = None) -> Screen:
    """The screen in a file, under this line and unit; by default those it was understood to have.

    Raises
    ------
    InputError
        It cannot be used.
    """
    return _screen(file.identity, line, unit, file)


@st.cache_resource(scope="session", max_entries=4, show_spinner="Reading the screen …")
def _screen(identity: str, line: str | None, unit: str | None, _file: Brought) -> Screen:
    if line is not None or unit is not None:
        screen = _screen(identity, None, None, _file)
        return replace(screen, line=line or screen.line, unit=unit or screen.unit)
    with _file.opened(SCREENS) as file:
        screen = own.read_own_screen(file, own.CELLS_X_GENES if _file.uploaded else None)
    if _file.uploaded:
        own.check_upload(screen, _file.name)
    return screen


def embedding_of(file: Brought) -> Embedding:
    """The embedding in a file.

    Raises
    ------
    InputError
        It cannot be used.
    """
    return _embedding(file.identity, file)


@st.cache_resource(scope="session", max_entries=4, show_spinner="Reading the embedding …")
def _embedding(identity: str, _file: Brought) -> Embedding:
    with _file.opened(EMBEDDINGS) as file:
        embedding = own.read_own_embedding(file)
    if _file.uploaded:
        own.check_upload(embedding, _file.name)
    return embedding


def gene_sets_of(file: Brought) -> GeneSets:
    """The gene sets in a file.

    Raises
    ------
    InputError
        It cannot be used.
    """
    with file.opened(GENE_SETS) as found:
        return own.read_own_gene_sets(found)


def _on_disk(path: Path) -> Brought:
    written = path.stat().st_mtime_ns if path.is_file() else 0
    return Brought(f"{path} {written}", path.name, path)
