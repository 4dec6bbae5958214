"""What is told of how names met genes."""

import pytest

from llmpert.genes.matching import met_by, named_as
from tests.support import small

TABLE = small.gene_table({"SEPTIN9": "SEPT9|MSF", "CENATAC": "CCDC84", "TP53": "P53|MSF"})


def test_names_are_counted_by_kind():
    said = named_as(["TP53", "septin9", "P53", "1-Mar", "MSF", "FICT1", "FICT2"], TABLE)
    assert said == (
        "7 name(s) of genes: 2 current symbols, 1 alias, 1 of several genes (MSF), 1 date(s) that a"
        " spreadsheet made of names such as SEPT2 (1-Mar), 2 unknown (FICT1, FICT2)."
    )
    assert named_as(["TP53"], TABLE) == "1 name(s) of genes: 1 current symbol."


def test_invented_names_are_told():
    assert "No name is a known gene (A1, A2, A3 …)" in named_as(["A1", "A2", "A3", "A4"], TABLE)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([("TP53", "TP53"), ("FICT1", "FICT1")], "Names matched: 2 spelt alike."),
        (
            [("TP53", "TP53"), ("tp53", "TP53")],
            "Names matched: 1 spelt alike, 1 differing in case.",
        ),
        ([("P53", "TP53"), ("SEPTIN9", "SEPT9")], "Names matched: by 2 aliases."),
        ([], ""),
    ],
)
def test_names_that_met_are_counted_by_what_brought_them_together(pairs, said):
    assert met_by(pairs, TABLE) == said


def test_the_shipped_table_knows_previous_symbols_and_ids():
    pairs = [("SEPT9", "SEPTIN9"), ("TP53", "ENSG00000141510"), ("7157", "TP53")]
    assert met_by(pairs) == "Names matched: by 1 previous symbol, by 1 Ensembl id, by 1 Entrez id."
    assert "1 UniProt accession" in named_as(["P04637", "TP53"])
