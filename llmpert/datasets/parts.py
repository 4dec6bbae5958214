"""Kinds of parts that a data set has, and how each is kept: a file a part."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from llmpert.embeddings import Embedding, load_embedding, save_embedding
from llmpert.errors import InputError
from llmpert.genes.sets import GeneSets
from llmpert.io.hashing import fingerprint
from llmpert.methods.predictions import ExternalPredictions
from llmpert.methods.published import Published
from llmpert.screens import Screen

T = TypeVar("T")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """How parts of one kind are kept.

    Attributes
    ----------
    folder, ending:
        Of their files.
    called:
        What tells a part from others of its kind, and names its file.
    load, save:
        Read and write one.
    """

    folder: str
    ending: str
    called: Callable[[T], str]
    load: Callable[[Path], T]
    save: Callable[[T, Path], None]

    def all(self, kept: Mapping[str, Path], added: Iterable[T]) -> dict[str, T]:
        """Kept and added parts by what they are called.

        A file that an added part would replace is not read: it may be damaged.
        """
        new = {self.called(part): part for part in added}
        return {name: self.load(path) for name, path in kept.items() if name not in new} | new

    def writes(self, parts: Iterable[T]) -> list["Write"]:
        """What writes these parts.

        Raises
        ------
        InputError
            One is called what no file can be.
        """
        named = [(part, _file_name(self.called(part))) for part in parts]
        return [
            Write(self.folder, name, self.ending, partial(self.save, part)) for part, name in named
        ]


@dataclass(frozen=True)
class Write:
    """A part that is to be kept: its kind's folder, what it is called, its file's ending.

    `save` writes it to a path.
    """

    kind: str
    name: str
    ending: str
    save: Callable[[Path], None]


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", name) or "+" in name:
        raise InputError(
            "Expected a name of a cell line, an embedding or gene sets made of letters, digits,"
            f" blank, . - and _, found {name!r}."
        )
    return name


def _predictions_called(predictions: ExternalPredictions) -> str:
    """By line, method and training size, whatever the method is called."""
    identity = predictions.line, predictions.method, predictions.train_size
    words = re.sub(r"\W+", "-", "-".join(map(str, identity)), flags=re.ASCII)
    return f"{words.strip('-_')[-50:].strip('-_')}-{fingerprint(identity)[:8]}"


SCREENS = Kind[Screen]("screens", ".h5ad", lambda s: s.line, Screen.load, Screen.save)
EMBEDDINGS = Kind[Embedding](
    "embeddings", ".parquet", lambda e: e.name, load_embedding, save_embedding
)
GENE_SETS = Kind[GeneSets]("gene_sets", ".gmt", lambda g: g.name, GeneSets.read, GeneSets.save)
PUBLISHED = Kind[Published](
    "published", ".parquet", lambda p: p.line, Published.load, Published.save
)
EXTERNAL = Kind[ExternalPredictions](
    "external", ".h5ad", _predictions_called, ExternalPredictions.read, ExternalPredictions.save
)
"""Of one line and method there may be several, trained on different numbers."""

KINDS: tuple[Kind, ...] = (SCREENS, EMBEDDINGS, GENE_SETS, PUBLISHED, EXTERNAL)
