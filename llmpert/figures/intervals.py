"""Whether intervals hold, and how good the most certain predictions are."""

import pandas as pd
import plotly.graph_objects as go

from llmpert.evaluation.calibration import LEVEL
from llmpert.figures.theme import (
    DIAGONAL,
    GREY,
    LEGEND_BELOW,
    MEASURED,
    ONE_LINE,
    PREDICTED,
    by_name,
    finish,
    marker,
    points,
    source_look,
)
from llmpert.insight.intervals import ANY, BEST, EFFECT, HOLDS
from llmpert.insight.intervals import MEASURED as AS_MEASURED

DASHES = ("solid", "dash", "dashdot", "longdash")


def held_by_group(found: pd.DataFrame, line: str) -> go.Figure:
    """Draw `llmpert.insight.intervals.coverage`: groups down, shares inside along x.

    Hollow marks are of groups that are known once a response is measured, and not before.
    """
    names = [
        by if group == "all" else f"{by}: {group}"
        for by, group in zip(found["by"], found["group"], strict=True)
    ]
    later = found["by"].isin([EFFECT, AS_MEASURED]).to_numpy()
    inside = 100 * found["inside"].to_numpy()
    figure = go.Figure()
    for chosen, name, look in (
        (~later, "Known beforehand", marker(PREDICTED, "circle", 10)),
        (later, "Known once measured", marker(MEASURED, "diamond-open", 10, line={"width": 2})),
    ):
        points(
            figure, inside[chosen], [x for x, one in zip(names, chosen, strict=True) if one], name,
            look, "%{y}<br>%{x:.1f} % inside (%{customdata:.0f} % of all measurements)",
            customdata=100 * found["share"].to_numpy()[chosen],
        )  # fmt: skip
    low, high = (100 * end for end in HOLDS)
    whole = {"yref": "y domain", "y0": 0, "y1": 1, "layer": "below"}
    return finish(
        figure,
        f"What {LEVEL:.0%} intervals hold in {line}".replace("%", " %"),
        height=460,
        top=ONE_LINE,
        xaxis={"title": {"text": "Held-out measurements<br>inside (%)"}},
        yaxis=by_name(names, ""),
        legend=LEGEND_BELOW,
        showlegend=True,
        shapes=[
            {"type": "rect", "x0": low, "x1": high, "fillcolor": GREY, "opacity": 0.15,
             "line": {"width": 0}, **whole},
            {"type": "line", "x0": 100 * LEVEL, "x1": 100 * LEVEL, "line": DIAGONAL, **whole},
        ],
    )  # fmt: skip


def most_certain(curves: pd.DataFrame, line: str) -> go.Figure:
    """Draw `llmpert.insight.intervals.risk_coverage`: the share kept along x, a curve a sign."""
    figure, at = go.Figure(), 0
    for name, part in curves.groupby("sign", sort=False):
        if name in (ANY, BEST):
            color, dash, width = GREY, "solid" if name == ANY else "dot", 1.5
        else:
            (color, _), dash, width = source_look(at), DASHES[at % len(DASHES)], 2.5
            at += 1
        figure.add_scatter(
            x=100 * part["kept"], y=part["accuracy"], mode="lines", name=str(name),
            line={"color": color, "dash": dash, "width": width}, customdata=part["knockdowns"],
            hovertemplate=f"{name}<br>%{{customdata:,}} knockdowns: mean r = %{{y:.3f}}"
            "<extra></extra>",
        )  # fmt: skip
    # The order by accuracy itself would flatten all others.
    signs = curves.loc[curves["sign"] != BEST, "accuracy"]
    spread = max(signs.max() - signs.min(), 0.05)
    return finish(
        figure,
        f"How good the most certain predictions are in {line}",
        height=460,
        top=ONE_LINE,
        xaxis={"title": {"text": "Knockdowns kept, the most certain first (%)"}},
        yaxis={
            "title": {"text": "Mean r over all genes"},
            "range": [signs.min() - spread / 4, signs.max() + spread / 2],
        },
        legend=LEGEND_BELOW,
    )


def pit(histogram: pd.DataFrame, line: str) -> go.Figure:
    """Draw `llmpert.insight.intervals.histogram`: level where predictions are true."""
    width = histogram["to"] - histogram["from"]
    figure = go.Figure()
    figure.add_bar(
        x=histogram["from"] + width / 2, y=histogram["share"] / width, width=width,
        marker={"color": PREDICTED, "line": {"width": 1, "color": "white"}}, showlegend=False,
        hovertemplate="%{y:.3f} times the expected number<extra></extra>",
    )  # fmt: skip
    one = {"type": "line", "x0": 0, "x1": 1, "y0": 1, "y1": 1, "line": DIAGONAL | {"width": 2}}
    return finish(
        figure,
        f"Where measurements lie in their distributions, {line}",
        height=360,
        top=ONE_LINE,
        xaxis={
            "title": {"text": "Predicted probability of a smaller value (PIT)"},
            "range": [0, 1],
        },
        yaxis={"title": {"text": "Density"}, "rangemode": "tozero"},
        shapes=[one],
    )


def errors_of_kept(errors: pd.DataFrame, line: str, unit: str) -> go.Figure:
    """Draw `llmpert.insight.intervals.errors_of_kept_genes`."""
    figure = go.Figure()
    figure.add_scatter(
        x=100 * errors["kept"], y=errors["error"], mode="lines+markers", showlegend=False,
        line={"color": PREDICTED, "width": 2.5},
        hovertemplate="%{x:.0f} % of the genes: %{y:.3g}<extra></extra>",
    )  # fmt: skip
    return finish(
        figure,
        f"Errors of the most certain genes, {line}",
        height=360,
        top=ONE_LINE,
        xaxis={"title": {"text": "Genes kept, the smallest predicted sd first (%)"}},
        yaxis={
            "title": {"text": f"Mean error of the median<br>({unit})"}, "rangemode": "tozero",
        },
    )  # fmt: skip
