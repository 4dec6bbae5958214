"""What labels of perturbations mean, in the spelling of many laboratories."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmpert.genes import GeneTable
from llmpert.screens.labels import Kind, known_share, read_labels

GENES = (
    "TP53",
    "KLF1",
    "BAK1",
    "HLA-A",
    "NKX2-1",
    "MT-CO1",
    "H1-2",
    "WT1",
    "C1orf112",
    "GATA1",
    "SGK1",
)


@pytest.mark.parametrize(
    ("label", "target"),
    [
        ("TP53", "TP53"), (" TP53 ", "TP53"), ("TP53+ctrl", "TP53"), ("ctrl+TP53", "TP53"),
        ("TP53+control", "TP53"), ("TP53_non-targeting", "TP53"), ("non-targeting_TP53", "TP53"),
        ("A_NegCtrl0", "A"), ("NegCtrl0_TP53", "TP53"), ("CTRL", "CTRL"), ("KLF1_KLF1", "KLF1"),
        ("FICT0001", "FICT0001"), ("FICT0001_2", "FICT0001_2"), ("x_y", "x_y"), ("P, 1", "P, 1"),
        ("P-1", "P-1"), ("NONO", "NONO"), ("ERVK3-1", "ERVK3-1"), ("1-Mar", "1-Mar"),
        ("TP53_vs_control", "TP53"), ("HLA-A vs. NT", "HLA-A"), ("NT_vs_TP53", "NT_vs_TP53"),
        ("TP53_vs_KLF1", "TP53_vs_KLF1"),
    ],
)  # fmt: skip
def test_labels_of_one_gene(label: str, target: str) -> None:
    read = read_labels([label])[label]
    assert (read.kind, read.target, read.guide) == (Kind.GENE, target, False)


@pytest.mark.parametrize(
    "form",
    ["{}_1", "{}-2", "{}_sg1", "sg{}-1", "sg{}_2", "{}_g3", "{}_P1P2", "{}.3", "{}_sgRNA2"],
)  # fmt: skip
@pytest.mark.parametrize("gene", GENES)
def test_guides_are_their_genes(form: str, gene: str) -> None:
    label = form.format(gene)
    read = read_labels([label])[label]
    assert (read.kind, read.target) == (Kind.GENE, gene)
    assert read.guide


@pytest.mark.parametrize(
    "label",
    [
        "A+B", "TP53+KLF1", "TP53_KLF1", "TP53;KLF1", "TP53,KLF1", "TP53|KLF1", "TP53&KLF1",
        "sgTP53_sgKLF1", "TP53_1_KLF1_2", "TP53+KLF1+ctrl",
    ],
)  # fmt: skip
def test_labels_of_several_genes(label: str) -> None:
    assert read_labels([label])[label].kind is Kind.SEVERAL


@pytest.mark.parametrize(
    "label",
    [
        "control", "Control", "controls", "ctrl", "Ctrl", " ctrl ", "ctrl+ctrl", "non-targeting",
        "Non-Targeting", "non_targeting_12", "nontargeting", "no-target", "NTC", "NTC_1", "NT",
        "control_1", "unperturbed", "negative control", "neg-ctrl", "NegCtrl0_NegCtrl0",
        "non-targeting_non-targeting", "non-targeting_00123|non-targeting_00456", "sgNTC-3",
        "non-targeting human",
    ],
)  # fmt: skip
def test_labels_of_controls(label: str) -> None:
    assert read_labels([label, "TP53"])[label].kind is Kind.CONTROL


@pytest.mark.parametrize(
    "label", ["", "nan", "NaN", "NA", "N/A", "None", "unassigned", "Multiplet", "Negative", "<NA>"]
)
def test_labels_of_nothing_are_no_gene(label: str) -> None:
    assert read_labels([label, "TP53"])[label].kind is Kind.MISSING


def test_what_is_often_a_control_is_one_only_where_there_is_no_other() -> None:
    names = ["AAVS1", "safe-targeting_1", "GFP", "TP53"]
    kinds = [label.kind for label in read_labels(names).values()]
    assert kinds == [Kind.CONTROL] * 3 + [Kind.GENE]
    with_control = read_labels([*names, "NTC"])
    assert [with_control[name].kind for name in names[:3]] == [Kind.USUAL_CONTROL] * 3


def test_controls_that_are_given_are_the_only_ones() -> None:
    labels = ["X0_X0", "TP53_X0", "TP53_KLF1", "control", "ntc-a", "ntc-b"]
    read = read_labels(labels, ["X0_X0"])
    assert read["X0_X0"].kind is Kind.CONTROL
    assert (read["TP53_X0"].kind, read["TP53_X0"].target) == (Kind.GENE, "TP53")
    assert read["TP53_KLF1"].kind is Kind.SEVERAL
    assert read["control"].kind is Kind.USUAL_CONTROL
    patterns = read_labels(labels, ["ntc-*", "none"])
    assert [name for name in labels if patterns[name].kind is Kind.CONTROL] == ["ntc-a", "ntc-b"]


def test_current_symbols_are_genes_but_aavs1() -> None:
    symbols = [gene.symbol for gene in GeneTable.shipped()]
    read = read_labels([*symbols, "control"])
    others = [name for name in symbols if read[name].kind is not Kind.GENE]
    assert others == ["AAVS1"]
    assert all(read[name].target == name for name in symbols if name != "AAVS1")


def test_the_share_of_known_genes_leaves_controls_out() -> None:
    read = read_labels(["TP53", "control", "nan", "KLF1_BAK1", "FICT0001", "stimulated"])
    assert known_share(read) == 0.5
    assert known_share(read_labels(["control"])) == 0


@given(st.text(max_size=30))
def test_any_text_is_read(text: str) -> None:
    label = read_labels([text])[text]
    assert bool(label.target) == (label.kind in (Kind.GENE, Kind.SEVERAL))
