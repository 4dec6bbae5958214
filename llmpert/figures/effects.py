"""Which knockdowns change a gene most: measured and predicted, told apart."""

import pandas as pd
import plotly.graph_objects as go

from llmpert.figures.equal_axes import LEGEND_BELOW
from llmpert.figures.theme import MEASURED, PREDICTED, ZERO_LINE, finish
from llmpert.insight.effects import HELD_OUT, NOT_MEASURED

LOOKS = {
    HELD_OUT: ("Predicted, held out", "circle"),
    NOT_MEASURED: ("Predicted, never knocked down", "circle-open"),
}


def ranked_knockdowns(
    strongest: pd.DataFrame, gene: str, line: str, unit: str, ranked_by: str
) -> go.Figure:
    """Knockdowns down the side, strongest on top; effects on the gene along x.

    Parameters
    ----------
    strongest:
        From `llmpert.insight.effects.effects_on`.
    gene, line:
        The measured gene, and the cells.
    unit:
        What one unit of the effect is.
    ranked_by:
        "measured" or "predicted", for the title.
    """
    rows = strongest.iloc[::-1]
    figure = go.Figure()
    for state, (label, symbol) in LOOKS.items():
        part = rows[(rows["state"] == state) & rows["predicted"].notna()]
        if part.empty:
            continue
        half = part["high95"] - part["predicted"]
        known = half.notna().any()  # not every model gives intervals
        figure.add_scatter(
            x=part["predicted"], y=part["perturbation"], mode="markers",
            name=f"{label} (95 % interval)" if known else label,
            error_x={"type": "data", "array": half, "thickness": 1.5} if known else None,
            marker={"color": PREDICTED, "symbol": symbol, "size": 9, "line": {"width": 2}},
            customdata=part["perturbation"],
            hovertemplate="%{y} knockdown: predicted %{x:.3f}<extra></extra>",
        )  # fmt: skip
    part = rows[rows["measured"].notna()]
    if not part.empty:
        figure.add_scatter(
            x=part["measured"], y=part["perturbation"], mode="markers", name="Measured",
            marker={"color": MEASURED, "symbol": "diamond-open", "size": 9, "line": {"width": 2}},
            customdata=part["perturbation"],
            hovertemplate="%{y} knockdown: measured %{x:.3f}<extra></extra>",
        )  # fmt: skip
    return finish(
        figure,
        f"{len(rows)} knockdowns that change {gene} most<br>in {line}, by {ranked_by} effect",
        height=250 + 22 * len(rows),
        xaxis={"title": {"text": f"{gene}<br>({unit})"}},
        yaxis={
            "type": "category", "tickmode": "linear", "categoryorder": "array",
            "categoryarray": list(rows["perturbation"]), "title": {"text": "Knockdown"},
        },
        legend=LEGEND_BELOW,
        shapes=[ZERO_LINE],
    )  # fmt: skip
