import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.errors import InputError
from llmpert.genes import GeneTable
from llmpert.genes.sets import GeneSets, joined
from tests.support import small

GMT = "HYPOXIA\thttp://example.org\tVEGFA\tCA9\t\nEMPTY\tnothing known\t\n\nTCA\t\tCS\tSDHA\tCS\r\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "hallmark.v1.gmt"
    path.write_text(GMT)
    return path


def test_a_gmt_file_as_others_write_it(file):
    sets = GeneSets.read(file)
    assert sets.name == "hallmark.v1"
    assert sets.source == "hallmark.v1.gmt"
    assert sets.members == {"HYPOXIA": {"VEGFA", "CA9"}, "TCA": {"CS", "SDHA"}}


def test_what_is_saved_is_read_back(file, tmp_path):
    sets = GeneSets.read(file)
    sets.save(tmp_path / "other" / "hallmark.v1.gmt")
    assert GeneSets.read(tmp_path / "other" / "hallmark.v1.gmt") == sets


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"set,description,GENE1\n", "1 column(s) on line 1"),
        (b"A\tx\tG1\nA\tx\tG2\n", "A a second time on line 2, with other genes"),
        (b'{"A": {"geneSymbols": ["TP53"]}}', "perhaps JSON"),
        (b"A,x,TP53,MYC\n", "separated by commas: GMT takes tabs"),
        (b"term\tgene\nA\tTP53\nA\tMYC\n", "a GMT file has one line for each set"),
        (b"source\ttarget\tweight\nMYC\tCDK9\t-1.0\n", "the number -1.0 as a gene on line 2"),
        (b"A\t\t1\t2\t3\n", "perhaps row numbers or codes"),
        (
            "Na\u00efve T\t\tTP53\n".encode("latin-1"),
            "another encoding; save the file again as UTF-8",
        ),
        ("A\t\tTP53\n".encode("utf-16"), "UTF-16"),
        (b" \tx\tG1\n", "none on line 1"),
        (b"", "no set with a gene"),
        (b"A\tx\t\n", "no set with a gene"),
        (b"A\tx\t\xff\xfe\n", "another encoding"),
        (b"A\tx\tB\0\n", "found NUL bytes"),
    ],
)
def test_files_that_are_no_gmt_are_sentences(tmp_path, content, words):
    path = tmp_path / "sets.gmt"
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        GeneSets.read(path)
    assert words in str(raised.value)
    assert str(path) in str(raised.value)


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        GeneSets.read(tmp_path / "none.gmt")


def test_a_partition_by_gene():
    sets = GeneSets.of_genes("modules", "simulated", {"A": "m2", "B": "m1", "C": "m2"})
    assert list(sets.members) == ["m1", "m2"]
    assert sets.members["m2"] == {"A", "C"}


def test_members_take_the_spelling_of_the_screen():
    table = small.gene_table({"SEPTIN9": "SEPT9|MSF", "CENATAC": "CCDC84", "TP53": "P53"})
    members = {"septins": frozenset({"SEPTIN9", "FICT1"}), "old": frozenset({"P53", "SEPT9"})}
    sets = GeneSets("x", "y", members).within(["SEPT9", "CENATAC", "FICT1", "TP53"], table)
    assert sets.members == {"septins": {"SEPT9", "FICT1"}, "old": {"TP53", "SEPT9"}}
    assert GeneSets("x", "y", members).within(["CENATAC"], table).members == {}


def test_the_current_symbol_is_met_before_an_alias():
    table = small.gene_table({"SEPTIN9": "SEPT9|MSF"})
    sets = GeneSets("x", "y", {"s": frozenset({"MSF"})})
    assert sets.within(["SEPT9", "SEPTIN9"], table).members == {"s": {"SEPTIN9"}}


def test_aliases_of_the_shipped_table():
    sets = GeneSets("x", "y", {"s": frozenset({"SEPT9", "TP53"})})
    assert sets.within(["SEPTIN9", "MED12"]).members == {"s": {"SEPTIN9"}}


genes = st.frozensets(st.sampled_from([f"INVENTED{i}" for i in range(12)]))


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("ABCDE"), genes.filter(bool)), genes)
def test_names_in_no_table_meet_by_spelling_alone(members, names):
    table = GeneTable.shipped()
    within = GeneSets("x", "y", members).within(names, table).members
    assert within == {label: m & names for label, m in members.items() if m & names}


def test_collections_are_joined_unless_they_disagree():
    one = GeneSets("one", "1.gmt", {"A": frozenset({"G1"})})
    two = GeneSets("two", "2.gmt", {"B": frozenset({"G1", "G2"})})
    both = joined([one, two])
    assert both.name == "one + two"
    assert both.source == "1.gmt; 2.gmt"
    assert both.members == {"A": {"G1"}, "B": {"G1", "G2"}}
    with pytest.raises(InputError, match="found A in"):
        joined([one, two, GeneSets("three", "3.gmt", {"A": frozenset({"G9"})})])


def test_the_most_populated_sets_that_add_to_each_other_but_none_of_nearly_everything():
    members = {"all": "ABCDEF", "big": "ABC", "also big": "CDE", "small": "F"}
    sets = GeneSets("x", "y", {label: frozenset(genes) for label, genes in members.items()})
    assert sets.most_populated(3, at_most=4) == ["also big", "big", "small"]
    assert sets.most_populated(9, at_most=4) == ["also big", "big", "small"]
    assert sets.most_populated(9, at_most=2) == ["small", "all"]
    assert sets.most_populated(9, at_most=6) == ["all"]


def test_a_gene_of_several_sets_is_in_the_smallest_one_asked_for():
    members = {"one": frozenset("ABD"), "two": frozenset("BC"), "three": frozenset("A")}
    sets = GeneSets("x", "y", members)
    assert sets.smallest_of(["one", "two"]) == {"A": "one", "B": "two", "C": "two", "D": "one"}
    assert sets.smallest_of([]) == {}


@pytest.mark.parametrize("names", ["ABC", "AB", "A"])
def test_a_file_without_descriptions_loses_no_gene_in_silence(tmp_path, names):
    path = tmp_path / "x.gmt"
    rows = {"A": "TP53\tMYC", "B": "GATA1\tSPI1", "C": "KLF1\tBAK1"}
    path.write_text("".join(f"{name}\t{rows[name]}\n" for name in names))
    with pytest.raises(InputError, match="a description as the second column"):
        GeneSets.read(path)
    path.write_text("A\tna\tMYC\nB\tNA\tSPI1\nC\tna\tBAK1\nempty\tna\n")
    found = GeneSets.read(path)
    assert dict(found.members) == {"A": {"MYC"}, "B": {"SPI1"}, "C": {"BAK1"}}
    assert found.notes == ("1 set(s) without genes were left out: empty.",)


def test_what_stands_in_the_name_of_a_set_describes_it(tmp_path):
    (tmp_path / "x.gmt").write_text("TP53 targets\tTP53\tMDM2\nMYC targets\tMYC\tCDK9\n")
    assert GeneSets.read(tmp_path / "x.gmt").members["MYC targets"] == {"CDK9"}


def test_oddities_are_repaired_and_told(tmp_path):
    path = tmp_path / "x.GMT.gz"
    path.write_bytes(gzip.compress(
        b'"p<0.05"\t""\t"TP53"\tMYC,1.0\n-omics\t\tTP53\t=1+1\nlast\t\tMYC\nlast\tx\tMYC\n'
    ))  # fmt: skip
    found = GeneSets.read(path)
    assert found.name == "x"
    written = {"p\u20390.05": {"TP53", "MYC"}, "\u2212omics": {"TP53"}}
    assert found.members == {**written, "last": {"MYC"}}
    for told in ("2 set name(s)", "1 gene(s) have a weight", "1 gene(s) without", "there twice"):
        assert any(told in note for note in found.notes), told


def test_entrez_ids_are_told(tmp_path):
    (tmp_path / "x.gmt").write_text("A\t\t7157\t4609\t2623\t9968\n")
    (note,) = GeneSets.read(tmp_path / "x.gmt").notes
    assert "taken as Entrez gene ids" in note
    assert "7157 is TP53" in note
