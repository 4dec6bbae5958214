"""A report as one HTML file that opens offline: figures stay interactive, nothing is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from llmpert.figures.theme import EXPORT, MARK, mark_simulated

CONFIG = EXPORT | {"responsive": True, "toImageButtonOptions": {"format": "svg"}}
STYLE = f"""
body {{ font-family: "Source Sans Pro", Helvetica, Arial, sans-serif; color: #1b1f24;
  background: #fff; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; line-height: 1.45; }}
h1 {{ margin-bottom: .2rem; }}
h2 {{ margin-top: 2.2rem; border-top: 1px solid #d0d7de; padding-top: 1rem; }}
.mark {{ color: {MARK}; font-weight: bold; letter-spacing: .04em; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: .9rem; }}
th, td {{ border-bottom: 1px solid #d0d7de; padding: .25rem .7rem; text-align: left; }}
footer {{ margin-top: 2.5rem; }}
footer, figcaption {{ color: #57606a; font-size: .9rem; }}
pre {{ white-space: pre-wrap; }}
@media print {{ h2 {{ break-before: auto; }} figure {{ break-inside: avoid; }} }}
"""


class Figure(NamedTuple):
    """A chart with its text alternative, a name for files, its numbers and words about it.

    `note` is the line below it, `details` how to read it, `code` what makes its numbers.
    """

    chart: go.Figure
    alt: str
    name: str = ""
    numbers: pd.DataFrame | None = None
    note: str = ""
    details: str = ""
    code: str = ""


@dataclass(frozen=True, eq=False)
class Section:
    """Paragraphs of plain text, figures, and a table whose index is shown where it has a name."""

    title: str
    text: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    table: pd.DataFrame | None = None


def report(
    title: str, facts: Sequence[str], sections: Sequence[Section], caption: str, simulated: bool
) -> str:
    """Write one HTML document, with everything from data escaped: names are never markup.

    Args:
        facts: What stands below the heading, a line each.
        caption: Data, model, fingerprint and date, for the foot.
        simulated: Whether to mark it so: below the heading, in each figure and at the foot.
    """
    mark = '<p class="mark">SIMULATED DATA</p>' if simulated else ""
    number = 0
    body: list[str] = []
    for section in sections:
        body.append(f"<section><h2>{escape(section.title)}</h2>")
        body += [f"<p>{escape(paragraph)}</p>" for paragraph in section.text]
        for figure in section.figures:
            number += 1
            drawn = mark_simulated(figure.chart) if simulated else figure.chart
            code = div(drawn, f"figure-{number}")
            words = escape(f"{figure.note} {figure.details}".strip())
            made = f"<pre>{escape(figure.code)}</pre>" if figure.code else ""
            body.append(
                f'<figure aria-label="{escape(figure.alt)}">{code}'
                f"<figcaption>{words}{made}</figcaption></figure>"
            )
        if section.table is not None:
            cells = section.table.to_html(
                index=section.table.index.name is not None, index_names=False, escape=True,
                border=0, na_rep="–", float_format=lambda value: f"{value:.3g}",
            )  # fmt: skip
            body.append(f'<div class="scroll">{cells}</div>')
        body.append("</section>")
    heading = "".join(f"<p>{escape(fact)}</p>" for fact in facts)
    content = f"<h1>{escape(title)}</h1>{mark}{heading}{''.join(body)}"
    foot = f"<footer>{mark}<p>{escape(caption)}</p></footer>"
    return document(title, STYLE, content + foot, figures=number > 0)


def div(chart: go.Figure, name: str) -> str:
    """Return a chart as an element of a `document`, with this id."""
    drawn = go.Figure(chart).update_layout(template="plotly_white")
    # Plotly's JSON has <, > and / escaped, so that no name can end the script.
    return drawn.to_html(CONFIG, full_html=False, include_plotlyjs=False, div_id=name)


def document(title: str, style: str, body: str, figures: bool = True) -> str:
    """Return HTML that loads nothing; what draws figures is in it, if there are any."""
    script = f"<script>{get_plotlyjs()}</script>" if figures else ""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style>{script}</head><body>"
        f"{body}</body></html>"
    )
