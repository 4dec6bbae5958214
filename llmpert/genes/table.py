"""Gene names: symbols, aliases, Ensembl ids and UniProt accessions, resolved to one gene.

Screens and embeddings spell genes as their year did: a screen says CCDC84 where a later embedding
says CENATAC. A name is matched kind by kind, in this order:

1. current symbol, so that no alias of another gene can take a symbol's place;
2. Ensembl gene id, without its version (`ENSG00000141510.12`);
3. UniProt accession, without its isoform (`P04637-2`);
4. HGNC's symbol, where the table's is another: HGNC renamed the gene since, or says MT-ND1 for ND1;
5. previous symbol, so that no mere alias can take its place: GARS, an alias of GART, was GARS1;
6. alias;
7. Entrez id.

Within a kind a match in exact case comes before one that ignores case: `Met` is the symbol MET in
another case although it is also, exactly so, an alias of RNMT. Only a previous symbol in another
case gives way to an alias in exact case: `neu` is NEURL1, and `NEU` was NEU1. The first kind that
knows the name decides. Where it knows several genes by that name the answer is "ambiguous", never a
guess.
"""

import re
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.io.names import preview
from llmpert.io.paths import shipped
from llmpert.io.reading import as_input_error, require_file

_DATE = re.compile(
    r"\d{1,2}-(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|(mar|sep|dec|oct|feb|nov)-\d{1,2}|"
    r"(19|20)\d\d-\d\d-\d\d( 00:00:00)?|\d{1,2}/\d{1,2}/(19|20)?\d\d",
    re.IGNORECASE,
)

COLUMNS = ("entrez", "symbol", "name", "ensembl", "uniprot", "aliases")
FURTHER_COLUMNS = ("hgnc", "previous")
"""Columns that a table may lack."""

# In the order in which a name is tried, with the words between such a name and its gene's symbol.
KINDS = {
    "symbol": "the symbol",
    "ensembl": "an Ensembl id of",
    "uniprot": "a UniProt accession of",
    "hgnc": "HGNC's symbol of",
    "previous": "a previous symbol of",
    "alias": "an alias of",
    "entrez": "the Entrez id of",
}


@dataclass(frozen=True, slots=True)
class Gene:
    """One gene and its names.

    `hgnc` is HGNC's symbol where it is another, and `previous` are symbols that HGNC gave the gene
    before. `aliases` do not repeat the symbol.
    """

    entrez: str
    symbol: str
    name: str
    ensembl: tuple[str, ...] = ()
    uniprot: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    hgnc: str = ""
    previous: tuple[str, ...] = ()

    def links(self) -> dict[str, str]:
        """Return pages about the gene by site, without sites of whose ids the gene has none."""
        symbol = quote(self.symbol, safe="")
        # By symbol: accessions here do not say which one is the reviewed entry.
        query = quote(f"(gene_exact:{self.symbol}) AND (organism_id:9606) AND (reviewed:true)")
        network = f"https://string-db.org/cgi/network?identifiers={symbol}&species=9606"
        sites = (
            ("NCBI Gene", self.entrez, f"https://www.ncbi.nlm.nih.gov/gene/{self.entrez}"),
            ("UniProt", self.uniprot, f"https://www.uniprot.org/uniprotkb?query={query}"),
            ("Ensembl", self.ensembl, f"https://www.ensembl.org/id/{''.join(self.ensembl[:1])}"),
            ("DepMap", symbol, f"https://depmap.org/portal/gene/{symbol}"),
            ("STRING", self.uniprot, network),
        )
        return {site: address for site, known, address in sites if known}


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a name turned out to mean.

    Attributes:
        gene: The one gene it means, or None.
        how: The kind of name that decided (of `KINDS`), None where the name is unknown.
        candidates: Symbols of the genes an ambiguous name could mean, sorted; else empty.
        others: Symbols of genes of which a previous symbol is an alias too, sorted.
    """

    name: str
    gene: Gene | None = None
    how: str | None = None
    candidates: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def explain(self) -> str:
        """Say it in words, without a full stop: "SEPT9 is a previous symbol of SEPTIN9"."""
        name = self.name.strip() or "An empty name"
        if self.gene and name == self.gene.symbol:
            return f"{name} is a current gene symbol"
        if self.gene and self.how:
            others = f" (and an alias of {preview(self.others)})" if self.others else ""
            return f"{name} is {KINDS[self.how]} {self.gene.symbol}{others}"
        if self.candidates:
            return f"{name} could be {', '.join(self.candidates[:-1])} or {self.candidates[-1]}"
        if is_date(name):
            return (
                f"{name} is a date that a spreadsheet made of a gene's name, as of SEPT2 or MARCH1"
            )
        return f"{name} is not a known gene symbol, alias, Ensembl id or UniProt accession"


def is_date(name: str) -> bool:
    """Return whether a name is a date, as spreadsheets make of SEPT2 and MARCH1."""
    return bool(_DATE.fullmatch(name.strip()))


class _Index:
    """The names of one kind and the rows that bear each, of `cells` with names separated by `|`.

    `suffix` is a pattern cut off a name before it is looked up.
    """

    def __init__(self, cells: Sequence[str], suffix: str = "") -> None:
        self._cells = cells
        self._suffix = re.compile(rf"(?:{suffix})\Z") if suffix else None
        self._rows: dict[str, tuple[int, ...]] = {}
        for row, cell in enumerate(cells):
            for name in dict.fromkeys(_parts(cell.upper())):
                self._rows[name] = (*self._rows.get(name, ()), row)

    def find(self, name: str) -> tuple[int, ...]:
        """Return the rows that bear the name in any case."""
        return self._rows.get(self._core(name).upper(), ())

    def find_as_spelled(self, name: str) -> tuple[int, ...]:
        """Return the rows that bear the name in exact case, else in any case."""
        # Most names are of another kind: they are turned away by one look-up.
        rows = self.find(name)
        return (self._exact(name, rows) or rows) if rows else ()

    def find_exactly(self, name: str) -> tuple[int, ...]:
        """Return the rows that bear the name in exact case."""
        return self._exact(name, self.find(name))

    def _exact(self, name: str, rows: tuple[int, ...]) -> tuple[int, ...]:
        core = self._core(name)
        if len(rows) == 1 and self._cells[rows[0]] == core:  # as of most: the only name there
            return rows
        return tuple(row for row in rows if core in _parts(self._cells[row]))

    def _core(self, name: str) -> str:
        return self._suffix.sub("", name) if self._suffix else name

    @cached_property
    def _names(self) -> list[str]:
        return sorted(self._rows)

    def starting_with(self, prefix: str) -> list[int]:
        """Return the rows that bear a name starting with the prefix, which is in upper case."""
        first = bisect_left(self._names, prefix)
        last = bisect_left(self._names, prefix + chr(sys.maxunicode))
        return sorted({row for name in self._names[first:last] for row in self._rows[name]})


class GeneTable:
    """Genes and all of their names.

    Args:
        frame: A row a gene, the columns of `COLUMNS`, and of `FURTHER_COLUMNS` where known, as
            text; several names in a cell are separated by `|`. Every symbol occurs once.
        source: What error messages call this table.

    Raises:
        InputError: There is no gene, a symbol is empty or repeated, or an Entrez id is no number.
    """

    def __init__(self, frame: pd.DataFrame, source: str = "gene table") -> None:
        # Plain lists: the table is read in a tenth of a second, a Gene is made when asked for.
        columns = {c: [cell.strip() for cell in frame[c].tolist()] for c in COLUMNS}
        for c in FURTHER_COLUMNS:
            known = frame[c].tolist() if c in frame else [""] * len(frame)
            columns[c] = [cell.strip() for cell in known]
        symbols, uniprot = columns["symbol"], columns["uniprot"]
        # By how likely a gene is meant: with a protein first, then short symbols.
        order = sorted(
            range(len(symbols)), key=lambda r: (not uniprot[r], len(symbols[r]), symbols[r])
        )
        self._columns = {c: [cells[row] for row in order] for c, cells in columns.items()}
        self._given = np.argsort(order)
        self._indexes: dict[str, _Index] = {}
        repeated = sorted(symbol for symbol, count in Counter(symbols).items() if count > 1)
        odd = [x for x in columns["entrez"] if x and not (x.isascii() and x.isdecimal())]
        for refused, expected, found in (
            (not symbols, "at least one gene", "none"),
            (not all(symbols), "a symbol for every gene", "a gene without"),
            (repeated, "every symbol once", f"{len(repeated)} repeated: {preview(repeated)}"),
            (odd, "Entrez ids made of digits", repr("".join(odd[:1]))),
        ):
            if refused:
                raise InputError.of_file(source, expected, found)

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> "GeneTable":
        """Read the one in `data/`: genes as NCBI names them (see `data/build_gene_table.py`)."""
        return cls.read(shipped() / "genes.tsv.gz")

    @classmethod
    def read(cls, path: str | Path) -> "GeneTable":
        """Read the constructor's columns of a CSV, TSV (either also gzipped) or Parquet file.

        Raises:
            InputError: The file is missing, unreadable or of another format, lacks a column, or
                holds what the constructor refuses.
        """
        return cls(_read_frame(Path(path)), str(path))

    def __len__(self) -> int:
        return len(self._columns["symbol"])

    def __iter__(self) -> Iterator[Gene]:
        return map(self._gene, self._given.tolist())

    def _gene(self, row: int) -> Gene:
        entrez, symbol, name, *several = (self._columns[c][row] for c in COLUMNS)
        ensembl, uniprot, aliases = map(_parts, several)
        aliases = tuple(a for a in aliases if a != symbol)
        hgnc, previous = (self._columns[c][row] for c in FURTHER_COLUMNS)
        return Gene(entrez, symbol, name, ensembl, uniprot, aliases, hgnc, _parts(previous))

    def _index(self, kind: str) -> _Index:
        if kind not in self._indexes:
            column = "aliases" if kind == "alias" else kind
            suffix = {"ensembl": r"\.\d+", "uniprot": r"-\d+"}.get(kind, "")
            self._indexes[kind] = _Index(self._columns[column], suffix)
        return self._indexes[kind]

    def resolve(self, name: str) -> Resolution:
        """Find the gene that a name means, kind by kind; outer blanks are ignored."""
        kind, rows = self._rows_of(name)
        symbols = sorted(self._columns["symbol"][row] for row in rows)
        if len(rows) != 1:
            return Resolution(name, None, kind, tuple(symbols))
        aliased = self._index("alias").find_as_spelled(name.strip()) if kind == "previous" else ()
        others = {self._columns["symbol"][row] for row in aliased}.difference(symbols)
        return Resolution(name, self._gene(rows[0]), kind, others=tuple(sorted(others)))

    def _rows_of(self, name: str) -> tuple[str | None, tuple[int, ...]]:
        """Return the first kind of name that this is one of, and the rows that bear it."""
        given = name.strip()
        for kind in KINDS:
            rows = self._index(kind).find_as_spelled(given)
            if kind == "previous" and rows and not self._index(kind).find_exactly(given):
                rows = () if self._index("alias").find_exactly(given) else rows
            if rows:
                return kind, rows
        return None, ()

    def symbols(self, names: Iterable[str]) -> dict[str, str]:
        """Map the names that mean one gene to its current symbol, in the order given."""
        # Of tens of thousands: by their rows alone, without a `Gene` of each.
        found = {name: self._rows_of(name)[1] for name in dict.fromkeys(names)}
        symbol = self._columns["symbol"]
        return {name: symbol[rows[0]] for name, rows in found.items() if len(rows) == 1}

    def kinds(self, names: Iterable[str]) -> dict[str, str]:
        """Map names to the kind that decides (of `KINDS`), "several" genes, or "" if unknown."""
        found = {name: self._rows_of(name) for name in dict.fromkeys(names)}
        one = {name: "several" if len(rows) > 1 else kind for name, (kind, rows) in found.items()}
        return {name: kind or "" for name, kind in one.items()}

    def spelt_as(self, given: Iterable[str], names: Iterable[str]) -> dict[str, str]:
        """Find how `names` spell the given names; those that they do not have are left out.

        A given name is taken as it is where a name is spelt the same; otherwise the two meet where
        they mean the same gene.
        """
        exact = {str(name) for name in names}
        spelt = {name: name if name in exact else "" for name in given}
        # Where all are there as they are spelt, no name needs its gene.
        if others := self.symbols(name for name, found in spelt.items() if not found):
            names_of = by_symbol(self.symbols(sorted(exact)))
            spelt |= {name: names_of.get(symbol, "") for name, symbol in others.items()}
        return {name: found for name, found in spelt.items() if found}

    def search(self, text: str, limit: int = 20) -> list[Gene]:
        """Find genes for a search box, best match first, in any case.

        A gene ranks by the best of: its symbol; another name in the order of `KINDS`; a prefix of
        its symbol; of HGNC's, a previous symbol or an alias; of an accession or Ensembl id; and the
        words of its name (every word of `text` starts one). Within a rank genes with a known
        protein come first, then short symbols.
        """
        query = " ".join(text.split()).upper()
        if not query:
            return []
        rows: dict[int, None] = {}
        for row in self._ranked(query):
            if len(rows) >= limit:
                break
            rows[row] = None
        return [self._gene(row) for row in rows]

    def _ranked(self, query: str) -> Iterator[int]:
        """Yield the rows of one rank after another, so that no more are searched than asked for."""
        for kind in KINDS:
            yield from self._index(kind).find(query)
        for kind in ("symbol", "hgnc", "previous", "alias", "uniprot", "ensembl"):
            yield from self._index(kind).starting_with(query)
        if starts := [f" {word}" for word in _words(query).split()]:
            rarest = max(starts, key=len)
            for row, words in enumerate(self._name_words):
                if rarest in words and all(start in words for start in starts):
                    yield row

    @cached_property
    def _name_words(self) -> list[str]:
        return [f" {_words(name)}" for name in self._columns["name"]]


def by_symbol(symbols: Mapping[str, str]) -> dict[str, str]:
    """Turn name -> symbol round; of one gene's names its current symbol wins, else the first."""
    names: dict[str, str] = {}
    for name, symbol in symbols.items():
        if symbol not in names or name == symbol:
            names[symbol] = name
    return names


def _parts(cell: str) -> tuple[str, ...]:
    if "|" not in cell:
        return (cell,) if cell else ()
    return tuple(part.strip() for part in cell.split("|") if part.strip())


def _words(text: str) -> str:
    """Return text in upper case, with a blank for everything but letters and digits."""
    return re.sub(r"[\W_]+", " ", text.upper())


def _read_frame(path: Path) -> pd.DataFrame:
    """Read the columns of a gene table as text, "" where a value is missing."""
    suffix = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if suffix not in ("csv", "tsv", "parquet"):
        expected = "a gene table as .csv, .tsv (either also .gz) or .parquet"
        raise InputError.of_file(path, expected, f"the suffix {path.suffix or '(none)'}")
    with as_input_error(require_file(path), f"a readable .{suffix} table"):
        if suffix == "parquet":
            frame = pd.read_parquet(path, dtype_backend="numpy_nullable")
        else:
            sep = "," if suffix == "csv" else "\t"
            frame = pd.read_csv(path, sep=sep, dtype=str, na_filter=False)
    if missing := [column for column in COLUMNS if column not in frame]:
        found = f"none called {' or '.join(missing)}"
        raise InputError.of_file(path, f"the columns {', '.join(COLUMNS)}", found)
    frame = frame[[*COLUMNS, *(c for c in FURTHER_COLUMNS if c in frame)]]
    for column in frame if suffix == "parquet" else ():
        if any(map(pd.api.types.is_list_like, frame[column])):
            expected = f"text in the column {column}, several values separated by |"
            raise InputError.of_file(path, expected, "lists")
    return frame.astype("string").fillna("")
