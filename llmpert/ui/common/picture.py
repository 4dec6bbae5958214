"""Export figures as pictures in the browser, without a network."""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

HTML = """<button value="svg">Picture (SVG)</button>
<button value="png">Picture (PNG)</button><span role="alert"></span>"""
# They look like the buttons of Streamlit beside them.
CSS = """
:host, div { display: flex; flex-direction: column; align-items: flex-start; gap: .5rem; }
button { all: unset; cursor: pointer; padding: .25rem 0; min-height: 2rem; box-sizing: border-box;
    font: .875rem var(--st-font); color: var(--st-text-color); }
button:hover { color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
span { color: var(--st-text-color); }
span:empty { display: none; }
"""


@cache
def _buttons() -> Any:
    script = Path(__file__).with_name("picture.js").read_text("utf-8")
    return st.components.v2.component("llmpert_picture", html=HTML, css=CSS, js=script)


def offer_picture(chart: str, file_name: str, words: str, description: str) -> None:
    """Show buttons that save a figure as SVG, which stays sharp and can be edited, or PNG.

    Args:
        chart: The key of the figure's chart.
        words: To stand below the figure in the picture.
        description: All that is known of it, to lie in the file.
    """
    told = {"key": chart, "name": file_name, "words": words, "description": description}
    _buttons()(data=told, key=f"{chart}-pictures")
