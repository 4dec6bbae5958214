"""Limits to the size of files from outside once they are read.

A few kilobytes can declare or unpack to terabytes. The largest files known of are those of the
genome-wide screen of Replogle et al. 2022: 11,258 x 8,248 numbers, 93 million, in 375 MB.
"""

from pathlib import Path

from llmpert.errors import InputError

LARGEST_UPLOAD = 256 * 2**20
"""Bytes of a file: larger ones are the operator's own, and spared the guards that take long."""

MOST_VALUES = 200_000_000
"""Numbers in a matrix, twice those of the largest file known of; 0.8 GB as float32."""

MOST_ROWS = 5_000_000
MOST_COLUMNS = 200_000
"""Of a table: the human genome has 60,000 genes, with every transcript 250,000 names at most."""

MOST_DIMENSIONS = 20_000
"""Numbers of a vector in a table of text; pandas takes seconds for as many names of columns."""

LARGEST_TABLE = 2 * 2**30
"""Bytes of a matrix as text, unpacked: 93 million numbers of 20 characters fit."""

LARGEST_LIST = 128 * 2**20
"""Bytes of text, unpacked, that stays text: all human gene sets of MSigDB take 30 MB."""

LONGEST_LINE = 16 * 2**20
"""Bytes of a line: 200,000 numbers of 80 characters."""


def refuse_more(path: Path, most: int, what: str, found: int, *, counted: bool = True) -> None:
    """Raise InputError if a file has more of something; `counted`: whether `found` is all of it."""
    if found > most:
        said = f"{found:,}" if counted else "more"
        raise InputError.of_file(path, f"at most {most:,} {what}", said)
