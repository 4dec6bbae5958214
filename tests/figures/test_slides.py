"""Slides: one figure a page with its numbers, offline, and nothing from data is markup."""

import json
import re
from html.parser import HTMLParser

import plotly.graph_objects as go
import pytest

from llmpert.figures.slides import CHART_HEIGHT, CHART_WIDTH, Slide, slides
from tests.figures.test_report import EVIL, Tags


def made(name="MED12", link="https://llmpert.lab/gene?gene=MED12&line=A", height=500):
    chart = go.Figure(go.Bar(x=[name], y=[1.5]))
    chart.update_layout(title={"text": name, "font": {"size": 16}}, font_size=13, height=height)
    chart.update_layout(margin_t=90)
    slide = Slide(chart, f"{name} rises.", f"Bars of {name}", f"By {name}.", link, False)
    return slides("slides", [slide, slide._replace(simulated=True, link="")])


class Loaded(HTMLParser):
    """All addresses that a browser would fetch, and those that a reader may follow."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fetched, self.links = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "href" and tag == "a":
                self.links.append(value)
            elif name in ("src", "href", "srcset", "data", "action", "poster"):
                self.fetched.append(value)


def drawn(page: str, number: int) -> tuple[list[dict], dict]:
    """The data and layout that a figure is drawn with."""
    decode, rest = json.JSONDecoder().raw_decode, re.split(rf'"figure-{number}",\s*', page)[1]
    data, end = decode(rest)
    return data, decode(rest[end:].lstrip(", \n"))[0]


def test_there_is_a_page_for_each_figure_with_its_numbers():
    page = made()
    assert page.count("<section>") == page.count("<figure") == 2
    for number in (1, 2):
        (bars,), _ = drawn(page, number)
        assert (bars["x"], bars["y"]) == (["MED12"], [1.5])
    # The second is simulated: said in its figure, and below it.
    first, second = page.split("<section>")[1:]
    assert "SIMULATED DATA" not in first
    assert second.count("SIMULATED DATA") == 2


def test_nothing_is_fetched_and_the_page_is_linked_to():
    page = Loaded(made())
    assert page.fetched == []
    assert page.links == ["https://llmpert.lab/gene?gene=MED12&line=A"]
    assert made().count("plotly.js v") == 1


@pytest.mark.parametrize("name", [EVIL, "<img src=x onerror=alert(1)>", '" onload="alert(1)'])
def test_names_and_links_are_text_and_never_markup(name):
    assert Tags(made(name, f"https://llmpert.lab/?{name}")).found == Tags(made()).found


@pytest.mark.parametrize("height", [300, 500, 1500])
def test_a_figure_of_any_height_fits_its_page(height):
    page = made(height=height)
    _, layout = drawn(page, 1)
    shrink = float(re.search(r"transform: scale\(([\d.]+)\)", page)[1])
    assert shrink * layout["height"] == pytest.approx(CHART_HEIGHT, abs=1)
    assert shrink * layout["width"] == pytest.approx(CHART_WIDTH, abs=1)
