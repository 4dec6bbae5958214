"""The cell line of a file: what the file states, else what its name says."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from llmpert.errors import InputError
from llmpert.screens.files import stated, suffix

KEYS = ("line", "cell_line")
"""Keys of `uns` that state it."""
COLUMNS = ("cell_line", "line", "celltype", "cell_type")
"""Columns of obs that state it for each cell."""
KNOWN = re.compile("K562|RPE1", re.IGNORECASE)
"""Lines that are recognised anywhere in a file's name."""


def stated_line(uns: Mapping[str, Any]) -> str:
    """Return the line that the `uns` of an AnnData file states, "" where it states none."""
    return stated(uns, *KEYS)


def stated_lines(obs: pd.DataFrame) -> tuple[str, list[str]]:
    """Return the column that states each cell's line, and the lines in it; ("", []) without one."""
    for column in COLUMNS:
        if column in obs:
            labels = (str(label).strip() for label in obs[column].dropna().unique())
            if lines := [label for label in dict.fromkeys(labels) if label]:
                return column, lines
    return "", []


def known_line(name: str) -> str:
    """Return K562 or RPE1 where a file's name holds it, else ""."""
    found = KNOWN.search(name)
    return found.group().upper() if found else ""


def line_in_name(file: str | Path) -> str:
    """Return the line that a file is named after, "" where nothing stands in its place.

    It is K562 or RPE1 where the name holds it, else what stands before the first underscore:
    `HepG2_table.csv` gives "HepG2", and `hepg2_table.csv` "HEPG2", as it is all of lower-case
    letters and digits.
    """
    path = Path(file)
    first = path.name[: len(path.name) - len(suffix(path))].split("_")[0].strip()
    return known_line(path.name) or (first.upper() if re.fullmatch(r"[a-z0-9]+", first) else first)


def find_line(path: Path, stated: str, default: str | None) -> str:
    """Return the stated line, else the default, else the one that the file is named after."""
    if line := stated or default or line_in_name(path):
        return line
    raise InputError.of_file(
        path, "a file name that starts with the cell line, or the line given", "neither"
    )
