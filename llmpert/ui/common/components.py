"""How pages show things: headings, tables, errors; figures are in `figure`."""

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
import streamlit as st

from llmpert.datasets import Dataset
from llmpert.errors import InputError
from llmpert.evaluation.results import at_sizes
from llmpert.evaluation.scores import Metric
from llmpert.evaluation.tables import best
from llmpert.models.registry import label
from llmpert.ui.common import presentation as present
from llmpert.ui.common.address import spell
from llmpert.ui.common.figure import caption as caption
from llmpert.ui.common.figure import figure as figure
from llmpert.ui.common.figure import footer as footer
from llmpert.ui.common.figure import hide_where_narrow as hide_where_narrow
from llmpert.ui.common.glossary import on_hover
from llmpert.ui.common.more import read_more
from llmpert.ui.common.verbatim import verbatim as verbatim

log = logging.getLogger(__name__)

number = st.column_config.NumberColumn


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
    """Log the current error with its traceback; return the sentence for the visitor.

    The number in it stands in the log too.
    """
    number = secrets.token_hex(4)
    log.exception(event, extra={"number": number})
    return f"Unexpected error. See the server log, entry {number}."


def heading(question: str, data: Dataset) -> None:
    """Show the question that a page answers, and what its data are."""
    with st.container(horizontal=True, vertical_alignment="center"):
        about = "\n\n".join(filter(None, [on_hover(question), read_more()]))
        st.markdown(question, width="content", help=about or None)
        badges(data)
        if data.simulated:
            st.page_link("pages/data.py", label="Use real screens", icon=":material/database:")


def badges(data: Dataset) -> None:
    """Show badges of a data set: trained models only, stand-in embeddings, simulated."""
    if data.trained:
        notes = dict.fromkeys(note for one in data.trained.values() for note in one.notes)
        st.badge(
            "trained model",
            icon=":material/model_training:",
            color="violet",
            help=f"Predicts without the screen it was trained on. {' '.join(map(verbatim, notes))}",
        )
    stand_ins = [e.name for e in data.embeddings.values() if e.provenance.get("stand_in")]
    if stand_ins:
        names = verbatim(", ".join(stand_ins))
        about = f"{names}: not the vectors of the paper. See the page *Data*."
        st.badge("stand-in embeddings", icon=":material/info:", color="gray", help=about)
    if data.simulated:
        st.badge(
            "simulated data",
            icon=":material/experiment:",
            color="orange",
            help="Genes, cell lines and numbers are invented: they show how the program works,"
            " not biology.",
        )


def tabs(contents: Mapping[str, Callable[[], None]], key: str) -> None:
    """Show the open one of several tabs, which the address keeps; only that one runs.

    In meeting mode all run, for their figures.
    """
    if present.in_meeting():
        for content in contents.values():
            content()
        return
    names = list(contents)
    spell("Tab", key, lambda: names, names[0])
    places = st.tabs(names, key=key, bind="query-params")
    for place, content in zip(places, contents.values(), strict=True):
        if place.open:
            with place:
                content()


def info(words: str) -> None:
    """Show a sentence that explains why something is missing or different."""
    st.info(words, icon=":material/info:")


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


def trained_on(summary: pd.DataFrame) -> str:
    """Say how many perturbations models were trained on: "1,400 training perturbations"."""
    sizes = " or ".join(f"{size:,}" for size in sorted(summary["train_size"].unique()))
    return f"{sizes} training perturbations"


def best_of(summary: pd.DataFrame, line: str, size: int, metrics: Sequence[Metric]) -> None:
    """Say which method is best by each metric, so that a baseline that wins is not overlooked.

    It names the best of curves that coincide, too.

    Args:
        summary: From `llmpert.evaluation.results.summarise`.
    """
    there = at_sizes(summary[summary["line"] == line], [size])
    found = best(there, line, size, metrics).items()
    words = " · ".join(
        f"*{metric}*: {verbatim(method)} ({mean:.3f})" for metric, (method, mean) in found
    )
    count = len(there[["model", "embedding"]].drop_duplicates())
    of = f"Best of {count} methods" if count > 1 else "One method"
    st.caption(f"{of} in {line} with {trained_on(there)}, by {words}.")
