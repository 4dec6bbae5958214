"""Figure 3: one dot a perturbation, one method against another."""

import pandas as pd
import plotly.graph_objects as go

from llmpert.evaluation.metrics import Metric
from llmpert.figures.theme import finish
from llmpert.insight.head_to_head import OURS, RIVAL, TIE, Tally

LOOKS = {OURS: ("#2b83ba", "circle"), RIVAL: ("#e08214", "diamond"), TIE: ("#6c757d", "x")}
"""Blue and orange by winner; the shape says the same."""


def head_to_head(
    table: pd.DataFrame,
    ours: str,
    rival: str,
    metric: Metric,
    unit: str,
    simulated: bool,
) -> go.Figure:
    """The rival's value of each perturbation along x, ours along y, on equal axes.

    Perturbations for which one of the two is not defined have no place and are not drawn.

    Parameters
    ----------
    table:
        From `llmpert.insight.head_to_head.pairs`.
    ours, rival:
        What to call them.
    unit:
        Of the effect size.

    Returns
    -------
    A figure whose points carry the perturbation as `customdata`.
    """
    tally = Tally.of(table)
    figure = go.Figure()
    drawn = table.dropna(subset=["ours", "rival"])
    if not drawn.empty:
        values = drawn[["ours", "rival"]].to_numpy()
        margin = 0.04 * float(values.max() - values.min()) or 0.5
        ends = [float(values.min()) - margin, float(values.max()) + margin]
        figure.add_scatter(
            x=ends, y=ends, mode="lines", hoverinfo="skip", showlegend=False,
            line={"color": "#888888", "dash": "dot", "width": 1},
        )  # fmt: skip
        figure.update_xaxes(range=ends)
        figure.update_yaxes(range=ends)
    for who, label in ((OURS, f"{ours} wins"), (RIVAL, f"{rival} wins"), (TIE, "Tie")):
        points = drawn[drawn["winner"] == who]
        if points.empty:
            continue
        color, symbol = LOOKS[who]
        figure.add_scatter(
            x=points["rival"], y=points["ours"], mode="markers", name=f"{label} ({len(points):,})",
            marker={"color": color, "symbol": symbol, "size": 7, "opacity": 0.75},
            customdata=points["perturbation"],
            text=[f"{effect:.3g}" for effect in points["effect"]],
            hovertemplate=f"<b>%{{customdata}}</b><br>{ours}: %{{y:.3f}}<br>{rival}: %{{x:.3f}}"
            f"<br>effect size %{{text}} ({unit})<extra></extra>",
        )  # fmt: skip
    better = "higher" if metric.best == "max" else "lower"
    figure.update_xaxes(title_text=f"{rival}: {metric.label}", constrain="domain")
    figure.update_yaxes(
        title_text=f"{ours}: {metric.label} ({better} is better)",
        scaleanchor="x", constrain="domain",
    )  # fmt: skip
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0})
    return finish(figure, title(tally, ours), simulated, height=640)


def title(tally: Tally, ours: str) -> str:
    """The share that ours wins, in words."""
    if not tally.compared:
        return f"{ours}: nothing to compare"
    return f"{ours} wins for {tally.share:.0%} of {tally.compared:,} perturbations".replace(
        "%", " %"
    )
