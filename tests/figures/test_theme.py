"""The look that figures share."""

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.subplots import make_subplots

from llmpert.evaluation.results import NO_EMBEDDING
from llmpert.figures.theme import (
    LARGE,
    MODEL_LOOKS,
    OTHER_SYMBOLS,
    enlarged,
    finish,
    in_lines,
    mark_simulated,
    styles,
)
from llmpert.models.registry import MODELS


def figure() -> go.Figure:
    chart = make_subplots(cols=2, subplot_titles=["left", "right"])
    chart.add_scatter(x=[1], y=[2], mode="markers+lines", marker={"size": 10}, line={"width": 2})
    chart.update_xaxes(title_text="Predicted")
    return finish(chart, "What it shows", height=400)


def test_for_meetings_type_and_marks_grow_and_nothing_else_changes():
    before = mark_simulated(figure())
    large = enlarged(before)
    assert large.layout.height >= 700
    assert large.layout.font.size > before.layout.font.size
    assert large.layout.title.font.size > before.layout.title.font.size
    assert large.layout.xaxis2.tickfont.size == large.layout.font.size
    assert large.layout.annotations[0].font.size > before.layout.annotations[0].font.size
    assert large.data[0].marker.size == LARGE * 10
    assert large.data[0].line.width == LARGE * 2
    assert (large.data[0].x, large.data[0].y) == (before.data[0].x, before.data[0].y)
    assert large.layout.xaxis.title.text == "Predicted"
    assert large.layout.title.text == before.layout.title.text
    assert "SIMULATED DATA" in large.layout.title.text


def test_a_larger_copy_leaves_the_figure_alone():
    chart = figure()
    before = chart.to_json()
    enlarged(chart)
    assert chart.to_json() == before


EMBEDDINGS = ["text", "sequence", "go", "text+sequence"]
OURS = [
    (name, e)
    for name, spec in MODELS.items()
    for e in (EMBEDDINGS if spec.uses_embedding else [NO_EMBEDDING])
]
names = st.text(min_size=1, max_size=12).filter(lambda name: name not in MODELS)


@given(st.lists(names, max_size=40, unique=True), st.data())
def test_no_two_series_of_a_figure_look_alike(others, data):
    series = data.draw(st.permutations([*OURS, *((name, NO_EMBEDDING) for name in others)]))
    looks = styles(series)
    assert list(looks) == series
    assert len({(look.color, look.symbol, look.dash) for look in looks.values()}) == len(looks)
    ours, theirs = ([looks[s] for s in looks if (s[0] in MODELS) == known] for known in (1, 0))
    # Methods run elsewhere share neither colour nor marker with any model of ours.
    assert not {look.color for look in ours} & {look.color for look in theirs}
    assert not {look.symbol for look in ours} & {look.symbol for look in theirs}
    # Told apart without colour too: all of ours, and the first methods run elsewhere.
    assert len({(look.symbol, look.dash) for look in ours}) == len(ours)
    first = [look.symbol for look in theirs[: len(OTHER_SYMBOLS)]]
    assert len(set(first)) == len(first)


def test_looks_follow_the_order_of_appearance_and_names_the_registry():
    looks = styles([("GEARS", "none"), ("gp", "go"), ("mean", "none"), ("Other", "none")])
    assert [look.label for look in looks.values()] == [
        "GEARS",
        "Gaussian process, go",
        "Non-control mean",
        "Other",
    ]
    again = styles([("Other", "none"), ("GEARS", "none")])
    assert again["Other", "none"].color == looks["GEARS", "none"].color


def test_every_model_has_a_look():
    assert set(MODEL_LOOKS) == set(MODELS)


def test_plotly_draws_every_look():
    for look in styles([*OURS, *((f"method {n}", NO_EMBEDDING) for n in range(90))]).values():
        go.Scatter(
            line={"color": look.color, "dash": look.dash},
            marker={"color": look.color, "symbol": look.symbol},
        )


def test_a_note_and_the_mark_are_lines_of_the_title():
    chart = mark_simulated(finish(go.Figure(), "What it shows", height=400, note="how"))
    first, second, third = chart.layout.title.text.split("<br>")
    assert (first, "how" in second, "SIMULATED DATA" in third) == ("What it shows", True, True)
    assert chart.layout.margin.t > finish(go.Figure(), "", 400).layout.margin.t


def test_the_mark_is_all_that_a_marked_copy_adds():
    chart = figure()
    before = chart.to_json()
    marked = mark_simulated(chart)
    assert chart.to_json() == before
    assert marked.layout.title.text.startswith("What it shows<br>")
    marked.layout.title.text = chart.layout.title.text
    assert marked == chart


@pytest.mark.parametrize(
    ("label", "expected"), [("MAE, all genes", "MAE,<br>all genes"), ("Share", "Share")]
)
def test_labels_break_after_their_comma(label, expected):
    assert in_lines(label) == expected


def test_long_titles_are_broken_where_a_telephone_ends_and_have_room():
    words = "what is told of a figure in many words, more of them than fit"
    plain = finish(go.Figure(), "Title", 300, "A note")
    broken = finish(go.Figure(), words, 300, words, xaxis={"title": {"text": words}})
    assert broken.layout.title.text.count("<br>") == 3
    assert broken.layout.margin.t == plain.layout.margin.t + 2 * 18
    assert broken.layout.xaxis.title.text.replace("<br>", " ") == words
