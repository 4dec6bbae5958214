"""Which files make up a data set: one small file says, and is replaced in one step.

`dataset.json` in a data set's folder names a file for each part. Whoever adds parts writes their
files into a new folder beside the old ones, and then replaces `dataset.json`: readers, who ask it
first and wait for nobody, see all of an addition or nothing. What a killed addition left behind is
named nowhere, and removed by the next one.
"""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmpert.datasets.parts import KINDS, Kind, Write
from llmpert.errors import InputError
from llmpert.io.atomic import atomic_path, file_lock
from llmpert.io.reading import as_input_error, check_version
from llmpert.io.remarks import parse_object

FILE = "dataset.json"
FORMAT, FORMAT_VERSION = "llmpert-dataset", 1


@dataclass(frozen=True)
class Index:
    """What a data set consists of.

    Attributes
    ----------
    folder:
        Of the data set.
    parts:
        A kind's folder -> what a part is called -> its file, from the data set's folder on.
    record:
        How its screens and embeddings were prepared, as JSON values, or None where that is not
        known.
    """

    folder: Path
    parts: Mapping[str, Mapping[str, str]]
    record: dict[str, Any] | None = None

    @classmethod
    def read(cls, folder: Path) -> "Index":
        """Read a data set's index; of one that was kept before there were any, see its files.

        Raises
        ------
        InputError
            It is damaged, or of another version.
        """
        path = folder / FILE
        if not path.is_file():
            return cls(folder, {kind.folder: _lying_there(folder, kind) for kind in KINDS})
        with as_input_error(path, "an index of a data set written by llmpert"):
            content = parse_object(path.read_bytes())
            check_version(path, "data set", content["version"], FORMAT_VERSION)
            if not isinstance(content["parts"], dict):
                raise InputError.of_file(path, "files of parts by kind", "another value")
            parts = {kind.folder: dict(content["parts"].get(kind.folder, {})) for kind in KINDS}
            return cls(folder, parts, content["record"])

    @staticmethod
    def stamp(folder: Path) -> float:
        """A number that changes when the index does: seconds since 1970; 0 where nothing is."""
        indexed = folder / FILE
        paths = [indexed] if indexed.is_file() else folder.rglob("*")
        return max((path.stat().st_mtime for path in paths), default=0.0)

    def files(self, kind: Kind) -> dict[str, Path]:
        """The files of all parts of a kind by what the parts are called."""
        return {name: self.folder / file for name, file in self.parts[kind.folder].items()}

    def write(self) -> None:
        """Let this be what the data set consists of."""
        content = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "parts": self.parts,
            "record": self.record,
        }
        with atomic_path(self.folder / FILE) as temporary:
            temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False), "utf-8")


def add(folder: Path, writes: Sequence[Write], record: dict[str, Any] | None) -> None:
    """Add parts to a data set, in one step; those of the same kind and name are replaced.

    Another process or thread that adds to it is waited for.

    Parameters
    ----------
    record:
        Of all screens and embeddings. Where None, an earlier one stays, unless there is a new
        screen or embedding that it knows nothing of.
    """
    with file_lock(lock_of(folder)):
        before = Index.read(folder)
        batch = secrets.token_hex(4)
        parts = {kind: dict(files) for kind, files in before.parts.items()}
        _sweep(folder, before)
        for write in writes:
            file = f"{batch}/{write.kind}/{write.name}{write.ending}"
            write.save(folder / file)
            parts[write.kind][write.name] = file
        outdated = {"screens", "embeddings"} & {write.kind for write in writes}
        after = Index(folder, parts, record or (None if outdated else before.record))
        after.write()
        _sweep(folder, after, before)


def lock_of(folder: Path) -> Path:
    """The lock that is held to change a data set; it outlives the data set."""
    return folder.with_name(f".{folder.name}.lock")


def _lying_there(folder: Path, kind: Kind) -> dict[str, str]:
    paths = sorted((folder / kind.folder).glob(f"*{kind.ending}"))
    return {
        path.name.removesuffix(kind.ending): f"{kind.folder}/{path.name}"
        for path in paths
        if not path.name.startswith(".")  # half of a file, from a killed process
    }


def _sweep(folder: Path, now: Index, before: Index | None = None) -> None:
    """Remove the files of additions that are named nowhere, or any more."""
    named = {folder / file for files in now.parts.values() for file in files.values()}
    gone = {folder / file for files in (before or now).parts.values() for file in files.values()}
    batches = [path for path in folder.glob("*") if re.fullmatch("[0-9a-f]{8}", path.name)]
    gone |= {path for batch in batches for path in batch.rglob("*") if path.is_file()}
    for path in gone - named:
        path.unlink(missing_ok=True)
    for batch in batches:
        for path in (*batch.glob("*"), batch):
            with suppress(OSError):  # there is something in it
                path.rmdir()
