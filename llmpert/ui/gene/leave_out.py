"""What a gene's prediction is without some training knockdowns: chosen, shown at once, ranked."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from llmpert.errors import InputError
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.results import embedding_label
from llmpert.figures.leave_out import ANEW, with_and_without
from llmpert.genes.sets import GeneSets
from llmpert.insight.leave_out import (
    ALONE,
    MOST,
    NEAREST,
    WITH,
    WITHOUT,
    LeftOut,
    families,
    leave_out,
    nearest,
)
from llmpert.ui.common import components as show
from llmpert.ui.common import script
from llmpert.ui.common.gene_search import set_control
from llmpert.ui.common.gene_sets import choose_sets
from llmpert.ui.common.selection import WIDE, choose, one_of
from llmpert.ui.gene.prediction import format_score
from llmpert.ui.gene.sections import GeneView

NEAR, SET, GENES = "nearest", "set", "genes"
KINDS = {NEAR: f"The {NEAREST} nearest", SET: "A gene set", GENES: "Genes"}
FAVOURED = "GO complexes"
GENES_SHOWN, RANKED = 15, 50

ABOUT = (
    "Exact, in closed form: the knockdowns are taken out of the Gaussian process, whose"
    " hyper-parameters, mean, components and intervals stay those of all. *Fit anew* finds these"
    " again, too. Moved: how far the prediction moves without them, over its distance from the mean"
    " response."
)


@st.fragment
def show_leave_out(view: GeneView) -> None:
    """Let knockdowns be left out; show the prediction with, without and from these alone."""
    st.subheader("Leave knockdowns out", help=ABOUT)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = one_of("Predict without", "without", KINDS, beside=True)
        sets = None
        if kind == SET:
            sets = _choose_sets(view)
        names = _chosen(view, kind, sets)
        # A trained model has no measurements to fit to.
        anew = st.toggle(
            "Fit anew",
            key="anew",
            bind="query-params",
            disabled=view.selection.trained is not None,
            help="Fit without them, in a few seconds, beside the closed form. It needs"
            " measurements.",
        )
    try:
        found = leave_out(view.fitted, view.gene, names)
    except InputError as error:
        show.info(show.verbatim(str(error)))
        return
    if anew and not view.selection.trained:
        found.predictions[ANEW] = view.once(("anew", found.family), lambda: _anew(view, found))
    found = found.relative_to(view.fitted.model.mean_) if view.relative else found
    left, right = st.columns(2)
    with left:
        _show_figure(view, found)
    with right:
        _show_families(view, sets)


def _choose_sets(view: GeneView) -> GeneSets | None:
    # A key of its own: in meetings all tabs are there at once.
    of = view.selection
    return choose_sets(of.data, of.line, "perturbations", FAVOURED, "families-of")


def _chosen(view: GeneView, kind: str, sets: GeneSets | None) -> Sequence[str]:
    """Return the knockdowns to leave out."""
    near = nearest(view.fitted, view.gene)
    if kind == NEAR:
        return near
    trained_on = [str(name) for name in view.fitted.trained_on]
    if kind == GENES:
        chosen: Sequence[str] = st.multiselect(
            "Knockdowns", trained_on, near[:1], key="leave", bind="query-params",
            label_visibility="collapsed", width=2 * WIDE, placeholder="Training knockdowns",
        )  # fmt: skip
        return chosen
    inside = {
        label: sorted(kept)
        for label, members in (sets.members if sets else {}).items()
        if (kept := members & {*trained_on})
    }
    if not inside:
        return []
    # What is left out first has most of the nearest in the smallest set.
    order = sorted(inside, key=lambda one: (-len({*near} & {*inside[one]}), len(inside[one]), one))
    words = {label: f"{label} ({len(inside[label]):,})" for label in order}
    return inside[choose("Gene set", "family", order, width=2 * WIDE, shown=words.__getitem__)]


def _anew(view: GeneView, found: LeftOut) -> Prediction:
    with st.spinner("Fitting without them …", show_time=True):
        fitted = view.selection.experiment.fit_anew(view.fitted, found.family)
    return fitted.predict([view.gene])


def _show_figure(view: GeneView, found: LeftOut) -> None:
    measured, count = view.shown.measured, len(found.family)
    st.markdown(" ".join(_sentences(view, found)))
    others = f"{count:,} knockdown{'s' * (count > 1)}"
    show.figure(
        with_and_without(found, measured, view.unit, GENES_SHOWN, view.raised_only),
        f"{view.where}-without",
        f"The {GENES_SHOWN} genes with the strongest predicted response to knocking down"
        f" {view.gene} in {view.selection.line}: predicted with and without {others}, and from"
        " these alone.",
        found.table(measured),
        f"Without {', '.join(found.family[:NEAREST])}{' …' * (count > NEAREST)}."
        f" Gaussian process on {embedding_label(view.selection.embedding)}.",
        view.selection.data,
        details=ABOUT,
        code=script.of_leave_out(view.selection, view.gene, found.family, view.relative),
    )


def _sentences(view: GeneView, found: LeftOut) -> list[str]:
    """Return how far the prediction moves, and what that does to its accuracy."""
    if found.moved != found.moved:
        return ["The prediction is the mean response: it rests on no knockdown."]
    words = [f"Without them the prediction moves by **{100 * found.moved:.0f} %**."]
    if view.shown.measured is not None:
        r = {made: format_score(one) for made, one in found.agreement(view.shown.measured).items()}
        words.append(
            f"Correlation with the measurement: {r[WITH]} with them, **{r[WITHOUT]}** without,"
            f" {r[ALONE]} from these alone"
            + (f", {r[ANEW]} fitted anew without them." if ANEW in r else ".")
        )
    return words


def _show_families(view: GeneView, sets: GeneSets | None) -> None:
    """Rank gene sets on request."""
    with st.container(horizontal=True, vertical_alignment="center"):
        ranked = st.toggle(
            "Which single family matters most?",
            key="families",
            bind="query-params",
            help=f"Leaves out each gene set with 2 to {MOST} of the training knockdowns in turn.",
        )
        if not ranked:
            return
        if sets is None:
            sets = _choose_sets(view)
    if sets is None:
        show.info("This data set has no gene sets of its knockdowns.")
        return
    with st.spinner("Leaving out each gene set …"):
        table = view.once(("families", sets.name), lambda: _families(view, sets))
    if table.empty:
        show.info(f"No set of {sets.name} has 2 to {MOST} of the training knockdowns.")
        return
    st.dataframe(
        table.head(RANKED),
        hide_index=True,
        height=330,
        column_config={
            "set": st.column_config.ButtonColumn(
                "Gene set", width=280, alignment="left", key="families-open", on_click=_leave_set,
                help="Press a name to leave its knockdowns out.",
            ),
            "knockdowns": show.number("Knockdowns", width="small"),
            "moved": show.number("Moved", format="percent", width="small"),
            "r": show.number("r without", format="%.2f", width="small"),
            "loss": show.number("Loss of r", format="%.2f", width="small"),
        },
        key="families-table",
    )  # fmt: skip
    show.footer(
        f"{view.where}-families", table, f"{len(table):,} sets of {sets.name}.",
        view.selection.data, details=f"{ABOUT} {sets.source}.",
    )  # fmt: skip


def _families(view: GeneView, sets: GeneSets) -> pd.DataFrame:
    return families(view.fitted, view.gene, sets, view.control.measured)


def _leave_set() -> None:
    st.query_params["without"] = SET
    set_control("family", st.session_state["families-open"].label)
