"""What a data set is made of, and the file that each part is kept in."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

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
    """How parts of one kind are kept: a file each.

    Attributes:
        name: The kind's field of `Parts`, and the folder of its files.
        ending: Of its files.
        key: Tells a part from others of its kind, and names its file.
        load, save: Read and write one.
    """

    name: str
    ending: str
    key: Callable[[T], str]
    load: Callable[[Path], T]
    save: Callable[[T, Path], None]

    def file_name(self, part: T) -> str:
        """Name a part's file.

        Raises:
            InputError: Its key is none that a file can have.
        """
        key = self.key(part)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", key) or "+" in key:
            raise InputError(
                "Expected a name of a cell line, an embedding or gene sets made of letters, digits,"
                f" blank, . - and _, found {key!r}."
            )
        return key + self.ending


def _predictions_key(predictions: ExternalPredictions) -> str:
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
    "external", ".h5ad", _predictions_key, ExternalPredictions.read, ExternalPredictions.save
)
KINDS: tuple[Kind[Any], ...] = (SCREENS, EMBEDDINGS, GENE_SETS, PUBLISHED, EXTERNAL)


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts of a data set, such as those that are added to it.

    Attributes:
        published, external: Published results, and predictions made elsewhere.
    """

    screens: Sequence[Screen] = ()
    embeddings: Sequence[Embedding] = ()
    gene_sets: Sequence[GeneSets] = ()
    published: Sequence[Published] = ()
    external: Sequence[ExternalPredictions] = ()

    def of(self, kind: Kind[T]) -> Sequence[T]:
        """Return the parts of a kind."""
        parts: Sequence[T] = getattr(self, kind.name)
        return parts

    def with_files(self, files: Mapping[str, Mapping[str, Path]]) -> "Parts":
        """Read files (kind's name -> key -> file) and add these parts to what they hold.

        A file whose part is replaced is not read: it may be damaged.

        Raises:
            InputError: A file cannot be read.
        """
        merged: dict[str, list[Any]] = {}
        for kind in KINDS:
            added = {kind.key(part): part for part in self.of(kind)}
            read = [kind.load(p) for key, p in files[kind.name].items() if key not in added]
            merged[kind.name] = [*read, *added.values()]
        return Parts(**merged)
