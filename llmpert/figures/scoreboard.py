"""Which model is best: ranks by every score, differences between two, and unlike responses."""

from collections.abc import Sequence
from textwrap import wrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from llmpert.figures.theme import DIAGONAL, LEGEND_BELOW, SOURCE_COLORS, by_name, finish
from llmpert.insight.scoreboard import QUARTERS

BEST_TO_WORST = ("#6baed6", "#9ecae1", "#deebf7", "#f7f7f7")
"""From the first place to the last; dark text is legible on each."""

TEXT = "#1f2430"

ROW = 17
"""Pixels of a score: all of them are in sight at once."""

WIDEST = 11
"""Letters in a line of a column's name."""

NARROWEST = 64
"""Pixels of a column that holds its name and number."""

LOOKS = ("solid", "dash", "dot", "dashdot", "longdash")


def ranks(board: pd.DataFrame, note: str, embedding: str = "") -> go.Figure:
    """Draw scores x methods: colour is the place, the number what is calibrated.

    Args:
        board: From `llmpert.insight.scoreboard.board`.
        embedding: Left out of names, where no other method is called the same.
    """
    methods = list(board.groupby("method", sort=False)["rank"].mean().sort_values().index)
    scores = list(dict.fromkeys(board["score"]))
    cells = {
        of: board.pivot(index="score", columns="method", values=of).reindex(scores)[methods]
        for of in ("rank", "calibrated", "value")
    }
    place = cells["rank"].to_numpy(float)
    words = [[_percent(v) for v in row] for row in cells["calibrated"].to_numpy(float)]
    figure = go.Figure(
        go.Heatmap(
            z=place, x=_columns(methods, embedding), y=scores,
            text=words, texttemplate="%{text}", textfont={"size": 11, "color": TEXT},
            customdata=np.dstack([cells["value"].to_numpy(float), np.array(words, object)]),
            hovertemplate="%{x}<br>%{y}: %{customdata[0]:.3f}<br>place %{z:.0f}; between no skill"
            " and ceiling: %{customdata[1]}<extra></extra>",
            colorscale=[[at / 3, colour] for at, colour in enumerate(BEST_TO_WORST)],
            zmin=1, zmax=max(len(methods), 2), xgap=1, ygap=1,
            colorbar={"title": {"text": "Place"}, "thickness": 12, "tickformat": "d"},
        )
    )  # fmt: skip
    figure.update_yaxes(**by_name(scores, ""), automargin=True)
    figure.update_xaxes(side="top", automargin=True, tickangle=0, tickfont={"size": 11})
    # Where the figure scrolls to the side, a finger moves it and does not draw.
    return finish(
        figure, "Place of each model by each score", 130 + ROW * len(scores), note, 100,
        dragmode=False,
    )  # fmt: skip


def paired(table: pd.DataFrame, ours: str, rival: str) -> go.Figure:
    """Draw by how much one method is better than another, with 95 % intervals.

    Args:
        table: From `llmpert.insight.scoreboard.differences`.
    """
    scores = list(table["score"])
    figure = go.Figure(
        go.Scatter(
            x=table["difference"], y=scores, mode="markers",
            marker={"color": SOURCE_COLORS[0], "size": 8},
            error_x={
                "type": "data", "array": table["high"] - table["difference"],
                "arrayminus": table["difference"] - table["low"], "thickness": 1.5,
            },
            customdata=table[["low", "high", "perturbations"]],
            hovertemplate="%{y}: %{x:+.3f}, 95 % interval %{customdata[0]:+.3f} to"
            " %{customdata[1]:+.3f}<br>%{customdata[2]} knockdowns<extra></extra>",
        )
    )  # fmt: skip
    figure.add_vline(x=0, line=DIAGONAL)
    figure.update_yaxes(**by_name(scores, ""), automargin=True)
    figure.update_xaxes(title_text="← second better<br>first better →")
    note = "Paired by knockdown; in units of the mean's distance to a perfect score"
    return finish(figure, f"{ours} minus {rival}", 130 + 22 * len(scores), note)


def unlike(table: pd.DataFrame, axis: str) -> go.Figure:
    """Draw scores by quarter of how unlike the mean a response is, a line a method.

    Args:
        table: From `llmpert.insight.scoreboard.by_unlikeness`.
        axis: The score's.
    """
    figure = go.Figure()
    for at, (name, part) in enumerate(table.groupby("method", sort=False)):
        look = {"color": SOURCE_COLORS[at % len(SOURCE_COLORS)], "dash": LOOKS[at % len(LOOKS)]}
        figure.add_scatter(
            x=part["quarter"], y=part["value"], mode="lines+markers", name=str(name), line=look,
            customdata=part["perturbations"],
            hovertemplate=f"{name}<br>%{{x}}: %{{y:.3f}} (%{{customdata}} knockdowns)"
            "<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(categoryorder="array", categoryarray=list(QUARTERS), title_text="Responses")
    figure.update_yaxes(title_text=axis)
    return finish(
        figure, "Scores by how unusual a response is", 400 + 20 * len(figure.data),
        legend=LEGEND_BELOW,
        note="Quarters of the knockdowns by correlation with the mean response",
    )  # fmt: skip


def least_width(board: pd.DataFrame) -> int:
    """Return in how many pixels the names and numbers of `ranks` have room beside each other."""
    return 300 + NARROWEST * board["method"].nunique()


def _columns(methods: Sequence[str], embedding: str) -> list[str]:
    """Return names over several lines, without the embedding that most of them share."""
    models = [name.partition(", ")[0] for name in methods]
    shown = [
        model if models.count(model) == 1 or name == f"{model}, {embedding}" else name
        for name, model in zip(methods, models, strict=True)
    ]
    return ["<br>".join(wrap(name, WIDEST, break_long_words=False)) for name in shown]


def _percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{round(100 * value)} %"
