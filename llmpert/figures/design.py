"""A plan of knockdowns: what they would tell beside random ones, and where they lie."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from llmpert.figures.theme import (
    GREY,
    LEGEND_BELOW,
    MEASURED,
    MOST_DOTS,
    ONE_LINE,
    PREDICTED,
    UNREMARKABLE,
    add_names,
    band,
    contours,
    density,
    finish,
    marker,
    points,
    source_look,
)
from llmpert.insight.campaign import CHOSEN, RANDOM
from llmpert.insight.design import Plan

HEIGHT = 470


def plan_curves(plan: Plan) -> go.Figure:
    """Draw the share of the variance that the plan takes, and that of random ones, by their number.

    Dots carry the gene as `customdata`.
    """
    table, random = plan.table, plan.random
    count = pd.Series(np.arange(1, random.shape[1] + 1))
    low, high, mean = (
        pd.Series(100 * of) for of in (random.min(axis=0), random.max(axis=0), random.mean(axis=0))
    )
    figure = go.Figure(band(count, low, high, GREY, 0.25))
    figure.add_scatter(
        x=count, y=mean, mode="lines", line={"color": GREY, "dash": "dash"},
        name=f"Random (mean of {len(random)}, lowest to highest)",
        hovertemplate="%{x} random knockdowns: %{y:.1f} %<extra></extra>",
    )  # fmt: skip
    points(
        figure, table["rank"], 100 * table["together"], "Chosen", marker(PREDICTED, "circle", 7),
        "%{customdata}, number %{x}: together %{y:.1f} %", customdata=table["gene"],
        mode="lines+markers", line={"color": PREDICTED},
    )  # fmt: skip
    return finish(
        figure,
        f"Variance that {len(table):,} knockdowns would remove",
        height=HEIGHT,
        top=ONE_LINE,
        xaxis={"title": {"text": "Knockdowns"}, "rangemode": "tozero"},
        yaxis={"title": {"text": "Variance removed (%)"}, "rangemode": "tozero"},
        legend=LEGEND_BELOW,
    )


def chosen_map(
    places: pd.DataFrame, shares: tuple[float, float], names: pd.DataFrame, every: bool = True
) -> go.Figure:
    """Draw where the chosen genes lie among all others.

    Unless `every` gene is to be a dot, shades show how many lie where of a kind that has many.

    Args:
        places: Columns gene, x, y and rank: that in the plan, 0 for measured genes, -1 for others.
        shares: Of the variance of the inputs, along x and y.
        names: Of chosen genes, with their places (`llmpert.insight.clusters.labels`).
    """
    figure = go.Figure()
    rank = places["rank"]
    others, measured = places[rank == -1], places[rank == 0]
    name, hover = "Other genes", "%{text}"
    if every or len(others) <= MOST_DOTS:
        look = marker(*UNREMARKABLE, opacity=0.5)
        points(figure, others["x"], others["y"], name, look, hover, text=others["gene"])
    else:
        figure.add_trace(density(others["x"], others["y"], "not chosen"))
    name = "Knocked down already"
    if every or len(measured) <= MOST_DOTS:
        look = marker(MEASURED, "diamond-open", 6)
        points(figure, measured["x"], measured["y"], name, look, hover, text=measured["gene"])
    else:
        figure.add_trace(contours(measured["x"], measured["y"], name, MEASURED))
    part = places[rank > 0].sort_values("rank")
    points(
        figure, part["x"], part["y"], "Chosen", marker(PREDICTED, "circle", 9), "%{customdata}",
        customdata=part["gene"],
    )  # fmt: skip
    add_names(figure, names, dict.fromkeys(names["group"], PREDICTED), up=16)
    across, up = (f"Component {n} ({share:.0%})" for n, share in enumerate(shares, start=1))
    return finish(
        figure,
        "Where they lie",
        height=HEIGHT,
        top=ONE_LINE,
        xaxis={"title": {"text": across}, "showticklabels": False},
        yaxis={"title": {"text": up}, "showticklabels": False},
        legend=LEGEND_BELOW,
    )


def depth_curves(table: pd.DataFrame, line: str, usual: float, unit: str) -> go.Figure:
    """Draw `llmpert.insight.depth.by_cells`: accuracy and width of intervals by cells.

    Args:
        usual: Cells of a typical knockdown so far.
    """
    figure = go.Figure()
    for column, words, color, symbol, axis in (
        ("r", "With the response", PREDICTED, "circle", "y"),
        ("r_measured", "With a measurement", MEASURED, "diamond", "y"),
        ("width", "95 % interval (right)", GREY, "square-open", "y2"),
    ):
        points(
            figure, table["cells"], table[column], words, marker(color, symbol),
            f"{words}, %{{x}} cells: %{{y:.3f}}", mode="lines+markers", yaxis=axis,
            line={"color": color, "dash": "dash" if axis == "y2" else "solid"},
        )  # fmt: skip
    figure.add_vline(x=usual, line={"color": GREY, "dash": "dot"})
    return finish(
        figure,
        "Expected accuracy by cells of each knockdown",
        height=HEIGHT,
        top=ONE_LINE,
        note=f"dotted: {usual:,.0f} cells, as knockdowns in {line} have",
        xaxis={
            "title": {"text": "Cells of each knockdown"}, "type": "log",
            "tickvals": table["cells"], "ticktext": [f"{n:,}" for n in table["cells"]],
        },
        yaxis={"title": {"text": "Expected r, relative to the mean"}, "rangemode": "tozero"},
        yaxis2={
            "title": {"text": f"Width ({unit})"}, "overlaying": "y", "side": "right",
            "rangemode": "tozero", "showgrid": False, "tickmode": "auto",
        },
        legend=LEGEND_BELOW,
    )  # fmt: skip


def campaign_curves(table: pd.DataFrame, line: str) -> go.Figure:
    """Draw `llmpert.insight.campaign.summary`: accuracy by knockdowns, a line a strategy.

    The title says how many random knockdowns are as good as those chosen first.
    """
    figure = go.Figure()
    for at, (strategy, part) in enumerate(table.groupby("strategy", sort=False)):
        random = strategy == RANDOM
        color, symbol = (GREY, "circle-open") if random else source_look(at)
        if random:
            reach = 1.96 * part["se"].fillna(0)
            x, low, high = part["knockdowns"], part["r"] - reach, part["r"] + reach
            figure.add_trace(band(x, low, high, color, 0.25))
        points(
            figure, part["knockdowns"], part["r"], str(strategy).capitalize(),
            marker(color, symbol), f"{strategy}, %{{x}} knockdowns: r = %{{y:.3f}}",
            mode="lines+markers",
            line={"color": color, "dash": "dash" if random else "solid"},
        )  # fmt: skip
    own = table[(table["strategy"] == CHOSEN) & table["as_random"].notna()]
    said = "".join(
        f"{one.knockdowns:,} chosen ones reach what {one.as_random:,.0f} random ones do"
        for one in own.tail(1).itertuples()
    )
    return finish(
        figure,
        f"Simulated campaign in {line}",
        height=HEIGHT,
        top=ONE_LINE,
        note=said,
        xaxis={"title": {"text": "Knockdowns made"}, "rangemode": "tozero"},
        yaxis={"title": {"text": "Accuracy on held-out knockdowns (r)"}},
        legend=LEGEND_BELOW,
    )
