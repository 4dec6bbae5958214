"""Step by step from somebody's files to a data set that every page works on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import streamlit as st

from llmpert import downloads
from llmpert.datasets import DatasetStore
from llmpert.datasets import reading as own
from llmpert.embeddings import Embedding
from llmpert.errors import InputError
from llmpert.figures.responses import response_sizes
from llmpert.figures.theme import EXPORT, mark_simulated
from llmpert.genes.sets import GeneSets
from llmpert.screens import Screen
from llmpert.ui.common import cache
from llmpert.ui.common.markdown import verbatim
from llmpert.ui.common.permissions import is_operator
from llmpert.ui.common.selection import opened_uploads
from llmpert.ui.datasets import uploads as brought
from llmpert.ui.datasets.create import Parts, together
from llmpert.ui.datasets.uploads import Brought

T = TypeVar("T")


def wizard() -> None:
    """Ask for files, say what they were understood to be, and make a data set of them."""
    st.markdown(
        "You need a **screen** (how expression changed after each knockdown) and an **embedding**"
        " (numbers for each gene). Nothing is used before you have seen how your files were"
        f" understood. A file that you upload holds at most {st.get_option('server.maxUploadSize')}"
        f" MB, {own.PERTURBATIONS:,} knockdowns and {own.VALUES / 1e6:.0f} million numbers, and"
        " stays in this server's memory while you are here."
    )
    _examples()
    parts = Parts()
    st.subheader("1. Your screen")
    st.markdown(
        "A row for each knocked-down gene, a column for each measured gene, each number the"
        " **difference to control** (such as Δ log expression or a z-score). One file a cell line."
        " Bulk files of Replogle et al. 2022 are understood as published. A file of single cells"
        " (`.h5ad`; a column of `obs` names each cell's knocked-down gene and the controls) is"
        " turned into a screen."
    )
    for file in brought.choose_files(
        "Screen", brought.SCREENS, "own-screen", _downloaded("screen")
    ):
        _add(parts, parts.screens, file, _screen)
    st.subheader("2. Embeddings")
    st.markdown(
        "A row for each gene, with its numbers; GenePT's and UniProt's files are understood as"
        " published. Several are compared and combined."
    )
    files = brought.choose_files(
        "Embeddings", brought.EMBEDDINGS, "own-embedding", _downloaded("embedding")
    )
    for file in files:
        _add(parts, parts.embeddings, file, _embedding)
    _embeddings_here(parts)
    st.subheader("3. Gene sets, if you like")
    st.markdown("GO terms or pathways as a GMT file, by which pages colour, count and test.")
    for file in brought.choose_files("Gene sets", brought.GENE_SETS, "own-sets"):
        _add(parts, parts.gene_sets, file, _gene_sets)
    st.subheader("4. What was understood")
    if parts.screens and parts.embeddings and parts.complete:
        together(parts)
    else:
        missing = "a screen" if not parts.screens else "an embedding"
        st.info(
            f"Choose {missing} to go on."
            if parts.complete
            else "A file above cannot be used as it is. Remove or replace it to go on.",
            icon=":material/arrow_upward:",
        )


def _examples() -> None:
    with st.expander("Small example files to try, and to see the formats"):
        st.markdown("Made from the simulated screen; genes are invented.")
        with st.container(horizontal=True):
            for name, content in cache.examples().items():
                st.download_button(name, content, name, on_click="ignore", key=f"example-{name}")


def _downloaded(kind: str) -> dict[str, Path]:
    """Description -> file of what was downloaded; for the operator only, who did it."""
    if not is_operator():
        return {}
    folder = downloads.downloads()
    return {
        f"{one.key}: {one.what}": folder / one.name
        for one in downloads.read_registry().sources.values()
        if one.kind.endswith(kind) and downloads.presence(one, folder) == "yes"
    }


def _add(
    parts: Parts, kind: list[T], file: Brought, understand: Callable[[Brought], T | None]
) -> None:
    """Add what a file holds, or say why it cannot be used."""
    with st.container(border=True):
        st.markdown(f"**{verbatim(file.name)}**")
        try:
            part = understand(file)
        except InputError as problem:
            st.error(verbatim(str(problem)), icon=":material/error:")
            part = None
        if part is None:
            parts.complete = False
        else:
            kind.append(part)


def _screen(file: Brought) -> Screen | None:
    screen = brought.screen_of(file)
    first, second = st.columns(2)
    line = first.text_input(
        "Cell line",
        "" if screen.line == own.UNNAMED else screen.line,
        key=f"line-{file.identity}",
        help="Which cells these are. Understood from the file or its name.",
    ).strip()
    unit = second.text_input(
        "Unit of the responses",
        screen.unit,
        key=f"unit-{file.identity}",
        help="What one unit of the numbers is; figures show it.",
    ).strip()
    if not line:
        st.warning("Which cells are these? Neither the file nor its name says it.")
        return None
    screen = brought.screen_of(file, line, unit or screen.unit)
    rows, columns = screen.response.shape
    cells = ", cells per knockdown known" if screen.cells is not None else ""
    st.markdown(f"**{rows:,}** knockdowns × **{columns:,}** measured genes{cells}.")
    _notes(screen)
    chart = response_sizes(own.histogram(screen), line, screen.unit)
    st.plotly_chart(
        mark_simulated(chart) if screen.simulated else chart,
        key=f"sizes-{file.identity}",
        config=EXPORT,
        alt=f"How often which response occurs in {line}: a sharp peak at zero is usual.",
    )
    return screen


def _embedding(file: Brought) -> Embedding | None:
    embedding = brought.embedding_of(file)
    name = st.text_input(
        "What to call this embedding",
        embedding.name,
        key=f"called-{file.identity}",
        help="Such as text or sequence: figures and controls show it.",
    ).strip()
    st.markdown(f"**{len(embedding.genes):,}** genes × **{embedding.dimensions:,}** numbers each.")
    _notes(embedding)
    if not name:
        st.warning("Name the embedding.")
        return None
    return replace(embedding, name=name)


def _gene_sets(file: Brought) -> GeneSets:
    sets = brought.gene_sets_of(file)
    st.markdown(f"**{len(sets.members):,}** gene sets.")
    return sets


def _notes(part: Screen | Embedding) -> None:
    notes = [*part.provenance.get("steps", []), *part.provenance.get("notes", [])]
    if notes:
        st.markdown("\n".join(f"- {verbatim(str(note))}" for note in notes))


def _embeddings_here(parts: Parts) -> None:
    """Embeddings of the data sets that are here."""
    offered = {
        f"{embedding} of {name}": (name, embedding)
        for name in (*opened_uploads(), *DatasetStore().names())
        for embedding in [part.name for part in cache.holdings(name).embeddings]
        if not cache.holdings(name).problems
    }
    chosen = st.multiselect(
        "Or embeddings that are here already",
        list(offered),
        key="own-embedding-here",
        help="Those of the simulated data know invented genes only.",
    )
    for label in chosen:
        if label in offered:
            name, embedding = offered[label]
            try:
                parts.embeddings.append(cache.load(name).embeddings[embedding])
            except InputError as problem:
                st.error(verbatim(str(problem)), icon=":material/error:")
                parts.complete = False
