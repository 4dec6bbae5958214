"""The look that figures share."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from llmpert.figures.theme import LARGE, enlarged, finish


def figure() -> go.Figure:
    chart = make_subplots(cols=2, subplot_titles=["left", "right"])
    chart.add_scatter(x=[1], y=[2], mode="markers+lines", marker={"size": 10}, line={"width": 2})
    chart.update_xaxes(title_text="Predicted")
    return finish(chart, "What it shows", simulated=True, height=400)


def test_for_meetings_type_and_marks_grow_and_nothing_else_changes():
    before, large = figure(), enlarged(figure())
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
