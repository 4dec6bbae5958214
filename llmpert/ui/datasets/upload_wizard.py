"""Lead step by step from a visitor's files to a data set for all pages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import streamlit as st

from llmpert.datasets import SIMULATED, DatasetStore, Parts, UploadStore, reading
from llmpert.datasets.builtin import EXAMPLE_FILES, example_files
from llmpert.datasets.report import coverage
from llmpert.datasets.uploads import DAYS
from llmpert.embeddings import BUILT_IN, Embedding, built_in, lacks_mouse, through_orthologs
from llmpert.errors import InputError
from llmpert.figures.screen import response_sizes
from llmpert.figures.theme import EXPORT, mark_simulated
from llmpert.genes.matching import named_as
from llmpert.genes.sets import GeneSets
from llmpert.screens import Screen
from llmpert.screens.screen import Bounds
from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common.permissions import DISABLED, is_operator
from llmpert.ui.common.selection import open_dataset, opened_uploads
from llmpert.ui.datasets import uploads
from llmpert.ui.datasets.questions import answered
from llmpert.ui.datasets.report_card import offer_report_card
from llmpert.ui.datasets.uploads import ChosenFile, Part, T


@dataclass
class Chosen:
    """What was understood so far; `complete` if all files could be used."""

    screens: list[Part[Screen]] = field(default_factory=list)
    embeddings: list[Part[Embedding]] = field(default_factory=list)
    gene_sets: list[Part[GeneSets]] = field(default_factory=list)
    complete: bool = True

    def read(self) -> Parts:
        """Return the parts themselves."""
        return Parts(
            [part.read() for part in self.screens],
            [part.read() for part in self.embeddings],
            [part.read() for part in self.gene_sets],
        )


def wizard() -> None:
    """Ask for files, say what they were understood to be, and make a data set of them."""
    st.markdown(
        "You need a **screen**: how expression changed after each knockdown. **Embeddings**"
        " (numbers for each gene) come with llmpert for human genes; yours can take their place."
        " Nothing is used before you have checked how your files were read. A file that you"
        f" upload holds at most {st.get_option('server.maxUploadSize')} MB,"
        f" {reading.PERTURBATIONS:,} knockdowns"
        f" and {reading.VALUES / 1e6:.0f} million numbers, and stays in this server's memory"
        " while this page is open."
    )
    with st.expander("Small example files to try, and to see the formats"):
        st.markdown("Made from the simulated screen; genes are invented.")
        with st.container(horizontal=True):
            # Made when one is clicked on: to simulate the screens takes seconds.
            for name in EXAMPLE_FILES:
                st.download_button(
                    name, partial(_example, name), name, on_click="ignore", key=f"example-{name}"
                )
    chosen = Chosen()
    st.subheader("1. Your screen")
    st.markdown(
        "A row for each knocked-down gene, a column for each measured gene, each number the"
        " **difference to control** (such as Δ log expression or a z-score), or a mean on a log"
        " scale where a row of controls is among them. One file a cell line."
        " Bulk files of Replogle et al. 2022 are read as published. A file of single cells"
        " (`.h5ad`; a column of `obs` names each cell's knocked-down gene and the controls) is"
        " turned into a screen."
    )
    for file in uploads.choose_files("Screen", uploads.SCREENS, "own-screen", "screen"):
        _add(chosen, chosen.screens, file, _screen)
    st.subheader("2. Embeddings")
    st.markdown(
        "A row for each gene, with its numbers; GenePT's and UniProt's files are read as"
        " published. Several are compared and combined. Without a choice, the built-in embeddings"
        f" of human genes are used: {' and '.join(BUILT_IN)}."
    )
    endings = uploads.EMBEDDINGS
    files = uploads.choose_files("Embeddings", endings, "own-embedding", "embedding")
    for file in uploads.with_names(files):
        _add(chosen, chosen.embeddings, file, _embedding)
    chosen.embeddings += _existing_embeddings()
    if not chosen.embeddings:
        chosen.embeddings = [_built_in(name) for name in BUILT_IN]
    _through_orthologs(chosen)
    st.subheader("3. Gene sets (optional)")
    st.markdown(
        "GO terms or pathways as a GMT file: pages colour by them, count them and test them. For"
        " human genes, terms of the Gene Ontology are built in."
    )
    for file in uploads.choose_files("Gene sets", uploads.GENE_SETS, "own-sets"):
        _add(chosen, chosen.gene_sets, file, _gene_sets)
    st.subheader("4. Check how your files were read")
    if chosen.screens and chosen.complete:
        _show_coverage(chosen)
    else:
        st.info(
            "Choose a screen to continue."
            if chosen.complete
            else "A file above cannot be used. Remove or replace it to continue.",
            icon=":material/arrow_upward:",
        )


def _example(name: str) -> bytes:
    return cache.once(lambda: example_files(cache.load(SIMULATED)), "examples")[name]


def _add(
    chosen: Chosen,
    kind: list[Part[T]],
    file: ChosenFile,
    understand: Callable[[ChosenFile], Part[T] | None],
) -> None:
    """Add what a file holds, or say why it cannot be used."""
    with st.container(border=True):
        st.markdown(f"**{show.verbatim(file.name)}**")
        try:
            part = understand(file)
            if part is not None:
                part.read()  # names that were typed may be none
                kind.append(part)
                return
        except InputError as problem:
            st.error(show.verbatim(str(problem)), icon=":material/error:")
        chosen.complete = False


def _screen(file: ChosenFile) -> Part[Screen] | None:
    answers: dict[str, str] = {}
    screen = answered(file, answers, lambda: uploads.screen_of(file, answers=answers))
    if screen is None:
        return None
    first, second = st.columns(2)
    line = first.text_input(
        "Cell line",
        "" if screen.line == reading.UNNAMED else screen.line,
        key=f"line-{file.identity}",
        help="The cell line, read from the file or its name.",
    ).strip()
    unit = second.text_input(
        "Unit of the responses",
        screen.unit,
        key=f"unit-{file.identity}",
        help="Shown on the axes of figures.",
    ).strip()
    bounds = _bounds(file, screen)
    if not line:
        st.warning("Enter the cell line: neither the file nor its name states it.")
        return None
    rows, columns = screen.response.shape
    cells = ", cells per knockdown known" if screen.cells is not None else ""
    st.markdown(f"**{rows:,}** knockdowns × **{columns:,}** measured genes{cells}.")
    _notes(screen)
    chart = response_sizes(reading.histogram(screen), line, unit or screen.unit)
    st.plotly_chart(
        mark_simulated(chart) if screen.simulated else chart,
        key=f"sizes-{file.identity}",
        config=EXPORT,
        alt=f"Histogram of the responses in {line}; a sharp peak at zero is normal.",
    )
    key = (*file.content, line, unit, bounds, *answers.values())
    part = Part(key, partial(uploads.screen_of, file, line, unit, answers, bounds))
    offer_report_card(part.read(), file.identity, key, figure=False)
    return part


def _bounds(file: ChosenFile, screen: Screen) -> Bounds | None:
    """Ask for the bounds of the unit; None where none is stated."""
    stated = screen.bounds or (None, None)
    about = "A limit of the unit: rank scores lie between 0 and 1. Intervals stay within it. Leave"
    about += " it empty if there is none."
    ends = [
        place.number_input(
            words,
            value=None if end is None or np.isinf(end) else end,
            format="%g",
            key=f"{key}-{file.identity}",
            placeholder="none",
            help=about,
        )
        for place, words, key, end in zip(
            st.columns(2),
            ("Lowest possible response", "Highest possible response"),
            ("lowest", "highest"),
            stated,
            strict=True,
        )
    ]
    if ends == [None, None]:
        return None
    low, high = ends
    return (-np.inf if low is None else low, np.inf if high is None else high)


def _embedding(file: ChosenFile) -> Part[Embedding] | None:
    embedding = uploads.embedding_of(file)
    name = st.text_input(
        "Name of this embedding",
        embedding.name,
        key=f"called-{file.identity}",
        help="Such as text or sequence: figures and controls show it.",
    ).strip()
    st.markdown(f"**{len(embedding.genes):,}** genes × **{embedding.dimensions:,}** numbers each.")
    _notes(embedding)
    if not name:
        st.warning("Name the embedding.")
        return None
    return Part((*file.content, name), partial(uploads.embedding_of, file, name))


def _gene_sets(file: ChosenFile) -> Part[GeneSets]:
    sets = uploads.gene_sets_of(file)
    st.markdown(f"**{len(sets.members):,}** gene sets.")
    _list([named_as(set().union(*sets.members.values())), *sets.notes])
    return Part(file.content, partial(uploads.gene_sets_of, file))


def _notes(part: Screen | Embedding) -> None:
    _list([*part.provenance.get("steps", []), *part.provenance.get("notes", [])])


def _list(notes: Sequence[str]) -> None:
    if notes:
        st.markdown("\n".join(f"- {show.verbatim(str(note))}" for note in notes))


def _existing_embeddings() -> list[Part[Embedding]]:
    """Return the embeddings of other data sets that are to be used."""
    offered = {f"{source} of human genes": ("", source) for source in BUILT_IN}
    for name in cache.usable([*opened_uploads(), *DatasetStore().names()]):
        for part in cache.holdings(name).embeddings:
            offered[f"{part.name} of {name}"] = name, part.name
    labels = st.multiselect(
        "Or reuse embeddings of other data sets",
        list(offered),
        key="own-embedding-here",
        help="Simulated embeddings contain invented genes only.",
    )
    chosen = [offered[label] for label in labels if label in offered]
    return [
        Part((cache.load(name).fingerprint, source), partial(_embedding_in, name, source))
        if name
        else _built_in(source)
        for name, source in chosen
    ]


def _built_in(name: str) -> Part[Embedding]:
    return Part((name,), partial(built_in, name))


def _embedding_in(name: str, source: str) -> Embedding:
    return cache.load(name).embeddings[source]


def _through_orthologs(chosen: Chosen) -> None:
    """Ask for orthologs where a screen has mouse genes and an embedding human ones; use them."""
    screens = [part.read() for part in chosen.screens]
    human = {
        part.key
        for part in chosen.embeddings
        if any(lacks_mouse(part.read(), screen.perturbations) for screen in screens)
    }
    if not human:
        return
    st.markdown(
        "**Mouse genes.** These look like mouse symbols, and these embeddings are of human genes."
        " Give a table of two columns, mouse and human symbol: each mouse gene gets the vector of"
        " its human ortholog, and keeps its name."
    )
    for file in uploads.choose_files("Orthologs", uploads.ORTHOLOGS, "own-orthologs")[:1]:
        try:
            uploads.orthologs_of(file)
            through = [
                Part((part.key, *file.content), partial(_ortholog_vectors, part, file))
                if part.key in human
                else part
                for part in chosen.embeddings
            ]
            for part in through:
                if part not in chosen.embeddings:
                    _notes(part.read())
        except InputError as problem:
            st.error(show.verbatim(str(problem)), icon=":material/error:")
            chosen.complete = False
        else:
            chosen.embeddings = through


def _ortholog_vectors(part: Part[Embedding], file: ChosenFile) -> Embedding:
    orthologs = uploads.orthologs_of(file)
    return cache.latest("files").get(
        ("orthologs", part.key, *file.content), lambda: through_orthologs(part.read(), orthologs)
    )


def _show_coverage(chosen: Chosen) -> None:
    """Say how screens and embeddings meet, and offer to use them."""
    parts = chosen.read()
    try:
        keys = [tuple(part.key for part in kind) for kind in (chosen.screens, chosen.embeddings)]
        found = cache.once(lambda: coverage(parts.screens, parts.embeddings), "coverage", *keys)
    except InputError as problem:
        st.error(show.verbatim(str(problem)), icon=":material/error:")
        return
    total = found[0].total
    if len(parts.screens) > 1:
        st.markdown(f"All lines share **{total:,}** knockdowns; only those are used.")
    show.rows(
        {
            "Embedding": one.embedding.replace("+", " + "),
            "Knockdowns with a vector": one.found,
            "Without": one.total - one.found,
            "Share": f"{one.found / one.total:.0%}",
        }
        for one in found
    )
    for one in found:
        if one.met:
            st.caption(f"{show.verbatim(one.embedding)}: {one.met}")
        if one.refusal:
            st.error(show.verbatim(one.refusal), icon=":material/error:")
        elif one.left_out and (len(found) == 1 or one is not found[-1]):
            with st.expander(f"{len(one.left_out):,} without {show.verbatim(one.embedding)}: why?"):
                show.rows({"Knockdown": name, "Why": why} for name, why in one.left_out.items())
    if any(one.refusal for one in found):
        return
    st.markdown(
        f"**{found[-1].found:,}** knockdowns have a vector in every embedding. All pages use these."
    )
    st.subheader("5. Use them")
    st.button("Use these data", type="primary", on_click=_create, args=(chosen,))
    st.caption(
        "Only you and people with the address can see them. They are removed after"
        f" {DAYS} days without use."
    )
    if is_operator():
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input("Name of the shared data set", key="own-name").strip()
            st.button("Save for all visitors", on_click=_create, args=(chosen, name))
    else:
        st.caption(f"Saving data for all visitors is {DISABLED}")
    made, refusal = st.session_state.get("own-outcome", ("", ""))
    if refusal:
        st.error(show.verbatim(refusal), icon=":material/error:")
        del st.session_state["own-outcome"]
    elif made and made == st.session_state.get("data"):
        st.success(
            "All pages show your data now. Keep this page's address: it leads back to them.",
            icon=":material/check:",
        )
        links = {
            "gene": "Look up a gene",
            "explorer": "Explore the embeddings",
            "learning_curves": "How good are predictions?",
        }
        with st.container(horizontal=True):
            for page, label in links.items():
                st.page_link(f"pages/{page}.py", label=label)


def _create(chosen: Chosen, name: str | None = None) -> None:
    """Make a data set and let all pages show it, or note why not.

    It is an upload, or under its name for everybody.
    """
    try:
        if name is None:
            parts = chosen.read()
            lines = "-".join(screen.line for screen in parts.screens)
            name = UploadStore().create(lines, parts)
        else:
            name = DatasetStore().add(name, chosen.read(), new=True).name
    except InputError as problem:
        st.session_state["own-outcome"] = ("", str(problem))
    else:
        st.session_state["own-outcome"] = (name, "")
        open_dataset(name)
