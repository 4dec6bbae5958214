"""Predicted responses: the strongest, all against the measurement, and what they rest on."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.results import NO_EMBEDDING, embedding_label
from llmpert.figures.theme import (
    DIAGONAL,
    DIVERGING,
    GREY,
    LEGEND_BELOW,
    MEASURED,
    MOST_DOTS,
    ONE_LINE,
    PREDICTED,
    UNREMARKABLE,
    ZERO_LINE,
    apart,
    by_name,
    coefficient,
    density,
    finish,
    interval_bars,
    marker,
    points,
    source_look,
    styles,
)
from llmpert.insight.attribution import Attribution
from llmpert.insight.effects import NOT_MEASURED
from llmpert.models.distribution import INTERVAL

RAISED, LOWERED = (MEASURED, "triangle-up", 10), (PREDICTED, "triangle-down", 10)
"""Colour, marker and size of genes by direction, where both are predicted."""
KNOWN_MARK = marker(GREY, "diamond-open", line={"width": 2})
"""The measurement, where colour stands for direction."""

HEAD, MOST_HIGH, MOST_NAMED = 290, 14, 60
MOST_NAMES = 8
"""Genes that a volcano names."""
"""Pixels of a heatmap beside its rows; so many rows are high, and so many have a name each."""

PATTERNS = ("", "/", "x", ".", "-", "+", "|")
"""Hatching of each source's bars, which needs no colour vision."""


def ranked_genes(
    prediction: Prediction,
    measured: np.ndarray | None,
    unit: str,
    count: int,
    others: Mapping[str, np.ndarray] | None = None,
    usual: np.ndarray | None = None,
    raised_only: bool = False,
    directions: tuple[str, str] = ("Raised", "Lowered"),
) -> go.Figure:
    """Draw the genes with the largest predicted |Δ| by value, the most raised on top.

    With 95 % intervals; raised and lowered ones differ by colour and marker.

    Args:
        prediction: Of one perturbation.
        measured: Its measured response at the prediction's genes, or None without one.
        unit: What one unit of the response is.
        others: External method -> what it predicts at the prediction's genes.
        usual: Which of the prediction's genes most knockdowns change alike; they are marked.
        raised_only: Whether to leave out lowered genes, of which the data know nothing.
        directions: What responses above and below 0 are called.
    """
    mean = prediction.mean[0]
    strength = np.where(mean > 0, mean, 0) if raised_only else np.abs(mean)
    chosen = np.argsort(-strength, kind="stable")[:count]
    chosen = chosen[np.argsort(-mean[chosen], kind="stable")]
    genes, mean = prediction.genes[chosen], prediction.bounded[0]
    interval = prediction.interval(INTERVAL)
    reach = None if interval is None else (interval[1][0] - mean, mean - interval[0][0])
    figure = go.Figure()
    for which, name, direction in (
        (mean[chosen] >= 0, directions[0], RAISED), (mean[chosen] < 0, directions[1], LOWERED),
    ):  # fmt: skip
        if which.any():
            part = chosen[which]
            known = reach is not None
            points(
                figure, mean[part], genes[which],
                f"{name} (95 % interval)" if known else name, marker(*direction),
                "%{y}: predicted %{x:.3f}",
                error_x=None if reach is None else interval_bars(*(ends[part] for ends in reach)),
            )  # fmt: skip
    if measured is not None:
        hover = "%{y}: measured %{x:.3f}"
        points(figure, measured[chosen], genes, "Measured", KNOWN_MARK, hover)
    others = others or {}
    looks = styles((method, NO_EMBEDDING) for method in others)
    for look, predicted in zip(looks.values(), others.values(), strict=True):
        points(
            figure, predicted[chosen], genes, look.label,
            marker(look.color, look.symbol, opacity=0.85),
            f"%{{y}}: {look.label} predicts %{{x:.3f}}",
        )  # fmt: skip
    marked = np.zeros(len(chosen), bool) if usual is None else usual[chosen]
    labels = [f"{gene} *" if known else gene for gene, known in zip(genes, marked, strict=True)]
    axis = {"type": "category", "categoryorder": "array", "categoryarray": genes[::-1]}
    return finish(
        figure,
        f"{prediction.perturbations[0]} knockdown: {len(chosen)} strongest genes",
        height=140 + 15 * len(chosen),
        top=ONE_LINE,
        note="* most knockdowns change it alike" if marked.any() else "",
        xaxis={"title": {"text": unit}},
        yaxis=axis | {"tickmode": "array", "tickvals": genes, "ticktext": labels},
        legend=LEGEND_BELOW,
        shapes=[ZERO_LINE],
    )


def similar_knockdowns(near: pd.DataFrame, alike: pd.Series, usual: float) -> go.Figure:
    """Draw how well the knockdowns most like a gene were predicted, the most similar on top.

    Dots carry the name of the perturbation as `customdata`.

    Args:
        near: From `llmpert.insight.reliability.ReliabilityReference.neighbours`.
        alike: Accuracy of held-out knockdowns with signs like the gene's, of which the middle half
            is shaded.
        usual: Median accuracy of all held-out knockdowns, drawn as a line.
    """
    labels = [f"{row.perturbation} ({row.similarity:.2f})" for row in near.itertuples(index=False)]
    figure = go.Figure()
    points(
        figure, near["accuracy"], labels, "Knockdown (its similarity)", marker(PREDICTED, "circle"),
        "%{y}: r = %{x:.2f}", customdata=near["perturbation"],
    )  # fmt: skip
    shapes: list[dict[str, object]] = []
    across = {"yref": "y domain", "y0": 0, "y1": 1, "layer": "below", "showlegend": True}
    if alike.notna().any():
        low, high = alike.quantile([0.25, 0.75])
        shapes.append(
            {"type": "rect", "x0": low, "x1": high, "fillcolor": PREDICTED, "opacity": 0.18,
             "line": {"width": 0}, "name": "Signs like these: middle half"} | across
        )  # fmt: skip
    if np.isfinite(usual):
        shapes.append(
            {"type": "line", "x0": usual, "x1": usual, "name": "All held out: median",
             "line": {"width": 1.5, "dash": "dash", "color": GREY}} | across
        )  # fmt: skip
    return finish(
        figure,
        "How well similar knockdowns were predicted",
        height=190 + 25 * len(labels),
        top=ONE_LINE,
        xaxis={"title": {"text": "Predicted against measured (r)"}},
        yaxis=by_name(labels, ""),
        legend=LEGEND_BELOW,
        shapes=shapes,
    )


def ranked_knockdowns(
    effects: pd.DataFrame,
    gene: str,
    line: str,
    unit: str,
    ranked_by: str,
    raised_only: bool = False,
    directions: tuple[str, str] = ("Raises it", "Lowers it"),
    usual: bool = False,
) -> go.Figure:
    """Draw the knockdowns that change a gene most by value, the one that raises it most on top.

    Predictions of either direction differ by colour and marker; measurements are drawn apart. Dots
    carry the name of the perturbation as `customdata`.

    Args:
        effects: The strongest rows of `llmpert.insight.effects.effects_on`.
        ranked_by: "measured" or "predicted", for the title.
        raised_only: Whether they are those that raise it, of responses that know no others.
        directions: What effects above and below 0 are called.
        usual: Whether most knockdowns change the gene alike; the figure says so.
    """
    figure = go.Figure()
    drawn = effects.sort_values(ranked_by, ascending=False, kind="stable")
    unseen = drawn["state"] == NOT_MEASURED
    for never, name in ((False, ""), (True, ", never knocked down")):
        for raises, words, (color, symbol, size) in (
            (True, directions[0], RAISED), (False, directions[1], LOWERED),
        ):  # fmt: skip
            part = drawn[(unseen == never) & ((drawn["predicted"] >= 0) == raises)]
            part = part.dropna(subset="predicted")
            if part.empty:
                continue
            up, down = part["high95"] - part["predicted"], part["predicted"] - part["low95"]
            known = up.notna().any()  # not every model gives intervals
            points(
                figure, part["predicted"], part["perturbation"],
                f"{words}{name} (95 % interval)" if known else f"{words}{name}",
                marker(color, symbol + "-open" * never, size, line={"width": 2 * never}),
                "%{y} knockdown: predicted %{x:.3f}",
                error_x=interval_bars(up, down) if known else None,
                customdata=part["perturbation"],
            )  # fmt: skip
    part = drawn[drawn["measured"].notna()]
    if not part.empty:
        points(
            figure, part["measured"], part["perturbation"], "Measured", KNOWN_MARK,
            "%{y} knockdown: measured %{x:.3f}", customdata=part["perturbation"],
        )  # fmt: skip
    verb = "raises" if raised_only else "changes"
    note = f"{len(effects)} knockdowns, by {ranked_by} effect"
    return finish(
        figure,
        f"What {verb} {gene} most in {line}",
        height=150 + 18 * len(effects),
        top=ONE_LINE,
        note=note + f"; most knockdowns change {gene} alike" * usual,
        xaxis={"title": {"text": f"{gene}: {unit}"}},
        yaxis=by_name(list(drawn["perturbation"]), ""),
        showlegend=True,
        legend=LEGEND_BELOW,
        shapes=[ZERO_LINE],
    )


def predicted_against_measured(
    prediction: Prediction,
    measured: np.ndarray,
    top: np.ndarray,
    unit: str,
    correlation: float,
    every: bool = True,
) -> go.Figure:
    """Draw every gene of one perturbation: predicted along x, measured along y.

    Args:
        prediction, measured, unit: As for `ranked_genes`.
        top: Positions of the top DE genes, drawn apart.
        correlation: Pearson correlation over all genes, for the title; NaN where not defined.
        every: Whether each gene is a dot; else only top DE genes are, where there are more than
            `MOST_DOTS`, and shades show how many others there are: quicker drawn, and none hidden.
    """
    mean = prediction.bounded[0]
    is_top = np.isin(np.arange(len(mean)), top)
    figure = go.Figure()
    summarised = not every and len(mean) > MOST_DOTS
    if summarised:
        words = "predicted %{x:.3f}, measured %{y:.3f}"
        figure.add_trace(density(mean[~is_top], measured[~is_top], words))
    for chosen, name, look in (
        (~is_top & (not summarised), "Other genes", UNREMARKABLE),
        (is_top, f"Top {len(top)} DE genes", (MEASURED, "diamond", 9)),
    ):
        if chosen.any():
            points(
                figure, mean[chosen], measured[chosen], name, marker(*look, opacity=0.8),
                "%{text}<br>predicted %{x:.3f}, measured %{y:.3f}<br>off by %{customdata:+.3f}",
                text=prediction.genes[chosen], customdata=(mean - measured)[chosen],
            )  # fmt: skip
    ends = [float(min(mean.min(), measured.min())), float(max(mean.max(), measured.max()))]
    figure.add_scatter(x=ends, y=ends, mode="lines", name="Equal", hoverinfo="skip", line=DIAGONAL)
    return finish(
        figure,
        f"{prediction.perturbations[0]}, all genes: {coefficient('r', correlation)}",
        height=440,
        top=ONE_LINE,
        # A long unit would be cut: the figure stands in a narrow column.
        xaxis={"title": {"text": f"Predicted<br>({unit.replace(' (', '<br>(')})"}},
        yaxis={"title": {"text": "Measured"}},
        legend=LEGEND_BELOW,
    )


def volcano(
    prediction: Prediction,
    measured: np.ndarray | None,
    unit: str,
    raised_only: bool = False,
    directions: tuple[str, str] = ("Raised", "Lowered"),
) -> go.Figure:
    """Draw every gene of one perturbation: predicted Δ along x, |Δ| / standard deviation along y.

    Genes whose 95 % interval excludes 0 stand out: raised and lowered ones by colour and marker.
    Those with the largest |z| are named, as far as there is room. With `raised_only` z is along y,
    and raised genes alone stand out. Arguments are those of `ranked_genes`; a `ValueError` is
    raised without standard deviations.
    """
    interval = prediction.interval(INTERVAL)
    if prediction.std is None or interval is None:
        raise ValueError("a volcano needs standard deviations")
    mean, std = prediction.bounded[0], prediction.std[0]
    # A gene that never varies has no deviation and no response.
    z = np.divide(mean, std, out=np.zeros_like(mean), where=std > 0)
    height = z if raised_only else np.abs(z)
    above, below = interval[0][0] > 0, (interval[1][0] < 0) & (not raised_only)
    unsure = f"95 % interval {'not above' if raised_only else 'includes'} 0"
    columns = [prediction.genes.astype(object), z, *([] if measured is None else [measured])]
    known = "" if measured is None else "<br>measured %{customdata[2]:.3f}"
    figure = go.Figure()
    for chosen, name, look in (
        (~(above | below), unsure, UNREMARKABLE),
        (below, f"{directions[1]}: interval below 0", LOWERED),
        (above, f"{directions[0]}: interval above 0", RAISED),
    ):
        if chosen.any():
            points(
                figure, mean[chosen], height[chosen], f"{name} ({chosen.sum():,})",
                marker(*look, opacity=0.8),
                "%{customdata[0]}<br>predicted %{x:.3f}, z = %{customdata[1]:.2f}" + known,
                customdata=np.column_stack(columns)[chosen],
            )  # fmt: skip
    raised = np.flatnonzero(height > 0)
    named = apart(mean, height, raised[np.argsort(-height[raised], kind="stable")], MOST_NAMES)
    figure.add_scatter(
        x=mean[named], y=height[named], mode="text", text=prediction.genes[named],
        textposition="top center", textfont={"size": 11}, cliponaxis=False,
        hoverinfo="skip", showlegend=False, name="names",
    )  # fmt: skip
    return finish(
        figure,
        f"{prediction.perturbations[0]} knockdown: size and certainty",
        height=520,
        xaxis={"title": {"text": f"Predicted<br>({unit})"}},
        yaxis={
            "title": {"text": f"{'z = predicted' if raised_only else '|z| = |predicted Δ|'} /"
                      " standard deviation"},
            "rangemode": "tozero",
        },
        legend={"orientation": "h", "y": -0.22, "yanchor": "top", "x": 0},
        shapes=[ZERO_LINE],
    )  # fmt: skip


def attribution_bars(attribution: Attribution, count: int) -> go.Figure:
    """Draw the shares of the `count` strongest training knockdowns, stacked by source.

    The last bar is the sum over all others. The shares must be defined.
    """
    names, sources = attribution.strongest(count), [str(name) for name in attribution.shares]
    others = attribution.shares.drop(index=names)
    similar = [f"<br>similarity {value:.2f}" for value in attribution.similarity[names]]
    shares = attribution.shares.loc[names]
    if len(others):
        shares.loc[f"all others ({len(others):,})"] = others.sum()
        similar.append("")
    rows = list(shares.index)
    figure = go.Figure()
    for at, source in enumerate(sources):
        label = embedding_label(source)
        joint = "+" in source and len(sources) > 1
        figure.add_bar(
            x=100 * shares[source], y=rows, orientation="h",
            name=f"{label} (near in all at once)" if joint else label,
            marker={
                "color": source_look(at)[0],
                # Hatched bars alone are faint on a dark page.
                "line": {"color": source_look(at)[0], "width": 1},
                "pattern": {"shape": PATTERNS[at % len(PATTERNS)], "solidity": 0.25},
            },
            customdata=similar,
            hovertemplate=f"%{{y}} through {label}: %{{x:.1f}} %%{{customdata}}<extra></extra>",
        )  # fmt: skip
    return finish(
        figure,
        f"What the prediction for {attribution.gene} rests on",
        height=260 + 24 * len(rows),
        xaxis={"title": {"text": "Share of the prediction (%)<br>negative: pulls away"}},
        yaxis=by_name(rows, "Training knockdown"),
        barmode="relative",
        legend={"orientation": "h", "y": -0.28, "yanchor": "top", "x": 0},
        shapes=[ZERO_LINE],
    )


def response_heatmap(
    rows: pd.DataFrame, title: str, unit: str, raised_only: bool = False
) -> go.Figure:
    """Draw responses: knockdowns down, measured genes along x.

    Blue is lowered, orange is raised, and the middle of the scale is 0; with `raised_only` its
    lower end is. Of many rows not all are named, and each is low.
    """
    values, labels = rows.to_numpy(dtype=float), list(rows.index)
    # One extreme gene would pale all others.
    limit = float(np.percentile(np.abs(values), 98)) or 1.0
    first, ends = (2, {"zmin": 0}) if raised_only else (0, {"zmin": -limit, "zmid": 0})
    named = len(labels) <= MOST_NAMED
    heatmap = go.Heatmap(
        z=values, x=list(rows.columns), y=labels, colorscale=DIVERGING[first:], zmax=limit,
        **ends, xgap=named, ygap=named, colorbar={"thickness": 12},
        hovertemplate="%{y}<br>%{x}: %{z:.3f}<extra></extra>",
    )  # fmt: skip
    return finish(
        go.Figure(heatmap),
        title,
        height=HEAD + (24 if len(labels) <= MOST_HIGH else 10) * min(len(labels), MOST_NAMED),
        # Plotly leaves out names that find no room; hovering shows each.
        xaxis={
            "type": "category", "tickangle": -90, "tickfont": {"size": 10},
            "title": {"text": f"Colour:<br>{unit}"},
        },
        yaxis={
            "type": "category", "autorange": "reversed", "tickmode": "linear" if named else "auto",
            "tickfont": {"size": 10 if len(labels) > MOST_HIGH else 12},
        },
    )  # fmt: skip
