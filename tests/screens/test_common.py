"""Lines meet by gene, not by spelling."""

from dataclasses import replace

import numpy as np
import pytest

from llmpert.errors import InputError
from llmpert.screens import Screen, common_perturbations
from tests.support import small

TABLE = small.gene_table({"SEPTIN9": "SEPT9|MSF", "TP53": "ENSG00000141510|P53", "AARS1": "AARS"})


def screen(line: str, *names: str, **fields) -> Screen:
    """Row i of the responses is all i."""
    response = np.repeat(np.arange(len(names))[:, None], 3, axis=1)
    return Screen(line, response, names, ["A", "B", "C"], "Δ", **fields)


def test_alike_names_stay_in_the_first_ones_order():
    (one, two), lost = common_perturbations([screen("A", *"xyz"), screen("B", *"zqy")], TABLE)
    assert list(one.perturbations) == list(two.perturbations) == ["y", "z"]
    np.testing.assert_array_equal(one.response[:, 0], [1, 2])
    np.testing.assert_array_equal(two.response[:, 0], [2, 0])
    assert lost == {"A": ["x"], "B": ["q"]}


def test_names_of_one_gene_meet_under_its_current_symbol():
    lines = [
        screen("A", "P53", "SEPT9", "AARS", "x"),
        screen("B", "SEPTIN9", "AARS", "ENSG00000141510"),
        screen("C", "MSF", "TP53", "AARS"),
    ]
    cut, lost = common_perturbations(lines, TABLE)
    for one, rows in zip(cut, ([0, 1, 2], [2, 0, 1], [1, 0, 2]), strict=True):
        # AARS is spelt alike in all, and stays.
        assert list(one.perturbations) == ["TP53", "SEPTIN9", "AARS"]
        np.testing.assert_array_equal(one.response[:, 0], rows)
    assert lost == {"A": ["x"], "B": [], "C": []}


def test_symbols_meet_ensembl_ids_of_the_shipped_table():
    symbols, ids = screen("A", "TP53", "SEPT9"), screen("B", "ENSG00000184640", "ENSG00000141510")
    cut, _ = common_perturbations([symbols, ids])
    assert [list(one.perturbations) for one in cut] == [["TP53", "SEPTIN9"]] * 2


def test_a_gene_counts_once_and_its_current_symbol_wins():
    (one, two), lost = common_perturbations(
        [screen("A", "SEPT9", "MSF", "SEPTIN9", "x"), screen("B", "SEPT9", "x")], TABLE
    )
    # What both spell alike is what both have.
    assert list(one.perturbations) == list(two.perturbations) == ["SEPT9", "x"]
    assert lost == {"A": ["MSF", "SEPTIN9"], "B": []}
    cut, lost = common_perturbations([screen("A", "MSF", "SEPTIN9"), screen("B", "SEPT9")], TABLE)
    np.testing.assert_array_equal(cut[0].response[:, 0], [1])
    assert lost == {"A": ["MSF"], "B": []}


def test_a_renamed_screen_has_another_fingerprint_than_one_that_is_cut():
    named = {"provenance": {"identity": ["a simulation"]}}
    old, other = screen("A", "SEPT9", **named), screen("B", "SEPTIN9")
    (cut, _), _ = common_perturbations([old, other], TABLE)
    assert cut.fingerprint != old.select(perturbations=["SEPT9"]).fingerprint
    assert replace(cut, line="A").fingerprint == cut.fingerprint


def test_lines_without_a_perturbation_in_common_are_refused():
    with pytest.raises(InputError, match="A, B have no perturbation in common"):
        common_perturbations([screen("A", *"xyz"), screen("B", *"abc")], TABLE)
