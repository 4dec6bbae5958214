"""How pages show things: headings, figures with their exports, captions, errors."""

import logging
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from llmpert.datasets import Dataset
from llmpert.errors import InputError
from llmpert.figures.theme import mark_simulated
from llmpert.models.registry import label
from llmpert.ui.common import presentation as present

log = logging.getLogger(__name__)

number = st.column_config.NumberColumn

LONGEST = 1000
"""Characters that are shown of words from elsewhere."""


def verbatim(text: str) -> str:
    """Return words from elsewhere as Markdown that shows them as they are, on one line.

    Addresses and files hold what others chose: as Markdown it could load pictures from other sites
    or pass for words of the program. Control characters, and those that turn the writing
    direction, are shown as �; what is too long is cut.
    """
    words = " ".join(text.split())
    if len(words) > LONGEST:
        words = f"{words[:LONGEST]}…"
    seen = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in words)
    # A backslash takes its meaning from any ASCII punctuation (CommonMark 0.31, 2.4).
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", seen)


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Show what goes wrong on a page: an `InputError` as the sentence it is."""
    try:
        yield
    except InputError as error:
        st.error(verbatim(str(error)), icon=":material/error:")
    except Exception:
        st.error(log_unforeseen("page failed"), icon=":material/error:")


def log_unforeseen(event: str) -> str:
    """Log the error in hand with its traceback, and return what a visitor is told of it.

    The number in it stands in the log too.
    """
    number = secrets.token_hex(4)
    log.exception(event, extra={"number": number})
    return (
        "Something went wrong that the program did not expect. Its log says what, under the number"
        f" {number}."
    )


# Streamlit writes white on a theme's primary colour, which in the dark is a light blue.
BUTTONS = """<style>
[data-testid="stBaseButton-primary"] { background: #0b5f96; border-color: #0b5f96; color: white }
</style>"""


def heading(title: str, question: str, data: Dataset) -> None:
    """The page's title, the question it answers, and whether its data are simulated."""
    present.show_controls(title)
    st.html(BUTTONS)
    st.title(title)
    st.markdown(question)
    if data.simulated:
        st.warning(
            "**Simulated data.** Genes, cell lines and numbers here are invented; they show how the"
            " program works, not biology.",
            icon=":material/science:",
        )
        st.page_link(
            "pages/data.py",
            label="Use real screens: your own, or public ones",
            icon=":material/database:",
        )
    notes = [note for one in data.trained.values() for note in one.notes]
    for note in dict.fromkeys(notes):
        st.caption(f":material/info: {verbatim(note)}")
    stand_ins = [e.name for e in data.embeddings.values() if e.provenance.get("stand_in")]
    if stand_ins:
        info(
            f"Stand-in embeddings: **{', '.join(stand_ins)}** — not the vectors the paper used."
            " *Start* says what they are."
        )


def info(words: str) -> None:
    """Show a sentence that explains why something is missing or different."""
    st.info(words, icon=":material/info:")


def figure(
    chart: go.Figure,
    name: str,
    alt: str,
    numbers: pd.DataFrame,
    note: str,
    data: Dataset,
    about: Mapping[str, Any] | None = None,
    select: Sequence[str] = (),
) -> list[Any]:
    """Show a figure with its text alternative, picture export, numbers as CSV and caption.

    It is marked where the data are simulated.

    Args:
        name: For file names and as the widget's key.
        alt: What the figure shows, for those who do not see it.
        numbers: What the figure draws.
        note, about: For the caption, as in `footer`.
        select: Ways in which points can be selected, such as "points" or "lasso".

    Returns:
        The `customdata` of the selected points; empty where none is or can be selected.
    """
    if data.simulated:
        chart = mark_simulated(chart)
    config = present.export(_file_name(name, data))
    if present.stage(chart, name, alt, _sentences(note, caption(data, about)), config):
        return []
    selecting: dict[str, Any] = {"on_select": "rerun", "selection_mode": select} if select else {}
    event: Any = st.plotly_chart(chart, key=name, config=config, alt=alt, **selecting)
    footer(name, numbers, note, data, about, "The camera in the figure's corner saves it.")
    return [point.get("customdata") for point in event.selection.points] if select else []


def footer(
    name: str,
    numbers: pd.DataFrame,
    note: str,
    data: Dataset,
    about: Mapping[str, Any] | None = None,
    last: str = "",
) -> None:
    """Show a caption, and beside it the numbers as CSV, marked where they are simulated.

    Args:
        note, last: Begin and end the caption; data, settings and date stand between them.
        about: What results are about (`llmpert.evaluation.results.Results`).
    """
    if data.simulated:
        numbers = numbers.assign(data="simulated")
    # A row rather than columns, so that the button keeps its words in a narrow place.
    with st.container(horizontal=True):
        st.caption(_sentences(note, caption(data, about), last), width="stretch")
        st.download_button(
            "Numbers (CSV)",
            lambda: numbers.to_csv(index=False).encode(),
            file_name=f"{_file_name(name, data)}.csv",
            mime="text/csv",
            on_click="ignore",
            key=f"{name}-csv",
        )


def numbers(**formats: str) -> dict[str, Any]:
    """Return how a table shows these columns: name -> format of its numbers."""
    return {name: number(format=form) for name, form in formats.items()}


def rows(found: Iterable[Mapping[str, Any]]) -> None:
    """Show a table of rows, each column -> value."""
    st.dataframe(list(found), hide_index=True)


def left_out(summary: pd.DataFrame) -> None:
    """Say how many values are not defined and so in no mean, by model.

    Args:
        summary: From `llmpert.evaluation.results.summarise`.
    """
    counts = summary.groupby("model", observed=True)["undefined"].sum()
    if counts.any():
        which = ", ".join(f"{label(str(model))} {n:,}" for model, n in counts.items() if n)
        st.caption(
            "Values that are not defined (a constant prediction or measurement has no correlation)"
            f" are left out of the means: {which}."
        )


def _sentences(*parts: str) -> str:
    return " ".join(filter(None, parts))


def _file_name(name: str, data: Dataset) -> str:
    return f"llmpert-{name}-simulated" if data.simulated else f"llmpert-{name}"


def caption(data: Dataset, about: Mapping[str, Any] | None = None) -> str:
    """Return data, settings and date in one line, for captions."""
    kind = "Simulated data" if data.simulated else "Data"
    lines = "; ".join(
        f"{screen.line}: {screen.provenance.get('source') or 'imported'} [{screen.fingerprint[:8]}]"
        for screen in data.screens.values()
    )
    lines = lines or "; ".join(f"{line}: trained model" for line in data.trained)
    words = f"{kind}: {lines}."
    settings = (about or {}).get("settings")
    if settings:
        words += (
            f" {settings['folds']}-fold cross-validation, seed {settings['seed']},"
            f" {settings['features']:,} most variable training genes,"
            f" {settings['components']} components an embedding."
        )
    return f"{words} {date.today().isoformat()}."
