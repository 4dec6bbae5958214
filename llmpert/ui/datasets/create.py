"""The files of a visitor together: how they meet, and a data set made of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import streamlit as st

from llmpert.datasets import DatasetStore, UploadStore
from llmpert.datasets import Parts as DatasetParts
from llmpert.datasets.report import coverage
from llmpert.datasets.uploads import DAYS
from llmpert.embeddings import Embedding
from llmpert.errors import InputError
from llmpert.genes.sets import GeneSets
from llmpert.screens import Screen
from llmpert.ui.common.markdown import verbatim
from llmpert.ui.common.permissions import ON_THE_COMMAND_LINE, is_operator
from llmpert.ui.common.selection import open_dataset


@dataclass
class Parts:
    """What was understood so far."""

    screens: list[Screen] = field(default_factory=list)
    embeddings: list[Embedding] = field(default_factory=list)
    gene_sets: list[GeneSets] = field(default_factory=list)
    complete: bool = True
    """Whether all files could be used."""

    @property
    def for_dataset(self) -> DatasetParts:
        """The parts of the data set."""
        return DatasetParts(self.screens, self.embeddings, self.gene_sets)


def together(parts: Parts) -> None:
    """Say how screens and embeddings meet, and offer to use them."""
    try:
        found = coverage(parts.screens, parts.embeddings)
    except InputError as problem:
        st.error(verbatim(str(problem)), icon=":material/error:")
        return
    total = found[0].total
    if len(parts.screens) > 1:
        st.markdown(f"All lines share **{total:,}** knockdowns; only those are used.")
    st.dataframe(
        [
            {
                "Embedding": one.embedding.replace("+", " + "),
                "Knockdowns with a vector": one.found,
                "Without": one.total - one.found,
                "Share": f"{one.found / one.total:.0%}",
            }
            for one in found
        ],
        hide_index=True,
    )
    for one in found:
        if one.refusal:
            st.error(verbatim(one.refusal), icon=":material/error:")
        elif one.left_out and (len(found) == 1 or one is not found[-1]):
            with st.expander(f"{len(one.left_out):,} without {verbatim(one.embedding)}: why?"):
                st.dataframe(
                    [{"Knockdown": name, "Why": why} for name, why in one.left_out.items()],
                    hide_index=True,
                )
    if any(one.refusal for one in found):
        return
    st.markdown(f"**{found[-1].found:,}** knockdowns have every vector: all pages work on those.")
    _use(parts)


def _use(parts: Parts) -> None:
    st.subheader("5. Use them")
    st.button(
        "Use these data",
        type="primary",
        on_click=_make,
        args=(parts,),
    )
    st.caption(
        "Only you see them, and whoever you give the address. They are removed after"
        f" {DAYS} days without use."
    )
    if is_operator():
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input("Name of a data set for everybody", key="own-name").strip()
            st.button("Save for everybody", on_click=_save, args=(name, parts))
    else:
        st.caption(f"Saving data for everybody: {ON_THE_COMMAND_LINE}")
    _outcome()


def _make(parts: Parts) -> None:
    words = "-".join(screen.line for screen in parts.screens)
    _show(lambda: UploadStore().create(words, parts.for_dataset))


def _save(name: str, parts: Parts) -> None:
    def save() -> str:
        return DatasetStore().add(name, parts.for_dataset, new=True).name

    _show(save)


def _show(make: Callable[[], str]) -> None:
    """Make a data set and let all pages show it, or keep why not for `_outcome`."""
    try:
        name = make()
    except InputError as problem:
        st.session_state["own-outcome"] = ("", str(problem))
    else:
        st.session_state["own-outcome"] = (name, "")
        open_dataset(name)


def _outcome() -> None:
    """What the last click came to."""
    name, refusal = st.session_state.get("own-outcome", ("", ""))
    if refusal:
        st.error(verbatim(refusal), icon=":material/error:")
        del st.session_state["own-outcome"]
    elif name and name == st.session_state.get("data"):
        st.success(
            "All pages show your data now. Keep this page's address: it leads back to them.",
            icon=":material/check:",
        )
        links: Sequence[tuple[str, str]] = (
            ("gene", "Look up a gene"),
            ("explorer", "Explore the embeddings"),
            ("learning_curves", "How good are predictions?"),
        )
        with st.container(horizontal=True):
            for page, label in links:
                st.page_link(f"pages/{page}.py", label=label)
