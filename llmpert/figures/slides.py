"""Figures as slides: one HTML file that opens offline, and prints one figure a page."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import plotly.graph_objects as go

from llmpert.figures.report import div, document
from llmpert.figures.theme import MARK, enlarged, mark_simulated

# A4 across, as browsers count pixels on paper.
WIDTH, HEIGHT = 1122, 793
CHART_WIDTH, CHART_HEIGHT = 1042, 560
LEAST_HEIGHT = 640
STYLE = f"""
@page {{ size: A4 landscape; margin: 0; }}
* {{ box-sizing: border-box; }}
body {{ font-family: "Source Sans Pro", Helvetica, Arial, sans-serif; color: #1b1f24;
  background: #e8eaed; margin: 0; }}
section {{ width: {WIDTH}px; height: {HEIGHT}px; margin: 24px auto; padding: 28px 40px;
  background: #fff; overflow: hidden; display: flex; flex-direction: column; }}
h1 {{ font-size: 24px; line-height: 1.25; margin: 0 0 12px; max-height: 92px; overflow: hidden; }}
figure {{ margin: 0; width: {CHART_WIDTH}px; height: {CHART_HEIGHT}px; overflow: hidden;
  flex: none; }}
figure > div {{ transform-origin: 0 0; }}
footer {{ margin-top: auto; color: #57606a; font-size: 12px; line-height: 1.35; }}
footer p {{ margin: 2px 0 0; }}
.mark {{ color: {MARK}; font-weight: bold; letter-spacing: .04em; }}
@media print {{
  body {{ background: #fff; }}
  section {{ margin: 0; break-after: page; break-inside: avoid; }}
  section:last-of-type {{ break-after: auto; }}
}}
"""


class Slide(NamedTuple):
    """A chart with one sentence about it, what it rests on, and the address it is from.

    `alt` is the chart's text alternative; without a `link` there is none.
    """

    chart: go.Figure
    sentence: str
    alt: str
    words: str
    link: str
    simulated: bool


def slides(title: str, shown: Sequence[Slide]) -> str:
    """Return one HTML document with a slide a figure; text from data and links is escaped."""
    body = [_section(slide, f"figure-{number}") for number, slide in enumerate(shown, start=1)]
    return document(title, STYLE, f"<main>{''.join(body)}</main>")


def _section(slide: Slide, name: str) -> str:
    chart = enlarged(mark_simulated(slide.chart) if slide.simulated else slide.chart)
    # Type is larger, and the chart as high as before: what is too high is shown smaller.
    height = max(LEAST_HEIGHT, slide.chart.layout.height)
    shrink = CHART_HEIGHT / height
    width = round(CHART_WIDTH / shrink)
    chart.update_layout(height=height, width=width, title_y=1 - 20 / height)
    mark = '<span class="mark">SIMULATED DATA</span> ' if slide.simulated else ""
    link = f'<p><a href="{escape(slide.link)}">{escape(slide.link)}</a></p>' if slide.link else ""
    return (
        f"<section><h1>{escape(slide.sentence)}</h1>"
        f'<figure aria-label="{escape(slide.alt)}">'
        f'<div style="transform: scale({shrink:.4f})">{div(chart, name)}</div></figure>'
        f"<footer><p>{mark}{escape(slide.words)}</p>{link}</footer></section>"
    )
