"""Between two genes: predicted responses on the way from one gene's vector to the other's."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from llmpert.figures.theme import GREY, MARK, ONE_LINE, finish
from llmpert.insight.between import Between

# Told apart without colour, too, by the dashes.
COLORS = ("#0b5f96", "#d95f02", "#1b9e77", "#7b4f9e", "#a6761d")
DASHES = ("solid", "dash")


def on_the_way(
    found: Between, gene: str, other: str, unit: str, count: int, at: float
) -> go.Figure:
    """Draw the genes that change most on the way, and how like a known knockdown each place is.

    Args:
        at: The share of the second gene at which a line stands.
    """
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.08)
    for number, column in enumerate(found.moving(count)):
        name = str(found.prediction.genes[column])
        look = {
            "color": COLORS[number % len(COLORS)],
            "dash": DASHES[number // len(COLORS) % len(DASHES)],
        }
        figure.add_scatter(
            x=found.shares, y=found.prediction.bounded[:, column],
            name=name, mode="lines", line=look,
            hovertemplate=f"{name}: %{{y:.3f}}<extra></extra>", row=1, col=1,
        )  # fmt: skip
    figure.add_scatter(
        x=found.shares, y=found.similarity, mode="lines", line={"color": GREY}, showlegend=False,
        text=found.nearest, hovertemplate="nearest %{text}: %{y:.2f}<extra></extra>", row=2, col=1,
    )  # fmt: skip
    figure.add_hline(found.least, line={"color": GREY, "dash": "dot", "width": 1}, row=2, col=1)
    figure.add_vline(at, line={"color": MARK, "width": 1.5})
    finish(figure, f"From {gene} to {other}", height=460, top=ONE_LINE)
    figure.update_xaxes(tickvals=[0, 0.5, 1], ticktext=[gene, "halfway", other])
    figure.update_yaxes(title={"text": f"Predicted<br>({unit})"}, row=1, col=1)
    figure.update_yaxes(title={"text": "Nearest<br>similarity"}, range=[0, 1.05], row=2, col=1)
    return figure
