"""A prediction with and without some training knockdowns: the genes that move, side by side."""

import numpy as np
import plotly.graph_objects as go

from llmpert.figures.prediction import KNOWN_MARK
from llmpert.figures.theme import (
    GREY,
    LEGEND_BELOW,
    MARK,
    ONE_LINE,
    PREDICTED,
    ZERO_LINE,
    by_name,
    finish,
    marker,
    points,
)
from llmpert.insight.leave_out import ALONE, WITH, WITHOUT, LeftOut

ANEW = "anew"
"""A prediction by a model that is fitted anew without the family."""

LOOKS = {
    WITH: ("Predicted", marker(PREDICTED, "circle", 10)),
    WITHOUT: ("Without them", marker(MARK, "circle-open", 10, line={"width": 2})),
    ALONE: ("From these alone", marker(GREY, "x-thin", 8, line={"width": 2, "color": GREY})),
    ANEW: ("Fitted anew without them", marker(MARK, "square-open", 8, line={"width": 1})),
}


def with_and_without(
    found: LeftOut,
    measured: np.ndarray | None,
    unit: str,
    count: int,
    raised_only: bool = False,
) -> go.Figure:
    """Draw the genes with the strongest prediction: with, without and from the family alone.

    A line leads from each prediction to what it is without the family.

    Args:
        measured: The gene's response at the predicted genes, or None without one.
        unit: What one unit of the response is.
        raised_only: Whether responses know of raised genes alone.
    """
    whole = found.predictions[WITH]
    mean = whole.mean[0]
    order = np.argsort(-(mean if raised_only else np.abs(mean)), kind="stable")[:count]
    order = order[np.argsort(-mean[order], kind="stable")]
    genes = [str(gene) for gene in whole.genes[order]]
    values = {made: one.bounded[0, order] for made, one in found.predictions.items()}
    figure, gaps = go.Figure(), [None] * len(order)
    pairs = zip(values[WITH], values[WITHOUT], gaps, strict=True)
    figure.add_scatter(
        x=[x for pair in pairs for x in pair],
        y=[y for gene in genes for y in (gene, gene, None)],
        mode="lines", line={"color": MARK, "width": 2}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    for made, x in values.items():
        words, look = LOOKS[made]
        points(figure, x, genes, words, look, f"%{{y}}, {words.lower()}: %{{x:.3f}}")
    if measured is not None:
        points(figure, measured[order], genes, "Measured", KNOWN_MARK, "%{y}: measured %{x:.3f}")
    others = f"{len(found.family):,} others" if len(found.family) > 1 else found.family[0]
    return finish(
        figure,
        f"{whole.perturbations[0]} knockdown without {others}",
        height=150 + 16 * len(genes),
        top=ONE_LINE,
        xaxis={"title": {"text": f"Predicted<br>({unit})"}},
        yaxis=by_name(genes, ""),
        legend=LEGEND_BELOW,
        shapes=[ZERO_LINE],
    )
