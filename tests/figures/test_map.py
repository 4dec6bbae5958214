import numpy as np
import pandas as pd
import pytest

from llmpert.figures.screen import MOST_VECTOR_MARKS, perturbation_map

AXES = ("PC 1 (12.0% of variance)", "PC 2 (3.0% of variance)")


def points(count=5, **columns):
    names = [f"KD{i}" for i in range(count)]
    table = pd.DataFrame({"gene": names, "x": np.arange(count), "y": np.arange(count) ** 2})
    return table.assign(note="effect size 0.1", **columns)


def test_values_are_colours_and_missing_ones_have_another_shape():
    table = points(value=[0.1, 0.2, np.nan, 0.4, 0.5])
    figure = perturbation_map(table, AXES, "A map", "KD3", [], "Effect size (Δ)")
    missing, known, chosen = figure.data
    assert list(missing.customdata) == ["KD2"]
    assert missing.name == "No value (1)"
    assert missing.marker.symbol == "x-thin-open"
    assert list(known.customdata) == ["KD0", "KD1", "KD3", "KD4"]
    assert list(known.marker.color) == [0.1, 0.2, 0.4, 0.5]
    assert known.marker.colorbar.title.text == "Effect size (Δ)"
    assert (list(chosen.x), list(chosen.y), chosen.name) == ([3], [9], "KD3")
    assert figure.layout.xaxis.title.text == AXES[0]


def test_groups_have_colour_and_shape_and_the_rest_is_grey():
    table = points(group=["m1", "m2", "", "m1", "other"])
    figure = perturbation_map(table, AXES, "A map", "", [], groups=["m2", "m1"])
    rest, m2, m1 = figure.data
    assert list(rest.customdata) == ["KD2", "KD4"]
    assert [m2.name, m1.name] == ["m2 (1)", "m1 (2)"]
    assert list(m1.x) == [0, 3]
    assert len({rest.marker.color, m1.marker.color, m2.marker.color}) == 3
    assert m1.marker.symbol != m2.marker.symbol


def test_a_gene_that_is_not_on_the_map_is_not_pointed_out():
    figure = perturbation_map(points(value=0.1), AXES, "A map", "OTHER", [], "Cells")
    assert [trace.name for trace in figure.data] == ["Perturbations"]


@pytest.mark.parametrize("extra", [0, 1])
def test_very_many_points_are_drawn_as_a_picture(extra):
    table = points(MOST_VECTOR_MARKS + extra, value=1.0)
    figure = perturbation_map(table, AXES, "A map", "", [], "Cells")
    assert figure.data[0].type == ("scattergl" if extra else "scatter")


def test_what_is_selected_stands_out():
    table = points(group=["m1", "m2", "", "m1", "other"])
    figure = perturbation_map(table, AXES, "A map", "KD0", ["KD3", "KD4"], groups=["m1"])
    rest, m1, chosen = figure.data
    assert [list(rest.customdata)[i] for i in rest.selectedpoints] == ["KD4"]
    assert [list(m1.customdata)[i] for i in m1.selectedpoints] == ["KD3"]
    assert chosen.selectedpoints is None
