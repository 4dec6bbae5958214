"""The report card: planted faults are found, and what cannot be told is said to be unknown."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmpert.insight.findings import Finding, Grade, ReportCard
from llmpert.insight.report_card import report_card
from llmpert.screens import Screen, read_screen

GENES, ROWS = 120, 40


def screen(seed: int = 0, rows: int = ROWS, genes: int = GENES, **fields) -> Screen:
    """A faultless screen: targets are lowered, responses share two programmes and repeat well."""
    random = np.random.default_rng(seed)
    parts = random.normal(size=(rows, 2))
    parts /= np.linalg.norm(parts, axis=1, keepdims=True)
    response = parts @ random.normal(size=(2, genes))
    response += 0.3 * random.normal(size=response.shape)
    # The first half of the targets are measured.
    own = np.arange(min(rows, genes) // 2)
    response[own, own] = -2 - random.random(len(own))
    names = [f"INVENTED{i:03d}" for i in range(max(rows, genes) + rows)]
    perturbations = [*names[: len(own)], *names[genes : genes + rows - len(own)]]
    given = {"control_sd": np.full(genes, 0.3), "cells": np.full(rows, 100.0), **fields}
    return Screen("Line", response, perturbations, names[:genes], "Δ expression", **given)


def changed(one: Screen, row: int, values: np.ndarray) -> Screen:
    response = one.response.copy()
    response[row] = values
    return replace(one, response=response)


def of(card: ReportCard, what: str) -> Finding:
    (found,) = [finding for finding in card.findings if finding.what == what]
    return found


def remarks(card: ReportCard, name: str) -> str:
    return card.knockdowns.set_index("perturbation")["remarks"][name]


def test_a_faultless_screen_is_fine() -> None:
    card = report_card(screen())
    assert {finding.grade for finding in card.findings} == {Grade.FINE}
    assert len(card.findings) == 7
    assert (card.knockdowns["remarks"] == "").all()
    assert of(card, "Targets").found == (
        "20 of 20 targets are lowered in their own knockdown. 20 more are not measured."
    )


@given(st.integers(0, 1000), st.integers(0, ROWS // 2 - 1))
def test_what_is_planted_is_found(seed: int, row: int) -> None:
    one = screen(seed)
    name, others = one.perturbations[row], np.delete(one.response, row, axis=0)
    raised = one.response[row].copy()
    raised[row] *= -1
    card = report_card(changed(one, row, raised))
    assert of(card, "Targets").names == (name,)
    assert remarks(card, name) == "target not lowered"

    random = np.random.default_rng(seed)
    card = report_card(changed(one, row, random.normal(0, 0.25, GENES)))
    assert of(card, "No effect").names == (name,)

    card = report_card(changed(one, row, 50 * one.response[row]))
    assert of(card, "Outliers").names == (name,)
    assert of(card, "Outliers").grade is Grade.LOOK

    programmes = np.linalg.svd(others, full_matrices=False)[2][:ROWS]
    alone = random.normal(size=GENES)
    alone -= programmes.T @ (programmes @ alone)
    alone *= 6 / np.sqrt(np.mean(alone**2))
    card = report_card(changed(one, row, alone))
    assert "unlike all others" in remarks(card, name)
    assert name in of(card, "Outliers").names

    card = report_card(changed(one, row, one.response[-1]))
    assert set(of(card, "Outliers").names) == {name, one.perturbations[-1]}
    assert of(card, "Outliers").grade is Grade.PROBLEM

    cells = one.cells.copy()
    cells[row] = 12
    card = report_card(replace(one, cells=cells))
    assert of(card, "Cells").names == (name,)


@given(st.integers(0, 1000), st.randoms(use_true_random=False), st.booleans())
def test_order_changes_nothing(seed: int, order, known: bool) -> None:
    one = screen(seed, **({} if known else {"control_sd": None, "cells": None}))
    one = changed(one, 3, 40 * one.response[3])
    rows, genes = list(one.perturbations), list(one.genes)
    order.shuffle(rows)
    order.shuffle(genes)
    first, second = report_card(one), report_card(one.select(rows, genes))
    assert first.findings == second.findings
    again = second.knockdowns.set_index("perturbation").loc[one.perturbations].reset_index()
    assert again["remarks"].equals(first.knockdowns["remarks"])
    assert again["closest"].equals(first.knockdowns["closest"])


def test_a_turned_sign_and_a_third_of_wrong_names_are_told() -> None:
    one = screen()
    turned = of(report_card(replace(one, response=-one.response)), "Targets")
    assert (turned.grade, "sign" in turned.meaning) == (Grade.PROBLEM, True)
    response = one.response.copy()
    for row in range(6):
        response[row, row] *= -1
    half = of(report_card(replace(one, response=response)), "Targets")
    assert (half.grade, len(half.names)) == (Grade.LOOK, 6)
    assert half.found.startswith("14 of 20 targets")


@pytest.mark.parametrize(
    ("noise", "grade"), [(0.3, Grade.FINE), (0.8, Grade.LOOK), (1.5, Grade.PROBLEM)]
)
def test_agreement_is_judged_and_bounds_predictions(noise: float, grade: Grade) -> None:
    one = screen(control_sd=np.full(GENES, noise))
    assert of(report_card(one), "Agreement").grade is grade


def test_agreement_by_hand() -> None:
    # Squared responses are 4 and 1 times noise: repeats agree by 3/4 and 0.
    response = np.array([[2.0, 2.0], [1.0, -1.0]])
    one = Screen("L", response, ["A", "B"], ["X", "Y"], "Δ", control_sd=np.ones(2))
    card = report_card(one)
    assert card.knockdowns["agreement"].tolist() == pytest.approx([0.75, 0])
    assert "r = 0.38 for the median knockdown" in of(card, "Agreement").found
    assert "no more than 0.61" in of(card, "Agreement").meaning  # √0.375
    assert of(card, "No effect").names == ("B",)


def test_without_noise_weak_responses_are_told_and_the_rest_is_unknown() -> None:
    one = screen(control_sd=None, cells=None)
    card = report_card(one)
    unknown = {finding.what for finding in card.findings if finding.grade is Grade.UNKNOWN}
    assert unknown == {"Agreement", "No effect", "Cells"}
    card = report_card(changed(one, 5, one.response[5] / 1000))
    assert of(card, "No effect").names == (one.perturbations[5],)
    assert "Noise is not known" in of(card, "No effect").found


def test_what_most_have_in_common_by_hand() -> None:
    # The mean is (3, 0): 9 of the mean square 10.
    response = np.array([[3.0, 1.0], [3.0, -1.0], [3.0, 1.0], [3.0, -1.0]])
    one = Screen("L", response, list("ABCD"), ["X", "Y"], "Δ")
    found = of(report_card(one), "In common")
    assert found.grade is Grade.PROBLEM
    assert found.names == ("X",)
    assert found.found == (
        "The mean response is 90 % of all squared responses. 1 of 2 genes change alike in most"
        " knockdowns (X ↑)."
    )


def test_ranks_are_told_and_lowering_is_not_claimed() -> None:
    random = np.random.default_rng(0)
    ranks = np.zeros((30, 100))
    for row in ranks:
        row[random.permutation(100)[:10]] = np.linspace(0.1, 1, 10)
    one = Screen("L", ranks, [f"G{i}" for i in range(30)], [f"G{i}" for i in range(100)], "rank")
    card = report_card(one)
    assert of(card, "Targets").grade is Grade.UNKNOWN
    assert "lowering does not show" in of(card, "Targets").found
    assert of(card, "No effect").grade is Grade.UNKNOWN
    assert of(card, "Values").grade is Grade.LOOK
    assert "90 % are 0" in of(card, "Values").found


def test_values_that_no_logarithm_reaches_and_cut_off_ones() -> None:
    one = replace(screen(), unit="Δ log expression")
    assert of(report_card(one), "Values").grade is Grade.FINE
    assert of(report_card(changed(one, 0, one.response[0] * 100)), "Values").grade is (
        Grade.PROBLEM
    )
    cut = np.where(np.abs(one.response) > 1.5, one.response, 0)
    assert of(report_card(replace(one, response=cut)), "Values").grade is Grade.LOOK


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 1), (5, 3), (25, 1), (25, 30)])
@pytest.mark.parametrize("fill", [0.0, 1.0, -1e-30, 1e18])
def test_degenerate_screens_give_words(shape: tuple[int, int], fill: float, known: bool) -> None:
    rows, genes = shape
    fields = {"control_sd": np.zeros(genes), "cells": np.ones(rows)} if known else {}
    if known:
        fields["layers"] = {"t": np.zeros(shape)}
    names = [f"G{i}" for i in range(max(shape))]
    card = report_card(
        Screen("L", np.full(shape, fill), names[:rows], names[:genes], "Δ", **fields)
    )
    words = "\n".join(card.lines())
    assert "nan" not in words.lower().split()
    assert "inf" not in words
    assert len(card.findings) == 7
    assert all(finding.found and finding.meaning for finding in card.findings)
    read = json.loads(card.json())
    assert len(read["knockdowns"]) == rows
    assert len(card.table()) == 7


def test_what_matters_most_comes_first_and_has_a_shape() -> None:
    one = screen(cells=None)
    card = report_card(replace(one, response=-one.response))
    grades = [finding.grade for finding in card.findings]
    assert grades == sorted(grades, key=list(Grade).index)
    assert card.headline == "1 problem, 5 fine, 1 unknown"
    assert len({grade.mark for grade in Grade}) == len(Grade)
    short = card.lines(short=True)
    assert len(short) == 3
    assert short[1].startswith("  ✗ problem")


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "fine"),
    [
        ("k562_rank_response.h5ad", {"In common", "Outliers"}),
        ("rpe1_rank_response.h5ad", {"In common", "Outliers"}),
        (
            "more/papalexi_thp1_25ko_299genes_counts.h5ad",
            {"Targets", "Cells", "In common", "Outliers", "Values"},
        ),
    ],
)
def test_real_screens(real_data, file: str, fine: set[str]) -> None:
    card = report_card(read_screen(real_data / file))
    assert {one.what for one in card.findings if one.grade is Grade.FINE} == fine
    known = card.knockdowns.set_index("perturbation")["agreement"]
    if "papalexi" in file:
        # IFN-γ's pathway repeats; CD86 does nothing that shows in these genes.
        assert known[["JAK2", "STAT1", "IFNGR1", "IFNGR2"]].min() > 0.9
        assert "CD86" in of(card, "No effect").names
    else:
        assert "None of 569 measured targets are raised" in of(card, "Targets").found
