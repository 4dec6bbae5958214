"""Check names and remarks from files, so that they are safe to show, save and log.

Whatever is kept and shown later is checked once, where it is read: names by `check_names`, and what
files say of themselves as JSON by `check_remarks`. Nothing that passes holds a control character,
a tag, code, a link or a formula. Escaped are only two things that this cannot cover: what a message
quotes of a refused file (`InputError`), and what pages set as Markdown (`ui.common.components`).
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmpert.errors import InputError

LONGEST = 300
"""Characters of a name: the longest term of the Gene Ontology has about 200."""
LONGEST_REMARK = 20_000
DEEPEST = 40
"""Levels of JSON within JSON: far from where parsers and writers run out of stack."""

# The start of a tag, code, the middle of a link or picture in Markdown.
MARKUP = re.compile(r"[<`]|\]\(")
# What a spreadsheet takes for a formula.
FORMULA = ("=", "+", "-", "@")
_LOOKALIKES = str.maketrans("<`", "‹'")
_NO_FORMULA = str.maketrans("=+-@", "＝＋−＠")
RULE = (
    "in printable characters, without <, ` and Markdown links, and not starting with"
    f" {', '.join(FORMULA)} (at most {LONGEST} characters)"
)


def is_plain(name: str) -> bool:
    """Whether a name is printable, short and neither markup nor a formula.

    All names of NCBI Gene and all terms of the Gene Ontology are. Not printable are control
    characters, what turns the direction of writing or has no width, and what is no character.
    """
    return (
        bool(name.strip())
        and len(name) <= LONGEST
        and name.isprintable()
        and not name.startswith(FORMULA)
        and not MARKUP.search(name)
    )


def plain(name: str) -> str:
    """Write a name so that it can be shown: `p<0.05` becomes `p‹0.05`, `-omics` `−omics`.

    Characters that cannot be seen go, and what is beyond `LONGEST`; it may end up empty.
    """
    text = "".join(c for c in name if c.isprintable()).strip()
    text = text.translate(_LOOKALIKES).replace("](", "] (")
    if text.startswith(FORMULA):
        text = text[0].translate(_NO_FORMULA) + text[1:]
    return text[:LONGEST]


def check_names(
    source: str | Path, what: str, names: Iterable[object], *, unique: bool = False
) -> None:
    """Raise InputError unless all names are plain and, if `unique`, none occurs twice.

    Args:
        source: The file, or what else the message starts with.
        what: They name, in the singular: "gene".
    """
    texts = [str(name) for name in names]
    for name in texts:
        if not is_plain(name):
            raise InputError.of_file(source, f"the name of every {what} {RULE}", shown(name))
    if unique:
        index = pd.Index(texts, dtype=object)
        repeated = index[index.duplicated()].unique()
        if len(repeated):
            found = f"{len(repeated)} repeated: {preview(repeated)}"
            raise InputError.of_file(source, f"every {what} once", found)


def shown(value: object) -> str:
    """Write a value from a file for a message: short and printable."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def preview(names: "Sequence[object] | np.ndarray | pd.Index", limit: int = 5) -> str:
    """List the first few names for a message: "A, B, C …"."""
    shown = ", ".join(str(name) for name in names[:limit])
    return f"{shown} …" if len(names) > limit else shown


def positions(names: np.ndarray, wanted: Iterable[str], lacking: str) -> np.ndarray:
    """Return the positions of names; raise `InputError` with `lacking` and the missing ones."""
    asked = pd.Index(list(wanted), dtype=object)
    index = pd.Index(names).get_indexer(asked)
    if (index < 0).any():
        raise InputError(f"{lacking} {preview(asked[index < 0])}.")
    return index


class Remarks(dict[str, Any]):
    """A JSON object from outside, in which a missing key is damage: a ValueError."""

    def __missing__(self, key: str) -> Any:
        raise ValueError(f"no {key!r} among its remarks")


def parse_object(text: str | bytes) -> Remarks:
    """Read a JSON object from outside; a ValueError if it is none, or nested too deeply."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    if next(islice(_levels(value), DEEPEST, None), None):
        raise ValueError(f"JSON that is nested more than {DEEPEST} levels deep")
    if not isinstance(value, dict):
        raise ValueError(f"no JSON object: {shown(value)}")
    return Remarks(value)


def check_remarks(source: str | Path, remarks: object) -> dict[str, Any]:
    """Return a file's JSON remarks; raise `InputError` if a part cannot be shown.

    Raises:
        InputError: It is no JSON object, `notes` or `steps` are no lists of text, or a text is not
            printable, has markup or is longer than `LONGEST_REMARK`. It starts with `source`.
    """
    if not isinstance(remarks, dict):
        raise InputError.of_file(source, "remarks as a JSON object", shown(remarks))
    for key in ("notes", "steps"):
        notes = remarks.get(key, [])
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            raise InputError.of_file(source, f"a list of texts as {key}", shown(notes))
    most = f"{LONGEST_REMARK:,} printable characters"
    for text in (item for level in _levels(remarks) for item in level if isinstance(item, str)):
        printable = "".join(text.split()).isprintable()
        if len(text) > LONGEST_REMARK or MARKUP.search(text) or not printable:
            expected = f"remarks of at most {most} without <, ` and Markdown links"
            raise InputError.of_file(source, expected, shown(text))
    return dict(remarks)


def _levels(value: object) -> Iterator[list[Any]]:
    """The value, then what is in it (of objects, keys and values), and so on."""
    level = [value]
    while level:
        yield level
        inside = ([*i, *i.values()] if isinstance(i, dict) else i for i in level)
        level = [inner for item in inside if isinstance(item, list) for inner in item]


def without_identity(provenance: dict[str, Any]) -> dict[str, Any]:
    """Return provenance without the identity that a file claims: its content names it instead."""
    return {key: value for key, value in provenance.items() if key != "identity"}
