"""A list of genes: what the page asks for, and what it shows."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import streamlit as st

from llmpert.api import Model, TrainedModel
from llmpert.errors import InputError
from llmpert.evaluation.prediction import Prediction
from llmpert.figures.prediction import response_heatmap
from llmpert.insight.gene_list import GeneList, counted, find_genes, predictions
from llmpert.insight.signature import typed
from llmpert.screens import FDR
from llmpert.ui.common import cache, script
from llmpert.ui.common import components as show
from llmpert.ui.common.cache import cached
from llmpert.ui.common.gene_search import offer_example, tell_mouse
from llmpert.ui.common.gene_sets import choose_sets, sets_table
from llmpert.ui.common.selection import WIDE, Selection, choose, how_many
from llmpert.ui.common.table import gene_table, skill
from llmpert.ui.gene.drawer import show_drawer

EXAMPLE = "MED12 MED14 MED23 PSMA1 PSMD3 PSMB5 RPL10 RPS3 EIF2B4"
"""Genes of three complexes, and one that is in none of them."""

FIRST = 8
"""Knockdowns of the screen that are shown at first where the example's genes are unknown."""

STRONGEST = 5
"""Measured genes that are named of each knockdown."""

TYPED = "genes typed here"
"""The choice of no gene set."""


def show_gene_list(selection: Selection) -> None:
    """Take genes or a gene set; show their responses, what they share and how far to trust each."""
    data, line = selection.data, selection.line
    with st.container(horizontal=True, vertical_alignment="bottom"):
        place = st.container()
        with st.popover("Gene sets"):
            chosen = _choose_set(selection)
        with st.popover("More"):
            count = how_many("Measured genes shown", "shown", (30, 60, 120))
    if chosen:
        text = " ".join(sorted(data.collection(chosen[0]).members[chosen[1]]))
        place.caption(f"Genes of *{show.verbatim(chosen[1])}*.")
    else:
        first = _example(selection)
        text = place.text_area(
            "Genes",
            value=first,
            key="genes",
            bind="query-params",
            height=68,
            placeholder="Symbols or Ensembl ids",
            help="Separate genes by commas, blanks or lines. Any gene with an embedding can be"
            " predicted, whether or not it was knocked down.",
        )
        if not text.strip():
            offer_example("genes", first, "Try these genes")
            return
    try:
        genes, others = find_genes(text, selection.known)
    except InputError as error:
        st.warning(show.verbatim(str(error)), icon=":material/search:")
        return
    tell_mouse(typed(text), others)
    if others:
        st.caption(show.verbatim(counted(others)))
    prediction = _predicted(selection, tuple(genes))
    found = GeneList.of(prediction, selection.screen)
    table = found.clustered(count)
    note = f"{selection.method}, {selection.size:,} training perturbations in {line}."
    details = (
        "Responses minus the mean response of all knockdowns. Each gene is predicted without its"
        f" own response. The {count} measured genes that the list moves most. Genes and measured"
        " genes stand beside those like them (hierarchical clustering)."
    )

    def code(last: str) -> str:
        return script.of_gene_list(selection, genes, last)

    show.figure(
        response_heatmap(
            table,
            f"{len(genes):,} knockdowns in {line}",
            f"{selection.unit}, minus the mean response",
        ),
        name=f"gene-list-{line}",
        alt=f"Heatmap of the predicted responses to knocking down {len(genes):,} genes in {line}.",
        numbers=table.rename_axis("knockdown").reset_index(),
        note=note,
        data=data,
        details=details,
        code=code(f'found.clustered({count}).rename_axis("knockdown").reset_index()'),
    )
    contents: dict[str, Callable[[], None]] = {
        "Each gene": lambda: _show_each(selection, found, genes),
        "What they share": lambda: _show_shared(selection, found, code),
        "All numbers": lambda: _offer_all(selection, prediction, note, code),
    }
    show.tabs(contents, "tab")
    show_drawer(selection)


def _example(selection: Selection) -> str:
    known = selection.known
    try:
        genes, others = find_genes(EXAMPLE, known)
    except InputError:
        return " ".join(map(str, known.perturbations[:FIRST]))
    return EXAMPLE if not others else " ".join(genes)


def _choose_set(selection: Selection) -> tuple[str, str] | None:
    """Return a collection and one of its gene sets; None where genes are typed."""
    data = selection.data
    names = cache.collections(data, selection.line, "perturbations")
    if not names:
        st.caption("This data set has no gene sets.")
        return None
    complexes = next((name for name in names if "component" in name), names[0])
    collection = choose("Collection", "from", names, first=complexes, width=WIDE)
    sets = [TYPED, *sorted(data.collection(collection).members)]
    name = choose("Gene set", "of", sets, "All genes of a set, in place of typed ones.")
    return None if name == TYPED else (collection, name)


@cached(8, "Predicting the list …")
def _predicted(selection: Selection, genes: tuple[str, ...]) -> Prediction:
    if selection.trained:
        return selection.trained.predict(list(genes))
    known = selection.known
    outside = not all(known.perturbations_of([gene]) for gene in genes)
    inside = known.perturbations_of(genes)
    held_out = selection.held_out() if inside else []
    return predictions(genes, known, held_out, selection.full_model if outside else None)


@cached(8, "Judging each gene …")
def _trust(selection: Selection, genes: tuple[str, ...]) -> list[str]:
    return [selection.reliability(gene).judge(gene).trust for gene in genes]


def _show_each(selection: Selection, found: GeneList, genes: list[str]) -> None:
    """Show of each gene how far to trust its prediction, and how like the others' it is."""
    table = pd.DataFrame(
        {
            "gene": genes,
            "knocked down": [
                "yes" if selection.known.perturbations_of([gene]) else "no" for gene in genes
            ],
            "trust": _trust(selection, tuple(genes)),
            "like the others": found.agreement().to_numpy(),
            "strongest": [" ".join(strongest) for strongest in found.strongest(STRONGEST)],
        }
    )
    columns = {
        "knocked down": st.column_config.TextColumn("Knocked down", width="small"),
        "trust": st.column_config.TextColumn(
            "Trust", width="small", help="How well knockdowns like it are predicted when held out."
        ),
        "like the others": skill(
            "Like the others",
            help="Correlation of its response with the mean response of the other genes of the"
            " list. Low: it stands apart.",
        ),
        "strongest": st.column_config.TextColumn(
            "Strongest", help="Measured genes that it moves most, relative to the mean response."
        ),
    }
    gene_table(table, "listed", columns, "as in the list", selection)


def _show_shared(selection: Selection, found: GeneList, code: Callable[[str], str]) -> None:
    """Show what the list does to measured genes, and the gene sets among these."""
    data, line = selection.data, selection.line
    left, right = st.columns([2, 3])
    with left:
        shared = found.shared()
        columns = {
            "mean": show.number(
                "Mean", format="%.3f", help="Over the list, relative to the mean response."
            ),
            "same": st.column_config.NumberColumn(
                "Same way",
                format="percent",
                help="Share of the list's knockdowns that move it to the side of the mean.",
            ),
        }
        gene_table(shared.head(100), "shared", columns, "strongest first", height=420)
    with right:
        sets = choose_sets(data, line, "genes")
        if sets is None:
            show.info("No gene sets are known for these measured genes.")
            return
        moved = found.moved_sets(sets)
        kept = moved[moved["overlap"] > 0].head(30)
        sets_table(
            kept[["set", "moved", "q", "overlap", "size", "fold"]],
            "moved",
            sets,
            shared,
            {
                "q": show.number(format="%.1e", help="False discovery rate over all sets tested."),
                "fold": show.number(format="%.2f", help="Overlap / expected."),
                **columns,
            },
            height=420,
        )
    show.footer(
        f"gene-list-shared-{line}",
        shared,
        f"{int((moved['q'] < FDR).sum()):,} gene sets of {sets.name} stand out (q < {FDR}).",
        data,
        details="Gene sets among the 50 measured genes that the list moves most above the mean"
        " response, and the 50 below it: hypergeometric test, Benjamini–Hochberg.",
        code=code("found.shared()"),
    )


def _offer_all(
    selection: Selection, prediction: Prediction, note: str, code: Callable[[str], str]
) -> None:
    """Offer all predictions of the list as a table and for scanpy."""
    genes, measured = prediction.mean.shape
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"Mean and standard deviation of {measured:,} measured genes for each of {genes:,}"
            " knockdowns, relative to control."
        )
        st.download_button(
            "AnnData (.h5ad)",
            partial(_as_h5ad, selection, prediction),
            file_name=f"llmpert-gene-list-{selection.line}.h5ad",
            on_click="ignore",
            help="For scanpy: means as X, standard deviations as a layer, trust in obs.",
        )
    show.footer(
        f"gene-list-all-{selection.line}",
        prediction.table()[["perturbation", "gene", "mean", "sd"]],
        note,
        selection.data,
        details="Each gene is predicted without its own response.",
        code=code('prediction.table()[["perturbation", "gene", "mean", "sd"]]'),
    )


def _as_h5ad(selection: Selection, prediction: Prediction) -> bytes:
    trained = selection.trained
    model = (
        TrainedModel.with_answers(trained)
        if trained
        else Model(selection.experiment, selection.full_model)
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.h5ad"
        model.to_anndata(prediction).write_h5ad(path)
        return path.read_bytes()
