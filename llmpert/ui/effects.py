"""Which knockdowns change one measured gene: what the page asks for, and what it shows."""

import streamlit as st

from llmpert.errors import InputError
from llmpert.figures.prediction import ranked_knockdowns
from llmpert.figures.theme import coefficient
from llmpert.insight.effects import effects_on, find_measured
from llmpert.insight.ranking import changing_gene, correlation, strongest
from llmpert.models.registry import MODELS, label
from llmpert.screens.screen import Screen
from llmpert.ui.common import components as show
from llmpert.ui.common import script
from llmpert.ui.common.external_methods import origin
from llmpert.ui.common.gene_search import did_you_mean, offer_example
from llmpert.ui.common.gene_sets import choose_sets, show_shared
from llmpert.ui.common.opened import open_selected
from llmpert.ui.common.selection import WIDE, Selection, how_many, one_of, relative_to_mean
from llmpert.ui.common.table import gene_table
from llmpert.ui.gene.drawer import show_drawer

RANKINGS = {"measured": "Measured", "predicted": "Predicted"}

COLUMNS = {
    "state": st.column_config.TextColumn("State", width=95),
    "measured": show.number(format="%.3f", width="small"),
    "predicted": show.number(format="%.3f", width="small"),
    "low95": show.number("95 % from", format="%.2f", width="small"),
    "high95": show.number("to", format="%.2f", width=60),
}


def show_effects(selection: Selection) -> None:
    """Let a gene be chosen; show the knockdowns that change it most, measured and predicted."""
    data, line, size, model = selection.data, selection.line, selection.size, selection.model
    screen, measured, raised_only = selection.screen, not selection.trained, selection.raised_only
    with st.container(horizontal=True, vertical_alignment="center"):
        gene = _choose_measured_gene(screen, raised_only)
        relative = relative_to_mean()
        ranked_by = "predicted"
        if measured:
            about = f"The {'' if raised_only else 'absolute '}effect that ranks the knockdowns."
            ranked_by = one_of("Ranked by", "ranked", RANKINGS, about, beside=True)
        with st.popover("More"):
            count = how_many("Knockdowns shown", "knockdowns")
            wanted = st.toggle(
                "Include genes not knocked down in this screen",
                key="unseen",
                bind="query-params",
                disabled=model not in MODELS,
                help="Adds a prediction for every other gene with an embedding, ranked by"
                " predicted effect. Not available for imported predictions, which cover this"
                " screen's knockdowns only.",
            )
    also_unseen = wanted and model in MODELS
    unseen = selection.unseen(gene) if also_unseen else None
    table = effects_on(gene, screen, selection.held_out(), unseen, measured, relative)
    verb = "raises" if raised_only else "changes"
    st.set_page_config(f"What {verb} {gene} in {line}? · llmpert")
    if also_unseen and ranked_by == "measured":
        st.info("Genes that were not knocked down have no measured effect: rank by *Predicted*.")
    if table["predicted"].isna().all():
        show.info(
            f"{gene} is measured, but **not predicted** by {label(model)}: it varies too"
            " little between training knockdowns to be among the predicted genes."
        )
        ranked_by = "measured"
    raised_only = raised_only and not relative
    shown = strongest(table, ranked_by, count, raised_only)
    note = f"{selection.method}, {size:,} training perturbations."
    if measured:
        r = coefficient("r", correlation(table, "predicted", "measured"))
        note += f" Measured against predicted, over all knockdowns: {r}."
    else:
        note += " Each knockdown is predicted from all others. This data set has no measurements."
    words = ("More than most", "Less than most") if relative else ("Raises it", "Lowers it")
    usual = not relative and bool(selection.changed_alike()[gene])
    unit = selection.unit + ", minus the mean response" * relative
    left, right = st.columns([3, 2])
    with left:
        chosen = show.figure(
            ranked_knockdowns(shown, gene, line, unit, ranked_by, raised_only, words, usual),
            name=f"effects-on-{gene}-{line}",
            alt=f"The {len(shown)} knockdowns with the strongest {ranked_by} effect on {gene} in"
            f" {line}{', measured and' * measured} predicted.",
            numbers=table,
            note=note,
            data=data,
            details=origin(data, [line], size, [model]) if measured else "",
            code=script.of_effects(selection, gene, unseen is not None, relative),
            select=["points"],
        )
        open_selected(chosen, "effects")
    first = f"{ranked_by}, {'highest' if raised_only else 'strongest'} first"
    # Not every model gives intervals.
    shown = shown.dropna(axis="columns", how="all")
    with right:
        alike = {"state": None} if shown["state"].nunique() == 1 else {}
        gene_table(shown, "effects", COLUMNS | alike, first, selection, height=480)
    with st.columns([1, 3])[0]:
        sets = choose_sets(data, line, "perturbations")
    if sets is not None:
        known = shown.loc[shown["perturbation"].isin(screen.perturbations), "perturbation"]
        end = f"Those with the strongest {ranked_by} effect on {gene}."
        show_shared(sets, known.tolist(), screen.perturbations, data, f"{gene}-{line}", end)
    show_drawer(selection)


def _choose_measured_gene(screen: Screen, raised_only: bool) -> str:
    """Return the gene in a search box; without one, show the reason and stop."""
    example = changing_gene(screen)
    typed = st.text_input(
        "Measured gene",
        value=example,
        key="target",
        bind="query-params",
        icon=":material/search:",
        label_visibility="collapsed",
        width=WIDE,
        placeholder="Symbol, alias or Ensembl id",
        help="One of the genes whose expression was measured. Knockdowns are searched for those"
        f" that raise {'' if raised_only else 'or lower '}it.",
    ).strip()
    try:
        return find_measured(screen, typed)
    except InputError as error:
        with st.container():
            st.warning(show.verbatim(str(error)), icon=":material/search:")
            near = [g for g in screen.genes if typed and g.upper().startswith(typed.upper())][:12]
            did_you_mean(dict.fromkeys(near), "target")
            if not near:
                offer_example("target", example)
        st.stop()
