"""Read users' files within limits; messages call a file by its owner's name for it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from llmpert.datasets.uploads import UploadStore
from llmpert.embeddings import Embedding, read_embedding
from llmpert.embeddings.reader import HDF5, PICKLES
from llmpert.errors import InputError, Question
from llmpert.genes.orthologs import Orthologs
from llmpert.genes.sets import GeneSets
from llmpert.screens import Screen, read_screen
from llmpert.screens.cells.cluster import Cluster, cluster_against_rest, clusters_in
from llmpert.screens.names import line_in_name
from llmpert.simulation.generate import INVENTED

UNNAMED = "unnamed"
"""The cell line of a screen that nothing says the line of."""
PERTURBATIONS = 5_000
"""Most perturbations of an uploaded screen: fits of larger ones would hold up other visitors."""
VALUES = 50_000_000
"""Most numbers of an uploaded screen or embedding: 200 MB in memory."""
CELLS_X_GENES = 1_000_000_000
"""Most numbers of an uploaded file of single cells, some seconds of work, however well packed."""


@dataclass(frozen=True)
class File:
    """A file, and what its owner calls it, which is for words only and never opened."""

    path: Path
    name: str


@contextmanager
def copied(
    content: bytes | memoryview,
    name: str,
    endings: Sequence[str],
    beside: tuple[bytes | memoryview, str] | None = None,
) -> Iterator[File]:
    """Put an uploaded file on disk while it is read; of its name only the ending is used.

    So is the file of names `beside` it, with its ending. A name with none of these endings raises
    an InputError.
    """
    fitting = [ending for ending in endings if name.lower().endswith(ending)]
    if not fitting:
        raise InputError(f"{name}: expected a file that ends in {', '.join(endings)}.")
    root = UploadStore().root
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", dir=root, ignore_cleanup_errors=True) as folder:
        path = Path(folder) / f"upload{max(fitting, key=len)}"
        path.write_bytes(content)
        if beside is not None:
            path.with_suffix(Path(beside[1]).suffix.lower()).write_bytes(beside[0])
        yield File(path, name)


def screen_in(file: File, upload_limit: int | None = None, **answers: Any) -> Screen:
    """Read a screen (`read_screen`) of the line that the file states, or its owner's name for it.

    Its line is `UNNAMED` where neither says one. Invented genes are recognised as a simulation's.
    `upload_limit` is how many cells x genes an uploaded file of single cells may have; `answers`
    are those to a `Question` that an earlier call asked.
    """
    with _called(file):
        default = line_in_name(file.name) or UNNAMED
        screen = read_screen(file.path, default_line=default, upload_limit=upload_limit, **answers)
    provenance = _renamed(screen.provenance, file)
    if all(str(name).startswith(INVENTED) for name in screen.perturbations):
        provenance["simulated"] = True
    return replace(screen, provenance=provenance)


def embedding_in(file: File) -> Embedding:
    """Read an embedding (`read_embedding`): GenePT's is text, UniProt's is sequence.

    Others are called like their file.
    """
    name, lower = _plain(file.name), file.name.lower()
    if lower.rstrip(".").endswith(PICKLES):
        name = "text"
    elif lower.endswith(HDF5):
        name = "sequence"
    with _called(file):
        embedding = read_embedding(file.path, name)
    return replace(embedding, provenance=_renamed(embedding.provenance, file))


def clusters_of(file: File, layer: str | None = None) -> dict[str, dict[str, int]]:
    """Return the columns that group the cells of a file, as `clusters_in`."""
    with _called(file):
        return clusters_in(file.path, layer)


def cluster_in(
    file: File, column: str, label: str, upload_limit: int | None = None, **answers: str
) -> Cluster:
    """Hold a cluster of a file's cells against the rest, as `cluster_against_rest`."""
    with _called(file):
        return cluster_against_rest(file.path, column, label, upload_limit=upload_limit, **answers)


def gene_sets_in(file: File) -> GeneSets:
    """Read gene sets (`GeneSets.read`), called like their file."""
    with _called(file):
        return replace(GeneSets.read(file.path), name=_plain(file.name), source=file.name)


def orthologs_in(file: File) -> Orthologs:
    """Read orthologs (`Orthologs.read`)."""
    with _called(file):
        return replace(Orthologs.read(file.path), source=file.name)


def check_upload(part: Screen | Embedding, name: str) -> None:
    """Raise an InputError for more than `PERTURBATIONS` or `VALUES`: others use the server too."""
    values = part.response if isinstance(part, Screen) else part.vectors
    rows, columns = values.shape
    if isinstance(part, Screen) and rows > PERTURBATIONS:
        most, found = f"{PERTURBATIONS:,} perturbations", f"{rows:,}"
    elif values.size > VALUES:
        most, found = f"{VALUES:,} numbers", f"{rows:,} x {columns:,}"
    else:
        return
    raise InputError(
        f"{name}: expected at most {most} in an upload, found {found}. Ask the administrator of"
        " this server to add larger files."
    )


def histogram(screen: Screen, bins: int = 80) -> pd.DataFrame:
    """Count how often responses of which size occur: columns from, to, share.

    Of a large screen every n-th number is counted, about a million; the outermost thousandth lies
    beyond the first and last bin.
    """
    values = screen.response.ravel()
    values = values[:: max(1, values.size // 1_000_000)]
    low, high = np.quantile(values, [0.0005, 0.9995])
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(values, bins, (low, high))
    return pd.DataFrame({"from": edges[:-1], "to": edges[1:], "share": counts / values.size})


@contextmanager
def _called(file: File) -> Iterator[None]:
    """Let errors name a file as its owner does."""
    try:
        yield
    except InputError as problem:
        said = _in_words_of_its_owner(str(problem), file)
        if isinstance(problem, Question):
            raise Question(said, problem.option, problem.choices) from problem
        raise InputError(said) from problem


def _renamed(provenance: Mapping[str, Any], file: File) -> dict[str, Any]:
    """Let what is said of a file have its owner's name for it, which is noted, too."""

    def renamed(value: Any) -> Any:
        if isinstance(value, list):
            return [renamed(item) for item in value]
        return _in_words_of_its_owner(value, file) if isinstance(value, str) else value

    return {key: renamed(value) for key, value in provenance.items()} | {"file": file.name}


def _in_words_of_its_owner(text: str, file: File) -> str:
    """Return a text with the owner's names of a file, and of one beside it, for those on disk."""
    if file.path.name == file.name:
        return text.replace(str(file.path), file.name)
    text = text.replace(str(file.path), file.name).replace(f"{file.path.parent}/", "")
    return text.replace(file.path.name, file.name).replace(
        f"{file.path.stem}.", f"{Path(file.name).stem}."
    )


def _plain(name: str) -> str:
    """Cut a file's name to what names of parts can have, without endings."""
    words = re.sub(r"[^A-Za-z0-9_-]+", " ", name.split(".")[0]).strip(" _-")
    return words[:40].strip() or "mine"
