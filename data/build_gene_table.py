"""Build `data/genes.tsv.gz` from Debian's package of NCBI Gene (Bioconductor's org.Hs.eg.db).

Run from the repository's root, with Debian's or Ubuntu's apt and dpkg at hand:

    python -m data.build_gene_table                 # fetches the package with apt-get download
    python -m data.build_gene_table --deb FILE      # a package already downloaded
    python -m data.build_gene_table --sqlite FILE   # its org.Hs.eg.sqlite, already unpacked

One row a gene, sorted by Entrez id: entrez, symbol, name, ensembl, uniprot, aliases; several values
in a cell are sorted and separated by `|`. The same package gives the same bytes. Beside it,
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
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from data.debian import unpacked
from llmpert.errors import InputError
from llmpert.genes import COLUMNS
from llmpert.io.atomic import atomic_path
from llmpert.io.paths import shipped

PACKAGE = "r-bioc-org.hs.eg.db"
SQLITE = "usr/lib/R/site-library/org.Hs.eg.db/extdata/org.Hs.eg.sqlite"
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

Row = tuple[str, str, str, str, str, str]


def read_sqlite(path: Path) -> tuple[list[Row], dict[str, int], dict[str, str]]:
    """Rows of the table in the order of `COLUMNS`, what was left out, and the data's dates.

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
            rows[symbol] = (entrez, symbol, name, *several)
    return (
        list(rows.values()),
        dict(left_out),
        {key: metadata.get(name, "") for key, name in DATES.items()},
    )


def build(sqlite: Path, version: str | None, folder: Path) -> Path:
    """Write `genes.tsv.gz` and `genes.provenance.json` into `folder`; returns the table's path.

    `version` is the Debian package's, None where unknown. Raises InputError as `read_sqlite`.
    """
    rows, left_out, dates = read_sqlite(sqlite)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    content = text.getvalue().encode()
    provenance = {
        "source": f"NCBI Gene, Ensembl and UniProt names as in Debian's package {PACKAGE}"
        " (Bioconductor's org.Hs.eg.db)",
        "url": "https://bioconductor.org/packages/org.Hs.eg.db/",
        "version": version,
        "dates": dates,
        "licence": "Artistic-2.0",
        "changes": "Only names and accessions of genes, taken out of the package's SQLite file by"
        " data/build_gene_table.py.",
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
    parser = argparse.ArgumentParser(description="Build the gene table from Debian's package.")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--deb", type=Path, help=f"{PACKAGE}'s .deb file")
    given.add_argument("--sqlite", type=Path, help="its org.Hs.eg.sqlite")
    parser.add_argument("--into", type=Path, default=shipped(), help="folder (default: data/)")
    options = parser.parse_args(arguments)
    try:
        if options.sqlite:
            table = build(options.sqlite, None, options.into)
        else:
            with unpacked(PACKAGE, options.deb) as (folder, version):
                table = build(folder / SQLITE, version, options.into)
    except InputError as error:
        raise SystemExit(str(error)) from None
    print(f"{table}: {table.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
