"""The builder of the shipped gene sets, on an ontology and annotations made by hand."""

import gzip
import json
import sqlite3
from contextlib import closing

import pandas as pd
import pytest

from data import build_gene_sets as build
from llmpert.genes.sets import GeneSets

# identifier: label, and the terms directly above it
TERMS = {
    build.COMPLEX: ("protein-containing complex", {}),
    "GO:2": ("ribosome", {build.COMPLEX: "isa"}),
    "GO:3": ("small subunit", {"GO:2": "isa", "GO:5": "part of"}),
    "GO:4": ("lumen of a complex", {build.COMPLEX: "part of"}),
    "GO:5": ("organelle", {}),
    "GO:6": ("kind of lumen", {"GO:4": "isa"}),
}


@pytest.fixture
def go(tmp_path):
    path = tmp_path / "go.sqlite"
    ids = {term: at for at, term in enumerate(TERMS)}
    with closing(sqlite3.connect(path)) as base:
        base.execute("CREATE TABLE go_term (_id, go_id, term)")
        base.execute("CREATE TABLE go_cc_parents (_id, _parent_id, relationship_type)")
        for term, (label, above) in TERMS.items():
            base.execute("INSERT INTO go_term VALUES (?, ?, ?)", (ids[term], term, label))
            rows = [(ids[term], ids[parent], how) for parent, how in above.items()]
            base.executemany("INSERT INTO go_cc_parents VALUES (?, ?, ?)", rows)
        base.commit()
    return path


def annotated(term: str, aspect: str, genes: list[str]) -> pd.DataFrame:
    label = TERMS.get(term, (f"label of {term}", {}))[0]
    rows = {"symbol": genes, "aspect": aspect, "term": term, "label": label}
    # What several experiments say is one annotation.
    return pd.concat([pd.DataFrame(rows)] * 2, ignore_index=True)


def genes(count: int) -> list[str]:
    return [f"G{number:03d}" for number in range(count)][::-1]


def test_complexes_are_what_is_one_and_not_what_is_part_of_one(go):
    assert build.complexes(go) == {build.COMPLEX, "GO:2", "GO:3"}


def test_terms_of_5_to_500_genes_become_sets_of_their_collection(go):
    found = pd.concat(
        [
            annotated("GO:2", "component", genes(6)), annotated("GO:3", "component", genes(4)),
            annotated("GO:5", "component", genes(5)), annotated("GO:9", "process", genes(500)),
            annotated("GO:8", "process", genes(501)), annotated("GO:7", "function", genes(2)),
        ]
    )  # fmt: skip
    made = build.gene_sets(found, build.complexes(go))
    assert made["complex"] == "ribosome\tGO:2\tG000\tG001\tG002\tG003\tG004\tG005\n"
    assert made["component"] == "organelle\tGO:5\tG000\tG001\tG002\tG003\tG004\n"
    assert made["process"].split("\t")[:2] == ["label of GO:9", "GO:9"]
    assert set(made) == {"complex", "component", "process"}


def test_what_is_written_is_read_and_the_same_sets_give_the_same_bytes(tmp_path):
    made = build.gene_sets(annotated("GO:9", "process", genes(7)), [])
    contents = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        build.write(made, {"dates": {"ontology": "2022"}}, folder)
        contents.append((folder / "gene_sets_process.gmt.gz").read_bytes())
    assert contents[0] == contents[1]
    assert gzip.decompress(contents[0]).decode() == made["process"]
    read = GeneSets.read(tmp_path / "one" / "gene_sets_process.gmt.gz")
    assert read.members == {"label of GO:9": frozenset(genes(7))}
    about = json.loads((tmp_path / "one" / "gene_sets.provenance.json").read_text("utf-8"))
    assert about == {"dates": {"ontology": "2022"}, "sets": {"process": 1}}
