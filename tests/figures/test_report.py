"""The report: complete, offline, and nothing from data is taken for markup."""

import re
from html.parser import HTMLParser

import pandas as pd
import plotly.graph_objects as go
import pytest

from llmpert.figures.report import Figure, Section, report

EVIL = '</script><script>alert("x")</script>&'


def made(simulated=True, name="MED12"):
    figure = go.Figure(go.Bar(x=[name], y=[1.5])).update_layout(title_text=name)
    table = pd.DataFrame({name: [1.23456, None]}, index=pd.Index([name, "b"], name="gene"))
    first = Figure(figure, f"Bars of {name}", note="By a model.", details=name, code=f"do {name}")
    sections = [
        Section("Response", [f"About {name}."], [first], table),
        Section(f"More {name}", figures=[Figure(figure, "again")]),
    ]
    return report(f"{name} knockdown", ["held out", name], sections, f"Data: {name}.", simulated)


def test_it_holds_figures_numbers_and_the_mark():
    page = made()
    assert page.startswith("<!DOCTYPE html>")
    assert page.count('<p class="mark">SIMULATED DATA</p>') == 2
    assert page.count("SIMULATED DATA") == 4  # below the heading, in two figures, at the foot
    assert "<h1>MED12 knockdown</h1>" in page
    assert "<p>held out</p>" in page
    assert "<td>1.23</td>" in page
    assert "<td>–</td>" in page
    assert 'id="figure-1"' in page
    assert 'id="figure-2"' in page
    assert 'aria-label="Bars of MED12"' in page
    assert "<figcaption>By a model. MED12<pre>do MED12</pre></figcaption>" in page
    assert "SIMULATED" not in made(simulated=False)


def test_it_opens_offline():
    page = made()
    assert len(re.findall(r"<script[^>]*\ssrc=", page)) == 0
    assert len(re.findall(r"<link[ >]", page)) == 0
    # Plotly comes along, once.
    assert page.count("plotly.js v") == 1
    assert len(page) > 1_000_000
    assert len(report("t", [], [Section("s", ["words"])], "c", False)) < 5_000


class Tags(HTMLParser):
    """All tags with their attributes' names, as a browser sees them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, ...]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, *(name for name, _ in attrs)))


@pytest.mark.parametrize("name", [EVIL, "<img src=x onerror=alert(1)>", '" onload="alert(1)'])
def test_names_are_text_and_never_markup(name):
    page = made(name=name)
    assert Tags(page).found == Tags(made()).found
    assert page.lower().count("</script") == made().lower().count("</script")
