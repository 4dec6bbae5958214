"""A search for a gene by any of its names."""

from collections.abc import Collection, Iterable, Mapping

import streamlit as st

from llmpert.datasets import Dataset
from llmpert.errors import InputError
from llmpert.evaluation.problem import GeneVectors, Problem
from llmpert.evaluation.results import embedding_label
from llmpert.genes.orthologs import mouse_symbols
from llmpert.io.names import preview
from llmpert.ui.common.verbatim import verbatim

FEWEST_MOUSE = 2
"""One name may be a slip of the keyboard."""


def choose_gene(
    problem: GeneVectors,
    default: str,
    label: str = "Gene",
    key: str = "gene",
    data: Dataset | None = None,
    compact: bool = False,
) -> str:
    """Return the gene in a search box with suggestions, as `problem.find` accepts it.

    The text lives in the address as `key`. Words that match one gene only are taken for it. Where
    the text names no gene that can be predicted, the page says why, offers the nearest matches and
    stops.

    Args:
        data: Where a gene lacks an embedding, another choice of embedding in this data set that it
            has is offered.
        compact: Whether the label is for those alone who do not see the page.
    """
    typed = st.text_input(
        label,
        value=default,
        key=key,
        bind="query-params",
        icon=":material/search:" if compact else None,
        label_visibility="collapsed" if compact else "visible",
        placeholder="Symbol, alias, Ensembl id, UniProt accession or words of the name",
        help="Press Enter to search. Any gene with an embedding can be predicted, whether or not it"
        " was knocked down. Reach suggestions with Tab, or pick one with Alt and its number.",
    ).strip()
    try:
        problem.find(typed)
    except InputError as error:
        matches = problem.suggest(typed) if typed else []
        if len(matches) == 1 and problem.resolve(typed).gene is None:
            words = f"“{verbatim(typed)}” matches one gene only: **{matches[0]}**."
            st.caption(f":material/search: {words}")
            return problem.perturbation(matches[0]) or matches[0]
        others, measured = [], False
        if data and typed and isinstance(problem, Problem):
            others = _with_embedding(problem, typed, data)
            measured = typed in data.screens[problem.screen.line].perturbations
        # Below each other, also where the search box stands in a row.
        with st.container():
            if typed:
                words = verbatim(str(error))
                if others or "embedding" in str(error):
                    words = f"**No embedding**: {words} It cannot be predicted from"
                    words += f" {embedding_label(problem.embedding_name)}."
                    words += (
                        " It was measured in this screen, but cannot be compared."
                        if measured
                        else ""
                    )
                st.warning(words, icon=":material/search:")
            else:
                st.info("Type a gene: its symbol, an alias, an id, or words of its name.")
            if others:
                row = st.container(horizontal=True)
                for embedding in others:
                    row.button(
                        f"Predict it from {embedding_label(embedding)}",
                        on_click=set_control,
                        args=("embedding", embedding),
                        key=f"embedding-{embedding}",
                    )
            known = {match: problem.resolve(match).gene for match in matches}
            did_you_mean({match: gene.name if gene else None for match, gene in known.items()}, key)
            if not (matches or others):
                offer_example(key, default)
        st.stop()
    return problem.perturbation(typed) or typed


def show_identity(problem: GeneVectors, gene: str, typed: str) -> None:
    """Name the gene if another name was typed, and link to other sites."""
    typed = typed.strip()
    known = problem.resolve(typed)
    if known.gene is None:
        known = problem.resolve(gene)
    if known.gene is None:
        st.caption(
            f"{gene} is not in the table of human genes"
            + (" (simulated genes are invented)" if problem.simulated else "")
            + ", so there are no links to other sites."
        )
        return
    named = f"**{known.gene.symbol}**: {known.gene.name}"
    if typed not in (known.gene.symbol, gene):
        named = f"{known.explain()}. {named}"
    if gene != known.gene.symbol:
        named += f" (in this screen {gene})"
    links = " · ".join(f"[{site}]({address})" for site, address in known.gene.links().items())
    st.markdown(f"{named} · {links}")


def did_you_mean(matches: Mapping[str, str | None], key: str) -> None:
    """Offer what a search may have meant: text for the control `key` -> what it is, or None."""
    if not matches:
        return
    st.write("Did you mean one of these?")
    row = st.container(horizontal=True)
    for number, (match, about) in enumerate(matches.items(), start=1):
        row.button(
            match,
            on_click=set_control,
            args=(key, match),
            key=f"take-{key}-{match}",
            help=about,
            shortcut=f"Alt+{number}" if number <= 9 else None,
        )


def tell_mouse(typed: Iterable[str], unread: Collection[str]) -> None:
    """Say where several names that were read as human genes are written as those of mice are.

    Args:
        unread: Names that were not read as genes.
    """
    mouse = mouse_symbols(name for name in typed if name not in unread)
    if len(mouse) >= FEWEST_MOUSE:
        listed = verbatim(preview(mouse))
        st.caption(
            f":material/pest_control_rodent: These look like mouse symbols; they were read as"
            f" human genes: {listed}."
        )


def offer_example(key: str, text: str, words: str = "") -> None:
    """Offer a text for the control `key` that leads somewhere in these data."""
    st.button(
        words or f"Try {text}",
        on_click=set_control,
        args=(key, text),
        key=f"example-{key}",
        icon=":material/lightbulb:",
    )


def _with_embedding(problem: Problem, typed: str, data: Dataset) -> list[str]:
    """Return the choices of embedding, other than the problem's, that can predict a gene."""
    found = []
    for choice in data.embedding_choices:
        if choice != problem.embedding_name:
            try:
                data.problem(problem.screen.line, choice).find(typed)
            except InputError:
                continue
            found.append(choice)
    return found


def set_control(key: str, value: str) -> None:
    """Give a control another value; called before it is drawn, as from a button."""
    st.session_state[key] = value
