"""Embeddings from tables of one row a gene: Parquet, CSV and TSV."""

import csv
import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmpert.embeddings.embedding import Embedding, assemble
from llmpert.errors import InputError
from llmpert.genes import GeneTable
from llmpert.genes.columns import FEWEST, no_genes
from llmpert.genes.numbers import SAYS_ENTREZ
from llmpert.io.limits import MOST_DIMENSIONS
from llmpert.io.names import plain, preview
from llmpert.io.reading import as_input_error, ending_of, require_file
from llmpert.io.tables import BLOCK, dialect, open_text, read_flat

TEXTS = (".csv", ".tsv", ".txt")
FORMATS = (".parquet", *TEXTS, *(f"{ending}.gz" for ending in TEXTS))
GENE_COLUMNS = ("gene", "symbol", "gene_symbol", "gene_name")
MISSING = ("", "NA", "NaN", "nan", "null", "None")
SAMPLE = 500
"""Rows from which the kind of a column is inferred."""
MOSTLY = 0.8
_NUMBER = re.compile(r"[-+]?(\d+[.,]?\d*|[.,]\d+)([eE][-+]?\d+)?")
_COUNTS = re.compile(r"\d+[\t ,;]\d+\s*")
_WITH_ID = re.compile(r"(?P<gene>\S+) \((\d+|unknown)\)", re.IGNORECASE)
MOST_CATEGORIES = 50
"""Different values of a column of text that says of which kind a gene is."""
_LIST = re.compile(r"\s*([\[(][-+.,\s\deEnaN]*[\])]|[-+.\deE]+(\s+[-+.\deE]+){2,})\s*", re.DOTALL)


_DIMENSION = re.compile(
    r"(d|dim(ension)?|p?c|comp(onent)?|x|v|z|e|f|emb(edding)?|feature|latent|factor)?[ ._-]?"
    r"(?P<number>\d{1,6})",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Features:
    """What a table says of genes.

    Attributes:
        header: What the file calls the genes.
        genes: N names.
        numbers: N x columns, NaN where unknown.
        categories: N x columns of text, "" where unknown.
        steps, notes: What was done to the file, and what of it was left out, in sentences.
    """

    header: str
    genes: np.ndarray
    numbers: pd.DataFrame
    categories: pd.DataFrame
    steps: list[str]
    notes: list[str]


def read_embedding_table(path: str | Path, name: str) -> Embedding:
    """Read a table of genes x numbers: Parquet, CSV or TSV (also `.gz`).

    The genes are the column (or index) of text that names most known genes; where none does, the
    index, else the column named gene, symbol, gene_symbol or gene_name, else the first. Numbers are
    the other columns, or the lists in one column. What is no part of the vectors is left out with a
    note, a table with the genes as columns is turned, and a first line of numbers is data.

    Raises:
        InputError: The file is missing, damaged, of another format, or holds something other than
            numbers.
    """
    table = _Table(require_file(path))
    return table.embedding(name, table.read())


def read_features(path: str | Path) -> Features:
    """Read a table of genes x what is known of them, numbers or categories: Parquet, CSV or TSV.

    Where the genes are, and whether the table is turned, is found as by `read_embedding_table`.
    Text with few different values is a category; other text is left out with a note.

    Raises:
        InputError: The file is missing, damaged, of another format, or has no such column.
    """
    table = _Table(require_file(path))
    return table.features(table.read())


def known_share(names: Sequence[object]) -> float:
    """Return which share of names means genes, to a tenth, judged by the first `SAMPLE`.

    Aliases and numbers, which other things are called by, too, count half.
    """
    kinds = GeneTable.shipped().kinds(str(name).strip() for name in names[:SAMPLE])
    half = ("alias", "entrez", "several")
    known = sum(bool(kind) - (kind in half) / 2 for kind in kinds.values())
    return round(known / max(1, len(kinds)), 1)


def are_genes(names: Sequence[object]) -> bool:
    """Return whether most names are of genes; not by aliases: D1 and D2 are some."""
    kinds = GeneTable.shipped().kinds(str(name).strip() for name in names[:SAMPLE])
    certain = sum(kind in ("symbol", "ensembl", "previous") for kind in kinds.values())
    return 2 * certain > len(kinds)


def are_turned(rows: Sequence[object], columns: Sequence[object]) -> bool:
    """Return whether the genes are the columns, and the rows are dimensions: PC1, PC2, …"""
    # Some of these are previous symbols of genes; numbers alone may count genes.
    if _are_dimensions(rows) and not str(rows[0]).isdecimal():
        return not _are_dimensions(columns)
    return are_genes(columns) and not are_genes(rows)


def _are_dimensions(names: Sequence[object]) -> bool:
    """Return whether names are numbered from 0 or 1, in any order."""
    found = [_DIMENSION.fullmatch(str(name)) for name in names]
    numbers = sorted(int(match["number"]) for match in found if match)
    first = numbers[0] if numbers else 2
    return len(found) > 1 and first < 2 and numbers == list(range(first, first + len(found)))


def like_a_screen(columns: Sequence[object]) -> str:
    """Return a note on dimensions that are named like genes."""
    return (
        f"The columns are named like genes ({preview(columns, 3)}), as in a screen: each was taken"
        " as a dimension. Numbers made from the responses to be predicted contain the answers."
    )


def no_dimensions(names: Sequence[str], values: np.ndarray) -> dict[int, str]:
    """Return the columns that are no part of the vectors, by place, with the reason in words.

    Args:
        values: Rows x columns.
    """
    odd = no_genes(names, values)
    rows = values[:SAMPLE]

    def add(places: np.ndarray, why: str) -> None:
        odd.update({int(p): why for p in np.flatnonzero(places) if p not in odd})

    add(np.isnan(values).all(axis=0), "without any number")
    whole = np.array([_whole(rows[:, place]) for place in range(rows.shape[1])], dtype=bool)
    if len(rows) >= FEWEST and 2 * whole.sum() < len(whole):
        whole &= np.array([not w or _whole(v) for w, v in zip(whole, values.T, strict=True)])
        add(whole & (rows != 0).any(axis=0), "by its whole numbers among fractions")
    counted = np.array([name.strip()[-1:].isdecimal() for name in names])
    left = len(names) - len(odd)
    numbered = sum(c for place, c in enumerate(counted) if place not in odd)
    if numbered >= max(FEWEST, MOSTLY * left) and not are_genes(names):
        add(~counted, "by its name, unlike the others")
    return odd


def _whole(column: np.ndarray) -> bool:
    known = column[np.isfinite(column)]
    return bool((known == np.rint(known)).all())


class _Table:
    """A table on its way to an embedding, and the notes on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.steps: list[str] = []
        self.notes: list[str] = []

    def read(self) -> pd.DataFrame:
        ending = ending_of(self.path, FORMATS)
        if not ending:
            expected = f"a table ({', '.join(FORMATS)})"
            raise InputError.of_file(self.path, expected, "another kind of file")
        expected = f"a table of gene vectors ({ending})"
        if ending == ".parquet":
            return read_flat(self.path, expected, lists=True)
        return self.read_text(expected)

    def read_text(self, expected: str) -> pd.DataFrame:
        path = self.path
        lines = _first_lines(path)
        # word2vec begins with how many genes and dimensions there are.
        skip = (
            len(lines) > 1 and bool(_COUNTS.fullmatch(lines[0])) and not _COUNTS.fullmatch(lines[1])
        )
        form = dialect(path, "," if ".csv" in path.name.lower() else "\t", skip)
        with as_input_error(path, expected):
            first = list(csv.reader(lines[skip : skip + 2], delimiter=form.separator))
        cells = first[0] if first else []
        options: dict[str, Any] = {"sep": form.separator, "decimal": form.decimal}
        if data := _are_data(cells, first[-1] if first else []):
            options["header"] = None
            shown = preview([plain(cell) for cell in cells], 3)
            self.steps.append(f"The first line names no columns: it is the first gene ({shown}).")

        def read(**more: Any) -> pd.DataFrame:
            with open_text(path, form.separator, expected, columns=MOST_DIMENSIONS) as text:
                if skip:
                    text.readline()
                return pd.read_csv(text, **options, **more)

        head = read(nrows=100)
        if isinstance(head.index, pd.MultiIndex):
            found = (
                f"{len(head.columns)} names for {len(head.columns) + head.index.nlevels} columns"
            )
            raise InputError.of_file(path, "a first line that names the columns", found)
        # "NA" and "nan" are missing numbers, but a gene may be called so.
        texts = [c for c in head.columns if _is_text(head[c]) or _says_genes(c)]
        missing = {column: MISSING for column in head.columns if column not in texts}
        kinds = dict.fromkeys(texts, str)
        frame = read(dtype=kinds, na_values=missing, keep_default_na=False, low_memory=False)
        return frame.rename(columns=lambda place: f"column {place + 1}") if data else frame

    def embedding(self, name: str, frame: pd.DataFrame) -> Embedding:
        gene, genes, rest, lists = self._parted(frame)
        vectors = self._listed(rest, lists) if lists else self._numbers(rest)
        known = {"source": f"table {self.path.name}", "steps": self.steps, "notes": self.notes}
        return assemble(self.path, name, genes, vectors, known, header=gene)

    def features(self, frame: pd.DataFrame) -> Features:
        gene, genes, rest, _ = self._parted(frame)
        ids = no_genes([str(column) for column in rest], np.empty((0, rest.shape[1])))
        self._leave_out([str(rest.columns[place]) for place in ids], "by its name")
        rest = rest.drop(columns=rest.columns[list(ids)])
        numbers = {c: v for c in map(str, rest) if (v := self._column(rest[c])) is not None}
        texts = rest.drop(columns=list(numbers))
        few = [c for c in map(str, texts) if _is_category(texts[c])]
        self._leave_out([c for c in map(str, texts) if c not in few], "text of many kinds")
        if not numbers and not few:
            found = "none beside the names"
            raise InputError.of_file(self.path, "a column of numbers or categories", found)
        return Features(
            gene,
            genes,
            pd.DataFrame(numbers, rest.index).astype(np.float64),
            texts[few].where(texts[few].notna(), "").astype(str),
            self.steps,
            self.notes,
        )

    def _parted(self, frame: pd.DataFrame) -> tuple[str, np.ndarray, pd.DataFrame, list[str]]:
        """Return the column of genes, their names, the other columns, and those of lists."""
        frame = frame.rename(columns=str)
        if isinstance(frame.index, pd.MultiIndex):
            levels = ", ".join(str(level) for level in frame.index.names)
            found = f"an index of levels ({levels}); `frame.reset_index()` makes columns of them"
            raise InputError.of_file(self.path, "one name a row", found)
        for column in frame:
            if isinstance(frame[column].dtype, pd.CategoricalDtype):
                frame[column] = frame[column].astype(object)
        index = str(frame.index.name or "index")
        indexed = _is_text(frame.index) or _says_genes(index)
        if indexed:
            frame = frame.reset_index(names=index if index not in frame else f"{index} of rows")
        texts = [column for column in map(str, frame) if _is_text(frame[column])]
        lists = [column for column in texts if _holds_lists(frame[column])]
        texts = [column for column in texts if column not in lists]
        frame = frame.rename(columns=_without_ids([*map(str, frame)]))
        frame = frame if lists else self._turned(frame, texts)
        gene = self._gene_column(frame, texts, indexed)
        genes = frame[gene].astype(object).where(frame[gene].notna(), "").map(str).to_numpy()
        named = _without_ids(list(genes))
        genes = np.array([named.get(one, one) for one in genes], dtype=object)
        return gene, genes, frame.drop(columns=gene), lists

    def _turned(self, frame: pd.DataFrame, texts: list[str]) -> pd.DataFrame:
        """Return a table with a row a gene: the genes are columns where they are nowhere else."""
        numbers = [column for column in map(str, frame) if column not in texts]
        sides = [frame[column].tolist() for column in texts]
        if len(numbers) < 2 or not any(are_turned(side, numbers) for side in sides or [[]]):
            if are_genes(numbers) and len(numbers) > 1:
                self.notes.append(like_a_screen([plain(column) for column in numbers]))
            return frame
        if any(are_genes(side) and not are_turned(side, numbers) for side in sides):
            return frame
        texts[:] = ["gene"]
        named = [column for column in numbers if not no_genes([column], np.empty((0, 1)))]
        self.steps.append(f"Turned: the columns are genes ({preview(named, 3)}).")
        return frame[named].T.reset_index(names="gene").rename(columns=str)

    def _gene_column(self, frame: pd.DataFrame, texts: list[str], indexed: bool) -> str:
        said = [c for c in map(str, frame) if frame[c].dtype.kind in "fiu" and _says_genes(c)]
        named = [column for column in texts if column.strip().lower() in GENE_COLUMNS]
        first = [column for column in frame.columns[:indexed] if column in (*texts, *said)]
        found = [*first, *named, *texts, *said]
        if not found:
            expected = "a column of gene names, such as gene"
            raise InputError.of_file(self.path, expected, "numbers only")
        return max(found, key=lambda c: (known_share(list(frame[c])), len(set(frame[c]))))

    def _listed(self, rest: pd.DataFrame, lists: list[str]) -> np.ndarray:
        """Return the vectors that are lists in one column."""
        if len(lists) > 1:
            found = f"{preview(lists)}: leave one"
            raise InputError.of_file(self.path, "one column of lists of numbers", found)
        self._leave_out([c for c in map(str, rest) if c not in lists], "beside the lists")
        rows = [_listed(self.path, value) for value in rest[lists[0]]]
        lengths = sorted({len(row) for row in rows if row is not None})
        if len(lengths) != 1:
            found = f"lists of {preview(lengths)} numbers"
            raise InputError.of_file(self.path, "vectors of one length", found)
        lacking = np.full(lengths[0], np.nan, dtype=np.float32)
        return np.stack([lacking if row is None else row for row in rows])

    def _numbers(self, rest: pd.DataFrame) -> np.ndarray:
        """Return the columns that are parts of the vectors."""
        given = {column: self._column(rest[column]) for column in map(str, rest)}
        self._leave_out([c for c, values in given.items() if values is None], "no numbers")
        numbers = pd.DataFrame({c: v for c, v in given.items() if v is not None}, rest.index)
        if not numbers.shape[1]:
            found = "none beside the names"
            raise InputError.of_file(self.path, "a column of numbers or more", found)
        vectors = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        names = [str(column) for column in numbers]
        odd = no_dimensions(names, vectors)
        if len(odd) == len(names):
            odd = {}
        for why in dict.fromkeys(odd.values()):
            self._leave_out([names[p] for p in sorted(odd) if odd[p] == why], why)
        return np.delete(vectors, list(odd), axis=1) if odd else vectors

    def _column(self, values: pd.Series) -> pd.Series | None:
        """Return a column as numbers; None if it is of another kind, as text is."""
        if pd.api.types.is_bool_dtype(values.dtype):
            return None
        if pd.api.types.is_numeric_dtype(values.dtype):
            return values if values.dtype.kind in "fiu" else None
        if not _is_text(values):
            return None
        given = values.notna() & ~values.isin(MISSING)
        read = pd.to_numeric(values.where(given), errors="coerce")
        if 2 * read.notna().sum() <= given.sum():
            return None
        if (unread := given & read.isna()).any():
            found = repr(str(values[unread].iloc[0])[:40])
            expected = f"numbers in the column {str(values.name)!r}"
            raise InputError.of_file(self.path, expected, found)
        return read

    def _leave_out(self, columns: Sequence[str], why: str) -> None:
        if columns:
            which = preview([repr(plain(column)) for column in columns])
            said = f"{len(columns):,} column(s) are no part of the vectors ({why}): {which}."
            self.notes.append(f"{said[:-1]}; left out.")


def _says_genes(column: object) -> bool:
    text = str(column).strip().lower()
    return text in GENE_COLUMNS or bool(SAYS_ENTREZ.search(text))


def _without_ids(names: Sequence[str]) -> dict[str, str]:
    """Return names as DepMap writes them, "A1BG (1)", without Entrez ids; {} where few are such."""
    found = {name: match["gene"] for name in names if (match := _WITH_ID.fullmatch(name))}
    few = len(found) < MOSTLY * len(names) - 1
    return {} if few or len(set(found.values())) < len(found) else found


def _is_category(values: pd.Series) -> bool:
    """Return whether text says of which kind a gene is: few values, each of several genes."""
    given = values[values.notna() & ~values.isin(MISSING)]
    return 0 < given.nunique() <= min(MOST_CATEGORIES, len(given) / 2)


def _is_text(values: "pd.Series | pd.Index") -> bool:
    return pd.api.types.is_string_dtype(values.dtype) or values.dtype == object


def _holds_lists(values: pd.Series) -> bool:
    known = values.dropna()[:SAMPLE].tolist()
    return bool(known) and all(
        isinstance(value, list | np.ndarray) or (isinstance(value, str) and _LIST.fullmatch(value))
        for value in known
    )


def _listed(path: Path, value: Any) -> np.ndarray | None:
    """Return a list of numbers, however it is written; None where there is none."""
    if isinstance(value, str):
        parts = re.sub(r"[\[\](),]", " ", value).split()
        if any(not _NUMBER.fullmatch(part) and part.lower() != "nan" for part in parts):
            found = f"{value[:30]!r}"
            raise InputError.of_file(path, "whole lists of numbers, not cut", found)
        value = [float(part) for part in parts]
    if not isinstance(value, list | np.ndarray) or not len(value):
        return None
    with np.errstate(over="ignore"):
        return np.asarray(value, dtype=np.float64).astype(np.float32)


def _first_lines(path: Path) -> list[str]:
    """Return what is in the first block of a text, line by line."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with as_input_error(path, "a table as text"), opener(path, "rb") as raw:
        return raw.read(BLOCK).decode("utf-8-sig", errors="replace").splitlines()


def _are_data(cells: Sequence[str], below: Sequence[str]) -> bool:
    """Return whether a first line is a gene and its numbers, and no header.

    Different whole numbers may be names of columns, behind anything but a gene's symbol: where they
    ascend, or there are fractions in the line below.
    """
    first, *rest = [cell.strip() for cell in cells] or [""]
    numbers = [cell for cell in rest if _NUMBER.fullmatch(cell)]
    if any(_LIST.fullmatch(cell) for cell in rest) or 2 * _fractions(numbers) >= len(cells):
        return True
    if not numbers or len(numbers) < sum(map(bool, rest)):
        return False
    values = [float(cell.replace(",", ".")) for cell in numbers]
    gene = GeneTable.shipped().resolve(first).gene
    if len(set(values)) < len(values) or (gene is not None and gene.symbol == first):
        return True
    ascend = all(a < b for a, b in pairwise(values))
    return not ascend and 2 * _fractions([cell.strip() for cell in below[1:]]) < len(values)


def _fractions(cells: Sequence[str]) -> int:
    return sum(
        bool(_NUMBER.fullmatch(cell)) and not cell.lstrip("+-").isdecimal() for cell in cells
    )
