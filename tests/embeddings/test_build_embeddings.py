"""The builder of the shipped embeddings, on tiny SQLite files with the packages' tables."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import build_embeddings as build
from data import ontology
from llmpert.embeddings import BUILT_IN, built_in
from llmpert.genes import GeneTable
from llmpert.io.paths import shipped

LABELS = {
    "GO:1": "mediator complex", "GO:2": "complex", "GO:3": "transcription", "GO:4": "binding",
    "GO:0005515": "protein binding", "GO:6": "rare process",
}  # fmt: skip
# symbol, aspect's table, term, evidence; with whether it is the gene's own, not one above
ROWS = [
    ("MED11", "cc", "GO:1", "IDA", True), ("MED11", "cc", "GO:2", "IDA", False),
    ("MED12", "cc", "GO:1", "IDA", True), ("MED12", "cc", "GO:2", "IDA", False),
    ("MED11", "bp", "GO:3", "IMP", True), ("TP53", "bp", "GO:3", "IDA", True),
    ("TP53", "bp", "GO:6", "HMP", True), ("TP53", "mf", "GO:0005515", "IPI", True),
    ("TP53", "cc", "GO:2", "IDA", True),
    ("MED12", "mf", "GO:4", "ND", True), ("XIST", "bp", "GO:3", "IDA", True),
    ("NONSENSE9", "bp", "GO:3", "IDA", True), ("MED11", "mf", "GO:8", "IDA", True),
]  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    genes, go = tmp_path / "org.sqlite", tmp_path / "go.sqlite"
    ids = {symbol: at for at, symbol in enumerate(dict.fromkeys(row[0] for row in ROWS))}
    ids["TP63"] = len(ids)
    with closing(sqlite3.connect(genes)) as base:
        base.executescript(
            "CREATE TABLE gene_info (_id, symbol); CREATE TABLE genetype (_id, gene_type);"
            "CREATE TABLE metadata (name, value);"
            "INSERT INTO metadata VALUES ('GOEGSOURCEDATE', '2022'), ('GOSOURCEDATE', '2021');"
        )
        for symbol, at in ids.items():
            base.execute("INSERT INTO gene_info VALUES (?, ?)", (at, symbol))
            kind = "ncRNA" if symbol == "XIST" else "protein-coding"
            base.execute("INSERT INTO genetype VALUES (?, ?)", (at, kind))
        for table in ontology.ASPECTS:
            for name in (f"go_{table}", f"go_{table}_all"):
                base.execute(f"CREATE TABLE {name} (_id, go_id, evidence)")
        for symbol, table, term, evidence, own in ROWS:
            for name in [f"go_{table}_all", *([f"go_{table}"] if own else [])]:
                base.execute(f"INSERT INTO {name} VALUES (?, ?, ?)", (ids[symbol], term, evidence))
        base.commit()
    with closing(sqlite3.connect(go)) as base:
        base.execute("CREATE TABLE go_term (go_id, term)")
        base.executemany("INSERT INTO go_term VALUES (?, ?)", LABELS.items())
        base.commit()
    return genes, go


def test_annotations_are_those_of_coding_genes_with_known_terms(files):
    found = ontology.annotations(*files)
    assert set(found["symbol"]) == {"MED11", "MED12", "TP53"}
    assert set(found["term"]) == set(LABELS)
    own = found.set_index(["symbol", "term"])["direct"]
    assert own["MED11", "GO:1"]
    assert not own["MED11", "GO:2"]
    assert dict(zip(found["term"], found["aspect"], strict=True))["GO:1"] == "component"
    assert ontology.dates(files[0]) == {"annotation": "2022", "ontology": "2021"}
    assert list(ontology.coding_genes(files[0]).index) == ["TP53", "TP63", "MED12", "MED11"]


def test_evidence_is_left_out_by_its_code(files):
    every = ontology.annotations(*files)
    kept = ontology.without(every, [*ontology.NOTHING_KNOWN, *ontology.HIGH_THROUGHPUT])
    assert set(every["term"]) - set(kept["term"]) == {"GO:4", "GO:6"}


def test_vectors_have_the_inner_products_of_weighted_terms(files):
    found = ontology.without(ontology.annotations(*files), ontology.NOTHING_KNOWN)
    vectors = build.go_vectors(found, dimensions=2)
    # By hand: terms of one gene do not count (GO:6 and protein binding), and those of all genes do
    # not weigh (GO:2), which leaves GO:1 and GO:3, both of two genes.
    terms = pd.DataFrame(
        [[0.5**0.5, 0.5**0.5], [1, 0], [0, 1]], ["MED11", "MED12", "TP53"], ["GO:1", "GO:3"]
    )
    assert list(vectors.index) == list(terms.index)
    left, sizes, _ = np.linalg.svd(terms, full_matrices=False)
    expected = left[:, :2] * sizes[:2]
    np.testing.assert_allclose(vectors @ vectors.T, expected @ expected.T, atol=1e-10)


def test_a_text_says_the_most_specific_terms_first(files):
    found = ontology.without(ontology.annotations(*files), [*ontology.NOTHING_KNOWN, "HMP"])
    texts = build.texts(ontology.coding_genes(files[0]), found)
    assert texts["TP63"] == "tumor protein p63."
    assert texts["TP53"] == "tumor protein p53. Found in complex. Takes part in transcription."
    assert texts["MED11"] == (
        "mediator complex subunit 11. Found in mediator complex. Takes part in transcription."
    )


def test_the_sentence_model_tells_meanings_apart():
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tokenizers")
    sentences = pytest.importorskip("llmpert.embeddings.sentences")
    texts = ["a subunit of the ribosome", "ribosomal protein L5", "a potassium channel of neurons"]
    texts.append(" ".join(texts * 200))  # far longer than what is read
    vectors = sentences.SentenceModel().encode(texts)
    assert vectors.shape == (4, sentences.DIMENSIONS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    similarity = vectors @ vectors.T
    assert similarity[0, 1] > 0.4 > similarity[0, 2]
    # What a text is encoded with does not matter.
    alone = sentences.SentenceModel().encode(texts[1:2])
    np.testing.assert_allclose(alone[0], vectors[1], atol=1e-5)


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_ships_is_of_human_genes_and_small(name):
    path = shipped() / f"embedding_{name}.parquet"
    assert path.stat().st_size < 6_000_000
    found = built_in(name)
    assert found.name == name
    assert len(found.genes) > {"GO": 18_000, "description": 19_000}[name]
    assert set(found.genes) <= {gene.symbol for gene in GeneTable.shipped()}
    assert not found.simulated
    assert all(code in found.provenance["changes"] for code in ontology.HIGH_THROUGHPUT)
    assert "Gene Ontology" in found.provenance["source"]


def test_genes_of_one_complex_are_near_each_other():
    for name in BUILT_IN:
        vectors = built_in(name).rows(["MED11", "MED8", "RPL5", "RPL11", "SCN1A"])
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        similarity = vectors @ vectors.T
        assert similarity[0, 1] > max(similarity[0, 2:])
        assert similarity[2, 3] > max(similarity[2, [0, 1, 4]])
