"""An embedding of annotations: which columns are read, and what genes with the same items share."""

import gzip

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from llmpert.embeddings.annotations import annotations_embedding, read_annotations
from llmpert.errors import InputError

ITEMS = {
    "TP53": ["a", "b", "c"], "MDM2": ["a", "b"], "ATM": ["b", "c"], "MYC": ["d", "e"],
    "MAX": ["d", "e", "f"], "SEPT9": ["f", "b"],
}  # fmt: skip


def table(path, rows, opener=open):
    with opener(path, "wt") as file:
        file.write("\n".join("\t".join(row) for row in rows))
    return path


def test_similarities_are_the_best_that_five_numbers_hold(tmp_path):
    rows = [("gene", "item", "evidence")]
    rows += [(gene, item, "IDA") for gene, items in ITEMS.items() for item in items]
    rows += [("TP53", "alone", "IEA"), ("TP53", "a", "IEA"), ("", "a", "IEA")]
    found = annotations_embedding(table(tmp_path / "known.tsv", rows), "known", item="item")
    # The current symbol; sorted.
    assert list(found.genes) == ["ATM", "MAX", "MDM2", "MYC", "SEPTIN9", "TP53"]
    documents = [" ".join(ITEMS[gene.replace("IN9", "9")]) for gene in found.genes]
    expected = TfidfVectorizer(token_pattern=r"\S+").fit_transform(documents).toarray()
    values, vectors = np.linalg.eigh(expected @ expected.T)
    best = vectors[:, 1:] * values[1:] @ vectors[:, 1:].T
    np.testing.assert_allclose(found.vectors @ found.vectors.T, best, atol=1e-5)
    notes = " ".join(found.provenance["notes"])
    assert "1 item(s) of a single gene" in notes
    assert "1 row(s) without a gene or an item" in notes


def test_papers_of_genes_as_ncbi_lists_them(tmp_path):
    rows = [("#tax_id", "GeneID", "PubMed_ID")]
    for gene, papers in {"7157": "123", "4193": "12", "472": "23", "999999999": "12"}.items():
        rows += [("9606", gene, paper) for paper in papers]
    rows += [("10090", "22059", "1")]
    path = table(tmp_path / "gene2pubmed.gz", rows, gzip.open)
    found = read_annotations(path)
    assert list(found.genes) == ["ATM", "MDM2", "TP53"]
    assert list(found.items) == ["1", "2", "3"]
    np.testing.assert_array_equal(found.has.toarray(), [[0, 1, 1], [1, 1, 0], [1, 1, 1]])
    assert "1 unknown gene number(s) were left out: 999999999" in found.notes[0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("gene", "term", "source"), ("TP53", "a", "b")], "term, source; choose with --item"),
        ([("TP53", "a"), ("MDM2", "a")], "a gene in the first line"),
        ([("x", "y"), ("1.5", "a")], "of which none names genes"),
        ([("tax_id", "GeneID", "p"), ("10090", "22059", "1")], "none"),
        ([("gene", "term"), ("TP53", "a"), ("MDM2", "b")], "items that two genes or more have"),
        ([("gene",), ("TP53",)], "fewer than two columns"),
    ],
)
def test_other_tables_are_refused(tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        read_annotations(table(tmp_path / "wrong.tsv", rows))
