"""Gene names: symbols, aliases, Ensembl ids and UniProt accessions, resolved to one gene.

Screens and embeddings spell genes as their year did: a screen says CCDC84 where a later embedding
says CENATAC. A name is matched kind by kind, in this order:

1. current symbol, so that no alias of another gene can take a symbol's place;
2. Ensembl gene id, without its version (`ENSG00000141510.12`);
3. UniProt accession, without its isoform (`P04637-2`);
4. alias. NCBI's aliases include previous symbols and do not mark them as such;
5. Entrez id.

Within a kind a match in exact case comes before one that ignores case: `Met` is the symbol MET in
another case although it is also, exactly so, an alias of RNMT. The first kind that knows the name
decides. Where it knows several genes by that name the answer is "ambiguous", never a guess.
"""

import json
import re
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import quote

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.io.names import preview
from llmpert.io.paths import shipped
from llmpert.io.reading import as_input_error, require_file

COLUMNS = ("entrez", "symbol", "name", "ensembl", "uniprot", "aliases")

Kind = Literal["symbol", "ensembl", "uniprot", "alias", "entrez"]

KINDS: tuple[Kind, ...] = get_args(Kind)  # in the order in which a name is tried

_KNOWN_AS: dict[Kind, str] = {
    "symbol": "the symbol",
    "ensembl": "an Ensembl id of",
    "uniprot": "a UniProt accession of",
    "alias": "an alias of",
    "entrez": "the Entrez id of",
}


@dataclass(frozen=True, slots=True)
class Gene:
    """One gene and the names it goes by; `aliases` do not repeat the symbol."""

    entrez: str
    symbol: str
    name: str
    ensembl: tuple[str, ...] = ()
    uniprot: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    def links(self) -> dict[str, str]:
        """Return pages about the gene elsewhere: name of the site -> address.

        A site that goes by an id which the gene does not have is left out.
        """
        symbol = quote(self.symbol, safe="")
        found = {}
        if self.entrez:
            found["NCBI Gene"] = f"https://www.ncbi.nlm.nih.gov/gene/{self.entrez}"
        if self.uniprot:
            # By symbol: accessions here do not say which one is the reviewed entry.
            query = quote(f"(gene_exact:{self.symbol}) AND (organism_id:9606) AND (reviewed:true)")
            found["UniProt"] = f"https://www.uniprot.org/uniprotkb?query={query}"
        if self.ensembl:
            found["Ensembl"] = f"https://www.ensembl.org/id/{self.ensembl[0]}"
        found["DepMap"] = f"https://depmap.org/portal/gene/{symbol}"
        if self.uniprot:
            address = "https://string-db.org/cgi/network"
            found["STRING"] = f"{address}?identifiers={symbol}&species=9606"
        return found


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a name turned out to mean.

    Attributes:
        name: The name as it was given.
        gene: The one gene it means, or None.
        how: The kind of name that decided, None where the name is unknown.
        candidates: Symbols of the genes an ambiguous name could mean, sorted; else empty.
    """

    name: str
    gene: Gene | None = None
    how: Kind | None = None
    candidates: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether the name means exactly one gene."""
        return self.gene is not None

    def explain(self) -> str:
        """Say it in words, without a full stop: "SEPT9 is an alias of SEPTIN9"."""
        name = self.name.strip() or "An empty name"
        if self.gene is not None and self.how is not None:
            if name == self.gene.symbol:
                return f"{name} is a current gene symbol"
            return f"{name} is {_KNOWN_AS[self.how]} {self.gene.symbol}"
        if self.candidates:
            return f"{name} could be {', '.join(self.candidates[:-1])} or {self.candidates[-1]}"
        return f"{name} is not a known gene symbol, alias, Ensembl id or UniProt accession"


class _Index:
    """The names of one kind and the rows of the table that bear each, ascending.

    `cells` holds a row's names, separated by `|`; `suffix` is a pattern cut off a name before it is
    looked up.
    """

    def __init__(self, cells: Sequence[str], suffix: str = "") -> None:
        self._cells = cells
        self._suffix = re.compile(rf"(?:{suffix})\Z")
        self._rows: dict[str, tuple[int, ...]] = {}
        for row, cell in enumerate(cells):
            for name in dict.fromkeys(_parts(cell.upper())):
                self._rows[name] = (*self._rows.get(name, ()), row)

    def find(self, name: str) -> tuple[int, ...]:
        """Return the rows that bear the name in any case."""
        return self._rows.get(self._suffix.sub("", name).upper(), ())

    def find_as_spelled(self, name: str) -> tuple[int, ...]:
        """Return the rows that bear the name in exact case, else in any case."""
        rows = self.find(name)
        core = self._suffix.sub("", name)
        return tuple(row for row in rows if core in _parts(self._cells[row])) or rows

    @cached_property
    def _sorted(self) -> tuple[list[str], np.ndarray]:
        """All names by alphabet, a shared one as often as it is borne, and the row of each."""
        pairs = sorted((name, row) for name, rows in self._rows.items() for row in rows)
        return [name for name, _ in pairs], np.array([row for _, row in pairs], dtype=np.int64)

    def starting_with(self, prefix: str) -> Iterator[int]:
        """Yield the rows that bear a name starting with the prefix, which is in upper case."""
        names, rows = self._sorted
        first, last = bisect_left(names, prefix), bisect_left(names, prefix + chr(sys.maxunicode))
        yield from np.unique(rows[first:last]).tolist()


class GeneTable:
    """Genes and every name they are known by.

    Args:
        frame: A row a gene, the columns of `COLUMNS` as text; several Ensembl ids, accessions or
            aliases are separated by `|`. Every symbol occurs once.
        source: What error messages call this table.
        provenance: Source, version, dates and licence; JSON values only.

    Raises:
        InputError: There is no gene, a symbol is empty or repeated, or an Entrez id is no number.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        source: str = "gene table",
        provenance: dict[str, Any] | None = None,
    ) -> None:
        # Plain lists: the table is read in a tenth of a second, a Gene is made when asked for.
        columns = {c: [cell.strip() for cell in frame[c].tolist()] for c in COLUMNS}
        symbols, uniprot = columns["symbol"], columns["uniprot"]
        # By how likely a gene is meant: with a protein first, then short symbols.
        order = sorted(
            range(len(symbols)), key=lambda r: (not uniprot[r], len(symbols[r]), symbols[r])
        )
        self._columns = {c: [cells[row] for row in order] for c, cells in columns.items()}
        self._given = np.argsort(order)
        self._indexes: dict[Kind, _Index] = {}
        self.provenance = dict(provenance or {})
        if not symbols:
            raise InputError.of_file(source, "at least one gene", "none")
        if not all(symbols):
            raise InputError.of_file(source, "a symbol for every gene", "a gene without")
        if len(set(symbols)) < len(symbols):
            repeated = sorted(s for s, n in Counter(symbols).items() if n > 1)
            found = f"{len(repeated)} repeated: {preview(repeated)}"
            raise InputError.of_file(source, "every symbol once", found)
        odd = [x for x in columns["entrez"] if x and not (x.isascii() and x.isdecimal())]
        if odd:
            raise InputError.of_file(source, "Entrez ids made of digits", repr(odd[0]))

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> "GeneTable":
        """Read the one in `data/`: NCBI Gene of September 2022 (see `data/build_gene_table.py`)."""
        path = shipped() / "genes.tsv.gz"
        provenance = json.loads((shipped() / "genes.provenance.json").read_text("utf-8"))
        return cls(_read_frame(path), str(path), provenance)

    @classmethod
    def read(cls, path: str | Path) -> "GeneTable":
        """Read a table with the columns of `COLUMNS`, in any order; others are ignored.

        CSV, TSV (either may be gzipped) or Parquet, by the file's suffix.

        Raises:
            InputError: The file is missing, unreadable or of another format, lacks a column, or
                holds what the constructor refuses.
        """
        return cls(_read_frame(Path(path)), str(path), {"source": str(path)})

    def __len__(self) -> int:
        return len(self._columns["symbol"])

    def __iter__(self) -> Iterator[Gene]:
        return map(self._gene, self._given.tolist())

    def _gene(self, row: int) -> Gene:
        entrez, symbol, name, *several = (self._columns[c][row] for c in COLUMNS)
        ensembl, uniprot, aliases = map(_parts, several)
        return Gene(
            entrez, symbol, name, ensembl, uniprot, tuple(a for a in aliases if a != symbol)
        )

    def _index(self, kind: Kind) -> _Index:
        if kind not in self._indexes:
            column = "aliases" if kind == "alias" else kind
            suffix = {"ensembl": r"\.\d+", "uniprot": r"-\d+"}.get(kind, "")
            self._indexes[kind] = _Index(self._columns[column], suffix)
        return self._indexes[kind]

    def resolve(self, name: str) -> Resolution:
        """Find the gene that a name means, kind by kind; outer blanks are ignored."""
        for kind in KINDS:
            rows = self._index(kind).find_as_spelled(name.strip())
            if len(rows) == 1:
                return Resolution(name, self._gene(rows[0]), kind)
            if rows:
                candidates = sorted(self._columns["symbol"][row] for row in rows)
                return Resolution(name, None, kind, tuple(candidates))
        return Resolution(name)

    def resolve_all(self, names: Iterable[str]) -> dict[str, Resolution]:
        """Resolve every distinct name: name as given -> resolution, in the order given."""
        return {name: self.resolve(name) for name in dict.fromkeys(names)}

    def spelt_as(self, given: Iterable[str], names: Iterable[str]) -> dict[str, str]:
        """Find how `names` spell the given names; those that they do not have are left out.

        A given name is taken as it is where a name is spelt the same; otherwise the two meet where
        they mean the same gene.
        """
        exact = {str(name) for name in names}
        by_gene: dict[str, str] = {}
        for name, resolution in self.resolve_all(sorted(exact)).items():
            if resolution.gene is not None:
                symbol = resolution.gene.symbol
                # The current symbol wins over an alias of the same gene.
                if symbol not in by_gene or name == symbol:
                    by_gene[symbol] = name
        spelt: dict[str, str] = {}
        for name in dict.fromkeys(given):
            gene = None if name in exact else self.resolve(name).gene
            found = name if name in exact else by_gene.get(gene.symbol) if gene else None
            if found is not None:
                spelt[name] = found
        return spelt

    def search(self, text: str, limit: int = 20) -> list[Gene]:
        """Find genes for a search box, best match first, in any case.

        A gene ranks by the best of: its symbol; its Ensembl id, accession, alias or Entrez id; a
        prefix of its symbol; of an alias; of an accession or Ensembl id; and the words of its name
        (every word of `text` starts one). Within a rank genes with a known protein come first,
        then short symbols.
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
        for kind in ("symbol", "alias", "uniprot", "ensembl"):
            yield from self._index(kind).starting_with(query)
        yield from self._by_name_words(query)

    @cached_property
    def _name_words(self) -> list[str]:
        return [f" {_words(name)}" for name in self._columns["name"]]

    def _by_name_words(self, query: str) -> Iterator[int]:
        starts = [f" {word}" for word in _words(query).split()]
        if not starts:
            return
        rarest = max(starts, key=len)
        for row, words in enumerate(self._name_words):
            if rarest in words and all(start in words for start in starts):
                yield row


def _parts(cell: str) -> tuple[str, ...]:
    if "|" not in cell:
        return (cell,) if cell else ()
    return tuple(part.strip() for part in cell.split("|") if part.strip())


def _words(text: str) -> str:
    """Return text in upper case, with a blank for everything but letters and digits."""
    return re.sub(r"[\W_]+", " ", text.upper())


def _read_frame(path: Path) -> pd.DataFrame:
    """Read the columns of `COLUMNS` as text, "" where a value is missing."""
    suffix = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if suffix not in ("csv", "tsv", "parquet"):
        expected = "a gene table as .csv, .tsv (either also .gz) or .parquet"
        raise InputError.of_file(path, expected, f"the suffix {path.suffix or '(none)'}")
    with as_input_error(require_file(path), f"a readable .{suffix} table"):
        if suffix == "parquet":
            frame = pd.read_parquet(path, dtype_backend="numpy_nullable")
        else:
            separator = "," if suffix == "csv" else "\t"
            frame = pd.read_csv(path, sep=separator, dtype=str, na_filter=False)
    missing = [column for column in COLUMNS if column not in frame]
    if missing:
        expected = f"the columns {', '.join(COLUMNS)}"
        raise InputError.of_file(path, expected, f"none called {' or '.join(missing)}")
    frame = frame[list(COLUMNS)]
    for column in COLUMNS if suffix == "parquet" else ():
        if frame[column].map(pd.api.types.is_list_like).any():
            expected = f"text in the column {column}, several values separated by |"
            raise InputError.of_file(path, expected, "lists")
    return frame.astype("string").fillna("")
