"""Genes without which most cells do not grow, by DepMap's list."""

import csv
from pathlib import Path

from llmpert.downloads.folder import downloads
from llmpert.errors import InputError
from llmpert.io.reading import as_input_error
from llmpert.io.tables import open_text

KEY = "depmap_common_essentials"
"""Of the list among what can be downloaded (`data/sources.toml`)."""
FILE = "CRISPRInferredCommonEssentials.csv"
UNKNOWN = (
    "Which genes are essential is not known here:"
    f" `python -m llmpert download {KEY}` fetches DepMap's list (21 kB)."
)
EXPECTED = "DepMap's list of common essential genes"


def essential_list() -> Path | None:
    """Return where DepMap's list lies in the data folder; None where it was not downloaded."""
    path = downloads() / FILE
    return path if path.is_file() else None


def essential_genes() -> list[str]:
    """Return the symbols of genes that nearly all cancer cell lines depend on.

    Raises:
        InputError: The list was not downloaded, or is another file.
    """
    path = essential_list()
    if path is None:
        raise InputError(UNKNOWN)
    with open_text(path, ",", EXPECTED) as text, as_input_error(path, EXPECTED):
        header, *rows = [row for row in csv.reader(text) if row]
        if header != ["Essentials"]:
            raise ValueError("another header")
    return [row[0].partition(" (")[0] for row in rows]
