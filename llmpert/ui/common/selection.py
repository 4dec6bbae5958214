"""Controls that pages share; their values live in the address, so that a link reopens a view."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from llmpert import datasets
from llmpert.datasets import Dataset
from llmpert.datasets import uploads as visitors
from llmpert.datasets.folders import is_visitors
from llmpert.evaluation.results import embedding_label
from llmpert.models.registry import MODELS, label
from llmpert.ui.common import cache as shared
from llmpert.ui.common.streamlit_internals import through_app

T = TypeVar("T")


def choose_dataset() -> Dataset:
    """The data set, in the side bar; every page begins with it."""
    through_app()
    names = [*datasets.names(), *own_names()]
    with st.sidebar:
        name = st.selectbox(
            "Data",
            names,
            key="data",
            bind="query-params",
            help="Data sets for everybody, the simulated one that comes with the program, and your"
            " own uploads. The page *Data* adds more.",
        )
        if name not in names:
            name = names[0]
        if is_visitors(name):
            visitors.use(name)
            st.caption(
                "Your upload: seen by you, and by whoever you give this page's address. Removed"
                f" after {visitors.DAYS} days without use."
            )
    return shared.load(name)


def own_names() -> list[str]:
    """Visitors' data sets that this visitor made or opened the link of, as far as they are there.

    One that the address names and that is gone is told.
    """
    opened: dict[str, None] = st.session_state.setdefault("own", {})
    asked = st.query_params.get("data", "")
    if is_visitors(asked) and asked not in opened:
        if datasets.exists(asked):
            opened[asked] = None
        else:
            st.warning(datasets.GONE, icon=":material/history:")
    return [name for name in opened if datasets.exists(name)]


def open_dataset(name: str) -> None:
    """Let the side bar show another data set; called before `choose_dataset`, as from a button."""
    if is_visitors(name):
        st.session_state.setdefault("own", {})[name] = None
    st.session_state["data"] = name


def choose_line(data: Dataset) -> str:
    """The cell line."""
    with st.sidebar:
        return choose("Cell line", "line", list(data.screens), "The cells that were perturbed.")


def choose_embedding(data: Dataset) -> str:
    """The embedding: one source, or all joined."""
    with st.sidebar:
        return choose(
            "Embedding",
            "embedding",
            data.embedding_choices,
            "What the models know about a gene before any experiment: numbers made from text about"
            " it, from its protein sequence, or both side by side.",
        )


def choose_size(data: Dataset) -> int:
    """The training size; the largest one at first."""
    with st.sidebar:
        return choose(
            "Training perturbations",
            "size",
            shared.training_sizes(data)[::-1],
            "How many knockdowns the models learn from. The others are unseen.",
        )


def models(data: Dataset, line: str, size: int) -> list[str]:
    """All models, and the methods that were run elsewhere with this size."""
    return [*MODELS, *shared.external(data, line, size)]


def choose_model(data: Dataset, line: str, size: int) -> str:
    """One of `models`; the Gaussian process at first."""
    with st.sidebar:
        return choose(
            "Model",
            "model",
            models(data, line, size),
            "What predicts: a model of this program, or a method that was run elsewhere.",
            first="gp",
            shown=label,
        )


def in_words(model: str, embedding: str) -> str:
    """A model and what it knows the genes by: "Gaussian process on text + sequence"."""
    uses = model in MODELS and MODELS[model].uses_embedding
    return f"{label(model)} on {embedding_label(embedding)}" if uses else label(model)


def choose(
    words: str,
    key: str,
    options: list[T],
    help: str | None = None,
    first: T | None = None,
    shown: Callable[[T], str] = str,
) -> T:
    """One of the options, kept in the address; the first of them at first, or `first`."""
    first = options[0] if first is None else first
    chosen = st.selectbox(
        words,
        options,
        index=options.index(first),
        key=key,
        bind="query-params",
        format_func=shown,
        help=help,
    )
    # A value that came with the address may not be on offer for this data set.
    return chosen if chosen in options else first
