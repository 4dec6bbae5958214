import numpy as np
import pandas as pd
import pytest

from llmpert.evaluation.scores import paper
from llmpert.figures.evaluation import LOOKS, head_to_head
from llmpert.figures.theme import MOST_DOTS
from llmpert.insight.head_to_head import OURS, RIVAL, TIE, UNDEFINED

METRICS = paper()
TABLE = pd.DataFrame(
    {
        "perturbation": ["A", "B", "C", "D", "E"],
        "effect": [5.0, 4.0, 3.0, 2.0, 1.0],
        "ours": [0.9, 0.8, 0.1, 0.4, 0.3],
        "rival": [0.1, 0.2, 0.5, 0.4, float("nan")],
        "difference": [0.8, 0.6, -0.4, 0.0, float("nan")],
        "winner": [OURS, OURS, RIVAL, TIE, UNDEFINED],
    }
)


def figure(table=TABLE, metric="pearson_top20"):
    return head_to_head(table, "GP", "Linear", METRICS[metric], "Δ z")


def test_every_defined_perturbation_is_one_dot_under_its_winner():
    _, ours, rival, tie = figure().data
    assert list(ours.customdata) == ["A", "B"]
    assert list(ours.x) == [0.1, 0.2]
    assert list(ours.y) == [0.9, 0.8]
    assert list(rival.customdata) == ["C"]
    assert list(tie.customdata) == ["D"]
    assert ours.name == "GP wins (2)"
    assert "Linear: %{x:.3f}" in ours.hovertemplate
    assert list(ours.text) == ["5", "4"]
    assert "Δ z" in ours.hovertemplate


def test_winners_differ_in_colour_and_shape():
    looks = [(trace.marker.color, trace.marker.symbol) for trace in figure().data[1:]]
    assert looks == [LOOKS[OURS], LOOKS[RIVAL], LOOKS[TIE]]
    assert len({color for color, _ in looks}) == len({symbol for _, symbol in looks}) == 3


def test_axes_are_equal_named_and_hold_all_points():
    drawn = figure()
    assert drawn.layout.xaxis.range == drawn.layout.yaxis.range
    low, high = drawn.layout.xaxis.range
    assert low < 0.1 < 0.9 < high
    assert drawn.layout.yaxis.scaleanchor == "x"
    assert drawn.layout.xaxis.title.text == "Linear<br>Pearson, top 20 DE genes"
    assert drawn.layout.yaxis.title.text.startswith("GP<br>Pearson, top 20 DE genes")
    diagonal = drawn.data[0]
    assert tuple(diagonal.x) == tuple(diagonal.y) == tuple(drawn.layout.xaxis.range)


def test_the_title_says_who_wins_how_many():
    assert figure().layout.title.text == "GP wins<br>for 50 % of 4 perturbations"
    counts = {OURS: 656, RIVAL: 225, TIE: 6, UNDEFINED: 3}
    first = TABLE.drop_duplicates("winner").set_index("winner")
    many = first.loc[np.repeat(list(counts), list(counts.values()))].reset_index()
    assert figure(many).layout.title.text == "GP wins<br>for 74 % of 887 perturbations"


def test_of_very_many_only_the_largest_differences_are_dots():
    count = MOST_DOTS + 40
    many = pd.DataFrame(
        {
            "perturbation": [f"g{at}" for at in range(count)],
            "effect": 1.0,
            "ours": np.linspace(0, 1, count),
            "rival": 0.5,
            "difference": np.linspace(-0.5, 0.5, count),
            "winner": np.where(np.arange(count) < count // 2, RIVAL, OURS),
        }
    )
    _, shades, ours, rival = head_to_head(many, "A", "B", METRICS["mae_all"], "Δ", every=False).data
    assert np.nansum(shades.customdata) == 40
    middle = set(many["perturbation"][MOST_DOTS // 2 : -MOST_DOTS // 2])
    assert {*ours.customdata, *rival.customdata} == set(many["perturbation"]) - middle
    assert ours.name == f"A wins ({count // 2})"  # of all, drawn or not
    assert len(head_to_head(many, "A", "B", METRICS["mae_all"], "Δ").data) == 3


@pytest.mark.parametrize(("metric", "said"), [("mae_all", "lower"), ("pearson_all", "higher")])
def test_the_axis_says_what_is_better(metric, said):
    assert f"({said} is better)" in figure(metric=metric).layout.yaxis.title.text


def test_a_note_is_part_of_the_title_that_exports_keep():
    noted = head_to_head(TABLE, "GP", "GEARS", METRICS["mae_all"], "Δ z", "Other data")
    text = noted.layout.title.text
    assert text.startswith("GP wins<br>for 50 % of 4 perturbations<br>")
    assert text.endswith(">Other data</span>")


def test_nothing_to_compare_is_said():
    drawn = figure(TABLE.tail(1))
    assert drawn.layout.title.text == "GP: nothing to compare"
    assert not drawn.data
