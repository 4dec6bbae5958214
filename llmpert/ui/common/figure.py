"""A figure on a page: below it one line of words; what stands behind it, a click away."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from llmpert import __version__
from llmpert.datasets import Dataset
from llmpert.figures.report import Figure
from llmpert.figures.theme import QUIET, enlarged, mark_simulated
from llmpert.ui.common import presentation as present
from llmpert.ui.common.collection import offer_pin
from llmpert.ui.common.glossary import on_hover
from llmpert.ui.common.more import read_more
from llmpert.ui.common.picture import offer_picture
from llmpert.ui.common.verbatim import verbatim


class Shown(NamedTuple):
    """A figure as a page shows it; `sentence` is its message."""

    figure: Figure
    sentence: str
    about: Mapping[str, Any] | None


CATCH = "catch"
"""In the session state: a list that collects the figures of a page that is drawn unseen."""


def figure(
    chart: go.Figure,
    name: str,
    alt: str,
    numbers: pd.DataFrame,
    note: str,
    data: Dataset,
    about: Mapping[str, Any] | None = None,
    select: Sequence[str] = (),
    details: str = "",
    code: str = "",
    least_width: int = 0,
) -> list[Any]:
    """Show a figure with its text alternative, and below it a `footer`.

    It is marked where the data are simulated.

    Args:
        name: For file names and as the widget's key.
        alt: What the figure shows, for those who do not see it.
        numbers: What the figure draws.
        note, about, details, code: As in `footer`.
        select: Ways in which points can be selected, such as "points" or "lasso".
        least_width: Pixels; where there are fewer, the figure scrolls to the side.

    Returns:
        The `customdata` of the selected points; empty where none is or can be selected.
    """
    sentence = present.said() or alt
    if CATCH in st.session_state:
        caught = Figure(chart, alt, name, numbers, note, details, code)
        st.session_state[CATCH].append(Shown(caught, sentence, about))
        return []
    meeting, key = present.in_meeting(), name
    if meeting and not present.in_turn(name):
        return []
    if data.simulated:
        chart = mark_simulated(chart)
    if meeting:
        chart, key, select = enlarged(chart), f"{name}-stage", ()
    selecting: dict[str, Any] = {"on_select": "rerun", "selection_mode": select} if select else {}
    with present.stage(sentence) if meeting else nullcontext():
        if least_width:
            places = f".st-key-{key} {{ overflow-x: auto }}"
            inside = f".st-key-{key} > * {{ min-width: {least_width}px }}"
            st.html(f"<style>{places} {inside}</style>")
        event: Any = st.plotly_chart(chart, key=key, config=QUIET, alt=alt, **selecting)
        footer(name, numbers, note, data, about, f"{alt} {details}".strip(), code, key)
    return [point.get("customdata") for point in event.selection.points] if select else []


def hide_where_narrow(key: str, names: pd.DataFrame) -> None:
    """Hide the names that have no room on a narrow screen.

    Args:
        key: Of the container that the figure is in.
        names: The figure's first annotations (`llmpert.insight.clusters.labels`).
    """
    hidden = np.flatnonzero(~names["narrow"].to_numpy(bool))
    places = ", ".join(f'.st-key-{key} .annotation[data-index="{at}"]' for at in hidden)
    if places:
        st.html(f"<style>@media (max-width: 640px) {{ {places} {{ display: none }} }}</style>")


def footer(
    name: str,
    numbers: pd.DataFrame,
    note: str,
    data: Dataset,
    about: Mapping[str, Any] | None = None,
    details: str = "",
    code: str = "",
    chart: str = "",
) -> None:
    """Show a line of words, and beside it what it is *About*, and ways to *Save* it.

    Args:
        numbers: To be saved; marked where they are simulated.
        note: The line: which model, embedding and training size.
        about: What results are about (`llmpert.evaluation.results.Results`).
        details: How to read it and how it was made, as far as the line does not say.
        code: Lines of Python that make the numbers.
        chart: The key of the chart that it is below, if any: that can be pinned.
    """
    file_name = _file_name(name, data)
    # A row rather than columns, so that the buttons keep their words in a narrow place.
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(note, width="stretch")
        buttons = st.container(horizontal=True, gap="small", width="content")
    if chart:
        with buttons:
            offer_pin(name)
    known = provenance(data, about)
    with buttons.popover("About", icon=":material/info:", key=f"{name}-about", type="tertiary"):
        listed = [f"- **{what}:** {verbatim(words)}" for what, words in known.items()]
        st.markdown("\n".join([details, "", *listed, "", read_more()]))
        if terms := on_hover(f"{note} {details}"):
            st.caption("Terms", help=terms)
    save = buttons.popover("Save", icon=":material/download:", key=f"{name}-save", type="tertiary")
    facts = [f"{what}: {words}." for what, words in known.items()]
    everything = "\n\n".join(filter(None, [note, details, *facts, code]))
    with save, st.container(gap="xxsmall"):
        if chart:
            offer_picture(chart, file_name, " ".join([note, *facts]), everything)
        marks = {"data": "simulated"} if data.simulated else {}
        _offer_files(name, file_name, lambda: numbers.assign(**marks), everything)
        if code:
            st.markdown("Lines that reproduce the numbers:")
            # In colours Streamlit's code is not legible for everybody in the dark.
            st.code(code, language=None, wrap_lines=True)


def _offer_files(
    name: str, file_name: str, numbers: Callable[[], pd.DataFrame], words: str
) -> None:
    """Offer the numbers as a plain table, which any program reads, and the words beside it."""
    files: dict[str, tuple[str, str, Callable[[], bytes]]] = {
        "Numbers (CSV)": ("csv", "text/csv", lambda: numbers().to_csv(index=False).encode()),
        "About (text)": ("txt", "text/plain", words.encode),
    }
    for label, (ending, mime, content) in files.items():
        st.download_button(
            label,
            content,
            file_name=f"{file_name}.{ending}",
            mime=mime,
            on_click="ignore",
            key=f"{name}-{ending}",
            type="tertiary",
        )


def provenance(data: Dataset, about: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return what figures rest on, by what it is: data, settings of the evaluation, and when."""
    about = about or {}
    scored = about.get("lines", {})
    lines: dict[str, list[str]] = {}
    for screen in data.screens.values():
        source = f"{screen.provenance.get('source') or 'imported'} [{screen.fingerprint[:8]}]"
        lines.setdefault(source, []).append(screen.line)
    for line, model in data.trained.items():
        source = (model.provenance or {}).get("screen", {}).get("source")
        source = f"model trained on {source}" if source else "trained model"
        if line in scored:
            source = f"{scored[line]['source']} [{scored[line]['fingerprint'][:8]}]"
        lines.setdefault(source, []).append(line)
    sources = "; ".join(f"{', '.join(of)}: {source}" for source, of in lines.items())
    known = {"Simulated data" if data.simulated else "Data": sources}
    if notes := about.get("notes"):
        known["Scores"] = " ".join(notes).rstrip(".")
    settings = about.get("settings")
    if settings:
        known["Evaluation"] = (
            f"{settings['folds']}-fold cross-validation, seed {settings['seed']},"
            f" {settings['features']:,} most variable training genes,"
            f" {settings['components']} components an embedding"
        )
    return known | {"Made": f"{date.today().isoformat()}, llmpert {__version__}"}


def caption(data: Dataset, about: Mapping[str, Any] | None = None) -> str:
    """Return what figures rest on in one line."""
    return " ".join(f"{what}: {words}." for what, words in provenance(data, about).items())


def _file_name(name: str, data: Dataset) -> str:
    return f"llmpert-{name}-simulated" if data.simulated else f"llmpert-{name}"
