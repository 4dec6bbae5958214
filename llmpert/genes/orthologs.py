"""Orthologs: which human gene stands for a mouse gene where an embedding knows human genes."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from llmpert.errors import InputError
from llmpert.genes.table import GeneTable
from llmpert.io.names import check_names
from llmpert.io.reading import require_file
from llmpert.io.tables import open_text

MOUSE = re.compile(r"(?!C[0-9XY]+orf)[A-Z][a-z0-9.-]*[a-z][a-z0-9.-]*")
EXPECTED = "two columns, mouse and human symbols (Trp53, TP53), separated by tab or comma"


@dataclass(frozen=True)
class Orthologs:
    """Pairs of a mouse and a human gene, each in one pair only.

    Attributes:
        source: Where they are from, for notes.
        human: Mouse symbol -> human symbol.
        left_out: Mouse symbols of which no single human gene stands out, sorted.
    """

    source: str
    human: Mapping[str, str]
    left_out: tuple[str, ...] = ()

    @classmethod
    def of_pairs(cls, source: str, pairs: Iterable[tuple[str, str]]) -> "Orthologs":
        """Pick one human gene for each mouse gene, and the other way round.

        Of several the one of the same symbol is taken, in capitals (Trp53bp1, TP53BP1); where there
        is none, the gene is left out.
        """
        every = sorted(set(pairs))
        humans = _one_of(every)
        mice = _one_of([(human, mouse) for mouse, human in humans.items()])
        kept = {mouse: human for human, mouse in mice.items()}
        return cls(source, kept, tuple(sorted({mouse for mouse, _ in every} - kept.keys())))

    @classmethod
    def read(cls, path: str | Path) -> "Orthologs":
        """Read a table of pairs; the column that has more human symbols is the human one.

        A gene may be repeated; pairs with a blank are of genes without ortholog. A first pair
        without a human gene is a header.

        Raises:
            InputError: The file is missing, or is no such table.
        """
        path = require_file(path)
        with open_text(path, ",", EXPECTED) as text:
            lines = [line for line in text.read().splitlines() if line.strip()]
            separator = "\t" if any("\t" in line for line in lines) else ","
            cells = csv.reader(lines, delimiter=separator)
            rows = [tuple(cell.strip() for cell in row) for row in cells]
        odd = next((n for n, row in enumerate(rows, 1) if len(row) != 2), 0)
        if odd or not rows:
            found = f"{len(rows[odd - 1])} column(s) in row {odd}" if rows else "no row"
            raise InputError.of_file(path, EXPECTED, found)
        check_names(path, "gene", {cell for row in rows for cell in row} - {""})
        known = [_human(column) for column in zip(*rows, strict=True)]
        if known[0] == known[1]:
            found = f"{known[0]:,} human symbols in each" if known[0] else "no human symbol"
            raise InputError.of_file(path, EXPECTED, found)
        first = known[0] > known[1]
        pairs = [(b, a) if first else (a, b) for a, b in rows if a and b]
        headed = GeneTable.shipped().resolve(pairs[0][1]).how is None if pairs else False
        return cls.of_pairs(path.name, pairs[headed:])


def look_like_mouse(names: Iterable[str]) -> bool:
    """Return whether at least half are written as mouse symbols are, and are no human symbols."""
    written = [str(name) for name in names]
    return 2 * len(mouse_symbols(written)) >= max(1, len(written))


def mouse_symbols(names: Iterable[str]) -> list[str]:
    """Return the names that are written as mouse symbols are, and are no human symbols."""
    mouse = [name for name in names if MOUSE.fullmatch(name)]
    human = GeneTable.shipped().symbols(mouse)
    return [name for name in mouse if human.get(name) != name]


def _human(names: Iterable[str]) -> int:
    """Count the current symbols of human genes."""
    found = GeneTable.shipped().symbols(names)
    return sum(name == symbol for name, symbol in found.items())


def _one_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Map each first gene to its one second gene, or to the one of the same symbol."""
    several: dict[str, list[str]] = defaultdict(list)
    for one, other in pairs:
        several[one].append(other)
    found = {
        one: others if len(others) == 1 else [o for o in others if o.upper() == one.upper()]
        for one, others in several.items()
    }
    return {one: others[0] for one, others in found.items() if len(others) == 1}
