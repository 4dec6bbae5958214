from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from llmpert.figures.compare import (
    MARKED,
    A,
    B,
    both_against_measured,
    gene_by_gene,
    one_against_the_other,
)

GENES = [f"g{number:02d}" for number in range(30)]
RNG = np.random.default_rng(3)
TABLE = pd.DataFrame({"gene": GENES, "a": RNG.normal(size=30), "b": RNG.normal(size=30)})
for _name in "ab":
    TABLE[f"low95_{_name}"] = TABLE[_name] - 1.5
    TABLE[f"high95_{_name}"] = TABLE[_name] + 1.5
    TABLE[f"measured_{_name}"] = RNG.normal(size=30)
LABELS, UNITS = ("KD1", "KD2"), ("Δ z", "Δ z")


@pytest.mark.parametrize("what", ["predicted", "measured"])
def test_the_scatter_shows_every_gene_once_on_equal_axes(what):
    x, y = ("a", "b") if what == "predicted" else ("measured_a", "measured_b")
    figure = one_against_the_other(TABLE, LABELS, UNITS, what)
    diagonal, others, marked = figure.data
    assert list(marked.customdata) == GENES[:MARKED]
    assert sorted([*marked.customdata, *others.customdata]) == GENES
    np.testing.assert_array_equal(marked.x, TABLE[x][:MARKED])
    np.testing.assert_array_equal(others.y, TABLE[y][MARKED:])
    assert others.marker.symbol != marked.marker.symbol
    r = np.corrcoef(TABLE[x], TABLE[y])[0, 1]
    assert f"{what.capitalize()}: r = {r:.2f} over 30 genes" in figure.layout.title.text
    assert figure.layout.xaxis.range == figure.layout.yaxis.range == tuple(diagonal.x)
    assert figure.layout.xaxis.title.text == f"KD1, {what}<br>Δ z"
    assert figure.layout.yaxis.title.text == f"KD2, {what}<br>Δ z"


def test_the_largest_disagreements_are_named():
    predicted, measured = (
        one_against_the_other(TABLE, LABELS, UNITS, what).data[2]
        for what in ("predicted", "measured")
    )
    named = [at for at, text in enumerate(predicted.text) if text]
    assert named[0] == 0
    assert len(named) == 3
    assert [predicted.text[at] for at in named] == [GENES[at] for at in named]
    for one, other in combinations(named, 2):
        across = abs(predicted.x[one] - predicted.x[other]) / np.ptp(TABLE["a"])
        up = abs(predicted.y[one] - predicted.y[other]) / np.ptp(TABLE["b"])
        assert across > 0.3 or up > 0.06
    assert not any(measured.text)


def test_a_correlation_that_is_not_defined_is_said():
    figure = one_against_the_other(TABLE.assign(b=1.0), LABELS, UNITS, "predicted")
    assert "r not defined" in figure.layout.title.text


def test_both_predictions_are_drawn_against_their_measurement():
    figure = both_against_measured(TABLE, LABELS, "Δ z")
    a, diagonal, b, _ = figure.data
    heads = [note.text for note in figure.layout.annotations]
    for trace, column, head in ((a, "a", heads[0]), (b, "b", heads[1])):
        np.testing.assert_array_equal(trace.x, TABLE[column])
        np.testing.assert_array_equal(trace.y, TABLE["measured_a"])
        assert list(trace.customdata) == GENES
        r = np.corrcoef(TABLE[column], TABLE["measured_a"])[0, 1]
        assert head == f"{trace.name}: r = {r:.2f}"
    assert a.marker.symbol != b.marker.symbol
    assert a.xaxis != b.xaxis
    drawn = TABLE[["a", "b", "measured_a"]].to_numpy()
    assert tuple(diagonal.x) == tuple(diagonal.y) == (drawn.min(), drawn.max())
    constant = both_against_measured(TABLE.assign(b=1.0), LABELS, "Δ z")
    assert constant.layout.annotations[1].text == "KD2: r not defined"


MANY = pd.DataFrame({name: RNG.normal(size=600) for name in ("a", "b", "measured_a")}).assign(
    gene=[f"g{number:03d}" for number in range(600)]
)


def test_shades_stand_for_many_genes_and_count_each_once():
    _, shades, marked = one_against_the_other(MANY, LABELS, UNITS, "predicted", every=False).data
    assert len(marked.x) == MARKED
    assert np.nansum(shades.customdata) == 600 - MARKED
    a, _, b, _ = both_against_measured(MANY, LABELS, "Δ", every=False).data
    assert np.nansum(a.customdata) == np.nansum(b.customdata) == 600
    dots = one_against_the_other(MANY, LABELS, UNITS, "predicted").data[1]
    assert len(dots.x) == 600 - MARKED


def rows(figure):
    """Gene by gene what each trace draws: the gene whose place on the axis is nearest."""
    place = dict(zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True))
    return {
        trace.name: {place[round(y)]: x for x, y in zip(trace.x, trace.y, strict=True)}
        for trace in figure.data
    }


def test_gene_by_gene_pairs_markers_with_intervals_and_measurements():
    figure = gene_by_gene(TABLE.head(4), LABELS, UNITS, "Title", False)
    drawn = rows(figure)
    assert list(drawn) == [
        "KD1, predicted (95 % interval)", "KD2, predicted (95 % interval)",
        "KD1, measured", "KD2, measured",
    ]  # fmt: skip
    columns = ("a", "b", "measured_a", "measured_b")
    for trace, column in zip(drawn.values(), columns, strict=True):
        assert trace == dict(zip(GENES[:4], TABLE[column][:4], strict=True))
    a, b, *_ = figure.data
    assert (a.marker.color, a.marker.symbol) == A
    assert (b.marker.color, b.marker.symbol) == B
    assert a.y[0] > a.y[-1]  # the first gene is on top
    assert a.y[0] != b.y[0]
    np.testing.assert_allclose(b.error_x.array, 1.5)
    assert figure.layout.xaxis.title.text == "Δ z"
    assert "*" not in figure.layout.title.text
    figure = gene_by_gene(TABLE.head(4), LABELS, UNITS, "Title", False, usual=["g02"])
    assert list(figure.layout.yaxis.ticktext) == ["g00", "g01", "g02 *", "g03"]
    assert "* most knockdowns change it alike" in figure.layout.title.text


def test_one_measurement_is_drawn_once():
    figure = gene_by_gene(TABLE.head(4), LABELS, UNITS, "Title", True)
    assert [trace.name for trace in figure.data][2:] == ["Measured"]


def test_what_is_not_known_is_not_drawn():
    nothing = {c: float("nan") for c in TABLE if c.startswith(("low95_b", "high95_b", "measured"))}
    figure = gene_by_gene(TABLE.assign(**nothing), LABELS, ("Δ z", "log"), "Title", False)
    a, b = figure.data
    assert b.name == "KD2, predicted"
    assert b.error_x.array is None
    assert a.error_x.array is not None
    assert figure.layout.xaxis.title.text == "Δ z / log"
