"""Names that come from files: text that can be shown, saved and logged anywhere as it is.

Whatever is kept and shown later is checked once, where it is read: names by `check_names`, and what
files tell of themselves by `llmpert.io.remarks`. Nothing that passes holds a control character, a
tag, code, a link or a formula. Escaped are only two things that this cannot cover: what a message
quotes of a refused file (`InputError`), and what pages set as Markdown
(`llmpert.ui.common.components`).
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from llmpert.errors import InputError

LONGEST = 300
"""Characters of a name: the longest term of the Gene Ontology has about 200."""

# The start of a tag, code, the middle of a link or picture in Markdown.
MARKUP = re.compile(r"[<`]|\]\(")
# What a spreadsheet takes for a formula.
FORMULA = ("=", "+", "-", "@")
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
    """Find where wanted names stand; of missing ones an InputError says `lacking` and which."""
    asked = pd.Index(list(wanted), dtype=object)
    index = pd.Index(names).get_indexer(asked)
    if (index < 0).any():
        raise InputError(f"{lacking} {preview(asked[index < 0])}.")
    return index
