from llmpert.genes import Gene, GeneTable


def test_links_lead_to_the_gene():
    gene = GeneTable.shipped().resolve("SEPT9").gene
    links = gene.links()
    assert list(links) == ["NCBI Gene", "UniProt", "Ensembl", "DepMap", "STRING"]
    assert links["NCBI Gene"] == "https://www.ncbi.nlm.nih.gov/gene/10801"
    assert links["Ensembl"] == "https://www.ensembl.org/id/ENSG00000184640"
    assert links["DepMap"] == "https://depmap.org/portal/gene/SEPTIN9"
    assert "SEPTIN9" in links["UniProt"]
    assert "SEPTIN9" in links["STRING"]


def test_a_site_without_an_id_is_left_out_and_odd_symbols_are_quoted():
    links = Gene("", "A/B C", "name").links()
    assert list(links) == ["DepMap"]
    assert links["DepMap"].endswith("/A%2FB%20C")
    assert " " not in "".join(Gene("1", "A B", "n", ("E",), ("U",)).links().values())
