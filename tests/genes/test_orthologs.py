"""Tables of orthologs, and which names are a mouse's."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmpert.errors import InputError
from llmpert.genes.orthologs import Orthologs, look_like_mouse

PAIRS = [
    ("Trp53", "TP53"),
    ("Gata1", "GATA1"),
    ("Gata1", "GATA2"),  # two human genes: the one of the same symbol
    ("Cyp3a11", "CYP3A4"),
    ("Cyp3a11", "CYP3A5"),  # two, none of the same symbol
    ("Hba-a1", "HBA1"),
    ("Hba-a2", "HBA1"),  # one human gene of two, none of the same symbol
    ("Myc", "MYC"),
    ("Bmyc", "MYC"),  # of two, one has the same symbol
]
KEPT = {"Trp53": "TP53", "Gata1": "GATA1", "Myc": "MYC"}
LEFT_OUT = ("Bmyc", "Cyp3a11", "Hba-a1", "Hba-a2")


@pytest.mark.parametrize("separator", ["\t", ","])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("header", [(), ("Mouse gene name", "Human gene name")])
def test_a_table_is_read_in_either_order_with_or_without_header(
    tmp_path, separator, turned, header
):
    rows = [*([header] if header else []), *PAIRS, PAIRS[0], ("Gm1234", ""), ("", "XIST")]
    lines = [separator.join(reversed(row) if turned else row) for row in rows]
    (tmp_path / "orthologs.txt").write_text("\r\n".join(["", *lines, ""]))
    found = Orthologs.read(tmp_path / "orthologs.txt")
    assert found == Orthologs("orthologs.txt", KEPT, LEFT_OUT)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "no row"),
        ("Trp53\tTP53\nMyc\n", r"1 column\(s\) in row 2"),
        ("Trp53;TP53\n", r"1 column\(s\) in row 1"),
        ("a,Trp53,TP53\n", r"3 column\(s\) in row 1"),
        ("Trp53,Myc\n", "no human symbol"),
        ("TP53,MYC\n", "1 human symbols in each"),
        ("Trp53,TP53\nMyc,=MYC()\n", "="),
    ],
)
def test_other_tables_are_refused(tmp_path, content, found):
    (tmp_path / "table.csv").write_text(content)
    with pytest.raises(InputError, match=found) as raised:
        Orthologs.read(tmp_path / "table.csv")
    assert "table.csv" in str(raised.value)


mice, humans = st.sampled_from(["Ab", "Bc", "Cd", "De"]), st.sampled_from(["AB", "BC", "CD", "DE"])


@given(st.lists(st.tuples(mice, humans), max_size=10))
def test_each_gene_is_in_one_pair_and_the_same_symbol_comes_first(pairs):
    found = Orthologs.of_pairs("", pairs)
    assert set(found.human.items()) <= set(pairs)
    assert max(Counter(found.human.values()).values(), default=1) == 1
    assert {*found.human, *found.left_out} == {mouse for mouse, _ in pairs}
    assert not found.human.keys() & set(found.left_out)
    for mouse, human in pairs:
        if mouse.upper() == human:
            assert found.human[mouse] == human
        elif sum(mouse in pair or human in pair for pair in set(pairs)) == 1:
            assert found.human[mouse] == human  # the only pair of both


@pytest.mark.parametrize(
    ("names", "mouse"),
    [
        (["Trp53", "Gata1", "H2-Ab1", "Rps27l"], True),
        (["Trp53", "GATA1"], True),
        (["TP53", "GATA1", "Gata1"], False),
        (["C1orf112", "C2orf42", "MYC"], False),  # symbols of human genes
        (["C99orf999"], False),
        (["KD001", "OUT001", "ENSG00000141510", "7157"], False),
        ([], False),
    ],
)
def test_mouse_symbols_are_known_by_their_case(names, mouse):
    assert look_like_mouse(names) is mouse
