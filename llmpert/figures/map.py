"""A map of perturbations, coloured by a value or by the group each belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from llmpert.figures.theme import MARK, finish, marker, source_look

REST = "#a7b0b8"
SCALE = "Cividis"
"""From dark blue to yellow: read alike with any colour vision, and by lightness alone."""

OUTLINE = {"width": 0.5, "color": "#808890"}
"""Keeps the scale's dark end visible on a dark page and its light end on a light one."""

HEIGHT = 640
MOST_VECTOR_MARKS = 3000
"""More marks than this are drawn as one picture, which browsers move faster."""


@dataclass(frozen=True, eq=False)
class MapFigure:
    """Every perturbation at its place, in a colour that is still to be chosen.

    Attributes:
        points: Columns gene, x, y, note (for the hover), and value or group.
        axes: Titles of the axes.
        title: Of the figure.
        gene: The gene to point out; it need not be on the map.
        selected: Perturbations that stand out, the others being faint; none of them means all
            alike.
    """

    points: pd.DataFrame
    axes: tuple[str, str]
    title: str
    gene: str
    selected: Sequence[str]

    def by_value(self, label: str) -> go.Figure:
        """Colour by the points' value; those without one are grey crosses.

        The scale ends at the 2nd and 98th percentile, so that a few extreme values do not take all
        colours. `label` says what the number is, with its unit.
        """
        figure = go.Figure()
        missing = self.points["value"].isna().to_numpy()
        if missing.any():
            name = f"No value ({missing.sum():,})"
            figure.add_trace(self._trace(missing, name, marker(REST, "x-thin-open", 6)))
        if not missing.all():
            known = self.points["value"][~missing]
            low, high = np.percentile(known, (2, 98))
            look = {
                "color": known, "colorscale": SCALE, "cmin": low, "cmax": high, "size": 7,
                # Below the map: on a narrow screen it would take half the width beside it.
                "colorbar": {
                    "title": {"text": label, "side": "top"}, "orientation": "h", "thickness": 14,
                    "x": 0, "xanchor": "left", "y": -0.13, "yanchor": "top",
                },
                "line": OUTLINE,
            }  # fmt: skip
            trace = self._trace(~missing, "Perturbations", look)
            figure.add_trace(trace.update(showlegend=bool(missing.any())))
        return self._finished(figure, {"y": 1, "yanchor": "bottom"})

    def by_group(self, groups: Sequence[str]) -> go.Figure:
        """Colour and shape by the points' group; those in none of `groups` are grey.

        Colours and shapes are given out in the order of `groups`.
        """
        figure = go.Figure()
        rest = ~self.points["group"].isin(list(groups)).to_numpy()
        if rest.any():
            look = marker(REST, "circle", 4, opacity=0.6)
            figure.add_trace(self._trace(rest, f"Others ({rest.sum():,})", look))
        for at, group in enumerate(groups):
            members = (self.points["group"] == group).to_numpy()
            look = marker(*source_look(at), line=OUTLINE)
            figure.add_trace(self._trace(members, f"{group} ({members.sum():,})", look))
        return self._finished(figure, {"y": -0.14, "yanchor": "top"})

    def _trace(self, chosen: np.ndarray, name: str, look: dict[str, Any]) -> Any:
        points = self.points[chosen]
        trace = go.Scatter if len(self.points) <= MOST_VECTOR_MARKS else go.Scattergl
        return trace(
            x=points["x"], y=points["y"], mode="markers", name=name, marker=look,
            customdata=points["gene"], text=points["note"],
            hovertemplate="<b>%{customdata}</b><br>%{text}<extra></extra>",
            unselected={"marker": {"opacity": 0.2}},
        )  # fmt: skip

    def _finished(self, figure: go.Figure, legend: dict[str, Any]) -> go.Figure:
        if self.selected:
            for trace in figure.data:
                is_selected = np.isin(trace.customdata, list(self.selected))
                trace.selectedpoints = np.flatnonzero(is_selected)
        found = self.points[self.points["gene"] == self.gene]
        if len(found):
            figure.add_scatter(
                x=found["x"], y=found["y"], mode="markers", name=self.gene, hoverinfo="skip",
                customdata=found["gene"],
                marker=marker(MARK, "circle-open", 20, line={"width": 3}),
            )  # fmt: skip
            figure.add_annotation(
                x=found["x"].iloc[0], y=found["y"].iloc[0], text=f"<b>{self.gene}</b>", ax=0,
                ay=-34, arrowcolor=MARK, standoff=10, bgcolor="#ffffff", bordercolor=MARK,
                borderpad=3, font={"color": MARK},
            )  # fmt: skip
        return finish(
            figure,
            self.title,
            height=HEIGHT,
            xaxis={"title": {"text": self.axes[0]}, "zeroline": False},
            yaxis={"title": {"text": self.axes[1]}, "zeroline": False},
            legend={"orientation": "h", "x": 0, "itemsizing": "constant", **legend},
        )
