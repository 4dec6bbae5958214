"""Figure 3: one dot a perturbation, one method against another."""

import pandas as pd
import plotly.graph_objects as go

from llmpert.evaluation.metrics import Metric
from llmpert.figures.theme import GREY, SOURCE_COLORS, equal_axes, finish, marker
from llmpert.insight.head_to_head import OURS, RIVAL, TIE, Tally

LOOKS = {OURS: (SOURCE_COLORS[0], "circle"), RIVAL: (SOURCE_COLORS[1], "diamond"), TIE: (GREY, "x")}
"""Blue and orange by winner; the shape says the same."""


def head_to_head(
    table: pd.DataFrame,
    ours: str,
    rival: str,
    metric: Metric,
    unit: str,
    note: str = "",
) -> go.Figure:
    """Draw the rival's value of each perturbation along x, ours along y, on equal axes.

    Perturbations for which one of the two is not defined have no place and are not drawn.

    Args:
        table: From `llmpert.insight.head_to_head.pairs`.
        ours, rival: What to call them.
        unit: Of the effect size.
        note: What must not be lost when the figure is exported, as a line of its title.

    Returns:
        A figure whose points carry the perturbation as `customdata`.
    """
    better = "higher" if metric.best == "max" else "lower"
    drawn = table.dropna(subset=["ours", "rival"])
    figure = go.Figure()
    equal_axes(
        figure,
        drawn[["ours", "rival"]].to_numpy(),
        f"{rival}<br>{metric.label}",
        f"{ours}<br>{metric.label} ({better} is better)",
    )
    for who, label in ((OURS, f"{ours} wins"), (RIVAL, f"{rival} wins"), (TIE, "Tie")):
        points = drawn[drawn["winner"] == who]
        if points.empty:
            continue
        figure.add_scatter(
            x=points["rival"], y=points["ours"], mode="markers", name=f"{label} ({len(points):,})",
            marker=marker(*LOOKS[who], 7, opacity=0.75), customdata=points["perturbation"],
            text=[f"{effect:.3g}" for effect in points["effect"]],
            hovertemplate=f"<b>%{{customdata}}</b><br>{ours}: %{{y:.3f}}<br>{rival}: %{{x:.3f}}"
            f"<br>effect size %{{text}} ({unit})<extra></extra>",
        )  # fmt: skip
    return finish(figure, title(Tally.of(table), ours), height=640, note=note)


def title(tally: Tally, ours: str) -> str:
    """Return the share that ours wins, in words."""
    if not tally.compared:
        return f"{ours}: nothing to compare"
    share = round(100 * tally.share)
    return f"{ours} wins<br>for {share} % of {tally.compared:,} perturbations"
