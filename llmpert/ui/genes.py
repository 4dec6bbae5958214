"""Choosing a gene by whatever name one has for it."""

import streamlit as st

from llmpert.errors import InputError
from llmpert.problem import Problem


def choose_gene(problem: Problem, default: str, label: str = "Gene", key: str = "gene") -> str:
    """A search box with suggestions; returns a name that `problem.find` knows.

    The text lives in the address as `key`. Where it names no gene that can be predicted, the page
    says why, offers the nearest matches and stops.
    """
    typed = st.text_input(
        label,
        value=default,
        key=key,
        bind="query-params",
        placeholder="Symbol, alias, Ensembl id or UniProt accession",
        help="Any gene with an embedding can be predicted, whether or not it was knocked down.",
    ).strip()
    try:
        problem.find(typed)
    except InputError as error:
        matches = problem.suggest(typed)
        if typed and typed not in matches:
            st.warning(str(error), icon=":material/search:")
        if matches:
            st.write("Did you mean one of these?")
            row = st.container(horizontal=True)
            for match in matches:
                row.button(match, on_click=_take, args=(key, match), key=f"take-{key}-{match}")
        st.stop()
    return problem.perturbation(typed) or typed


def _take(key: str, gene: str) -> None:
    st.session_state[key] = gene
