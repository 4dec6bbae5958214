import pytest

from llmpert.genes import BUILT_IN_SETS, GeneTable, are_human, built_in_sets

SIZES = {
    "GO complexes": (500, 600), "GO processes": (8_000, 10_000),
    "GO components": (500, 800), "GO functions": (1_500, 2_500),
}  # fmt: skip


@pytest.mark.parametrize("name", BUILT_IN_SETS)
def test_every_gene_that_ships_is_in_the_gene_table(name):
    symbols = {gene.symbol for gene in GeneTable.shipped()}
    assert set().union(*built_in_sets(name).members.values()) <= symbols


@pytest.mark.parametrize("name", BUILT_IN_SETS)
def test_sets_are_neither_tiny_nor_of_everything(name):
    members = built_in_sets(name).members
    least, most = SIZES[name]
    assert least < len(members) < most
    assert {len(genes) for genes in members.values()} <= set(range(5, 501))


def test_no_term_is_in_two_collections():
    every = [label for name in BUILT_IN_SETS for label in built_in_sets(name).members]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    ("collection", "term", "gene"),
    [
        ("GO complexes", "mediator complex", "MED12"),
        ("GO complexes", "cytosolic large ribosomal subunit", "RPL5"),
        ("GO components", "autophagosome", "MAP1LC3B"),
        ("GO processes", "mitotic spindle organization", "AURKB"),
        ("GO functions", "histone methyltransferase activity", "EZH2"),
    ],
)
def test_known_members(collection, term, gene):
    assert gene in built_in_sets(collection).members[term]
    assert "TTN" not in built_in_sets("GO complexes").members["mediator complex"]
    assert "Gene Ontology of 2022" in built_in_sets(collection).source


def test_names_are_human_if_the_gene_table_knows_half_of_them():
    assert are_human(["TP53", "SEPT9", "ENSG00000141510"])
    assert are_human(["TP53", "FICT0001"])
    assert not are_human(["TP53", "FICT0001", "FICT0002"])
    assert not are_human([])
