"""Names that are bare numbers: Entrez ids, or codes and row numbers that no gene is called by."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from llmpert.errors import InputError
from llmpert.genes.table import GeneTable

SAYS_ENTREZ = re.compile(r"(?i:entrez|ncbi|gene_?id\b)")
KNOWN = 0.9
"""Share of Entrez ids in a list of them that the gene table has."""
HIGH = 5_000
"""The highest of a list of Entrez ids of human genes is above: few genes have a lower one."""
DENSE = 0.3
"""Row numbers and codes fill more of their range."""


def as_entrez_ids(path: Path, what: str, names: Sequence[str], header: str = "") -> str:
    """Return a sentence on names that are Entrez ids, "" where most names are no numbers.

    Args:
        what: They name, in the singular: "perturbation".
        header: What the file calls them: "entrez_id".

    Raises:
        InputError: Most names are numbers, and not clearly Entrez ids: no header says so, and they
            are low, fill their range or are mostly unknown.
    """
    numbers = [name for name in names if re.fullmatch(r"\d+(\.0)?", name)]
    if not numbers or 2 * len(numbers) < len(names):
        return ""
    values = np.array([int(name.removesuffix(".0")[:15]) for name in numbers])
    share = len(set(values.tolist())) / (values.max() - values.min() + 1)
    known = GeneTable.shipped().symbols([str(value) for value in values])
    said = bool(SAYS_ENTREZ.search(header))
    plausible = values.max() > HIGH and share < DENSE and len(known) >= KNOWN * len(set(values))
    if said or plausible:
        why = f"the file calls them {header!r}" if said else "nearly all are known as such"
        first = str(values[0])
        example = f", so {first} is {known[first]}" if first in known else ""
        return f"The {what}s are bare numbers, taken as Entrez gene ids ({why}{example})."
    shown = ", ".join(numbers[:4])
    expected = f"the name of a gene for every {what}"
    found = f"numbers ({shown} …), perhaps row numbers or codes"
    do = "give symbols or Ensembl ids, or call the column entrez_id if they are Entrez gene ids"
    raise InputError.of_file(path, expected, f"{found}; {do}")
