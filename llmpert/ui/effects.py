"""Which knockdowns change one measured gene: what the page asks for, and what it shows."""

import streamlit as st

from llmpert.errors import InputError
from llmpert.figures.prediction import ranked_knockdowns
from llmpert.insight.effects import effects_on, find_measured
from llmpert.insight.ranking import changing_gene, correlation, strongest
from llmpert.models.registry import MODELS, label
from llmpert.screens.screen import Screen
from llmpert.ui.common import components as show
from llmpert.ui.common import script
from llmpert.ui.common.external_methods import origin
from llmpert.ui.common.gene_search import did_you_mean
from llmpert.ui.common.gene_sets import choose_sets, show_shared
from llmpert.ui.common.selection import Selection, how_many, one_of


def show_effects(selection: Selection) -> None:
    """Let a gene be chosen; show the knockdowns that change it most, measured and predicted."""
    data, line, size, model = selection.data, selection.line, selection.size, selection.model
    screen, measured, raised_only = selection.screen, not selection.trained, selection.raised_only
    gene = _choose_measured_gene(screen, raised_only)
    first, second, third = st.columns([2, 2, 3], vertical_alignment="bottom")
    about = f"The {'' if raised_only else 'absolute '}effect that ranks the knockdowns."
    with first:
        orders = ["measured", "predicted"] if measured else ["predicted"]
        ranked_by = one_of("Ranked by", "ranked", orders, about)
    with second:
        count = how_many("Knockdowns shown", "knockdowns")
    wanted = third.toggle(
        "Also genes that nobody knocked down here",
        key="unseen",
        bind="query-params",
        disabled=model not in MODELS,
        help="Adds predictions for every other gene with an embedding. They rank by their predicted"
        " effect only. Not for methods that were run elsewhere: they predicted this screen's"
        " knockdowns.",
    )
    also_unseen = wanted and model in MODELS
    unseen = selection.unseen(gene) if also_unseen else None
    table = effects_on(gene, screen, selection.held_out(), unseen, measured)
    verb = "raises" if raised_only else "changes"
    st.set_page_config(f"What {verb} {gene} in {line}? · llmpert")
    if also_unseen and ranked_by == "measured":
        st.info("Genes that were not knocked down have no measured effect: rank by *Predicted*.")
    if table["predicted"].isna().all():
        show.info(
            f"{gene} is measured here, but **not predicted** by {label(model)}: it varies too"
            " little between training knockdowns to be among the predicted genes."
        )
        ranked_by = "measured"
    shown = strongest(table, ranked_by, count, raised_only)
    if measured:
        r = correlation(table, "predicted", "measured")
        st.metric(
            "Measured against predicted, over knockdowns",
            "not defined" if r != r else f"r = {r:.2f}",
            help=f"Pearson correlation over all knockdowns between {gene}'s measured response and"
            " the one predicted by a model that did not train on the knockdown.",
        )
    else:
        show.info("Each knockdown is predicted from all others; the measurements are not here.")
    show.figure(
        ranked_knockdowns(shown, gene, line, selection.unit, ranked_by, raised_only),
        name=f"effects-on-{gene}-{line}",
        alt=f"The {len(shown)} knockdowns with the strongest {ranked_by} effect on {gene} in"
        f" {line}{', measured and' * measured} predicted.",
        numbers=table,
        note=f"{selection.method}, {size:,} training perturbations.",
        data=data,
        details=origin(data, [line], size, [model]) if measured else "",
        code=script.of_effects(selection, gene, unseen is not None),
    )
    # Not every model gives intervals.
    st.dataframe(shown.dropna(axis="columns", how="all"), hide_index=True)
    with st.columns([1, 3])[0]:
        sets = choose_sets(data, line, "perturbations")
    if sets is not None:
        known = shown.loc[shown["perturbation"].isin(screen.perturbations), "perturbation"]
        end = f"Those with the strongest {ranked_by} effect on {gene}."
        show_shared(sets, known.tolist(), screen.perturbations, data, f"{gene}-{line}", end)


def _choose_measured_gene(screen: Screen, raised_only: bool) -> str:
    """Return the gene in a search box; where none is found the page says why, and stops."""
    typed = st.text_input(
        "Measured gene",
        value=changing_gene(screen),
        key="target",
        bind="query-params",
        placeholder="Symbol, alias or Ensembl id",
        help="One of the genes whose expression was measured. Knockdowns are searched for those"
        f" that raise {'' if raised_only else 'or lower '}it.",
    ).strip()
    try:
        return find_measured(screen, typed)
    except InputError as error:
        st.warning(show.verbatim(str(error)), icon=":material/search:")
        near = [g for g in screen.genes if typed and g.upper().startswith(typed.upper())][:12]
        did_you_mean(dict.fromkeys(near), "target")
        st.stop()
