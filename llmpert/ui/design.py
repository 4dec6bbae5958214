"""Plan a screen: take a budget and candidates, and show which knockdowns would teach most."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count

import numpy as np
import pandas as pd
import streamlit as st

from llmpert.errors import InputError
from llmpert.figures.design import campaign_curves, chosen_map, depth_curves, plan_curves
from llmpert.genes.essential import UNKNOWN, essential_genes, essential_list
from llmpert.genes.sets import GeneSets
from llmpert.insight.campaign import REPEATS, SIZES, STRATEGIES, campaign, summary
from llmpert.insight.clusters import labels
from llmpert.insight.depth import by_cells
from llmpert.insight.design import Ground, Plan, expected_effects, places, plan
from llmpert.insight.signature import typed
from llmpert.io.paths import shipped
from llmpert.models.registry import GAUSSIAN_PROCESS
from llmpert.ui.common import cache, script
from llmpert.ui.common import components as show
from llmpert.ui.common.cache import cached
from llmpert.ui.common.gene_search import tell_mouse
from llmpert.ui.common.opened import open_selected
from llmpert.ui.common.selection import WIDE, Selection, choose, every_dot, one_of
from llmpert.ui.common.table import gene_table
from llmpert.ui.common.waiting import cancellable
from llmpert.ui.gene.drawer import show_drawer
from llmpert.ui.streamlit_internals import transient

ALL, SET, LIST = "all", "set", "list"
KINDS = {ALL: "All genes", SET: "A gene set", LIST: "A list"}
FAVOURED = "GO processes"
NAMED = 20
"""Knockdowns that the map names where their names have room, the first of the plan."""

ABOUT = (
    "Each knockdown is the one that reduces most the variance that those before it leave, summed"
    " over the responses of all targets: the posterior variance of the Gaussian process, with the"
    " noise of each component of the responses. The choice does not depend on what the new"
    " knockdowns will show. Choosing the largest variance would pick outliers, which say little of"
    " other genes."
)
COLUMNS = {
    "gain": show.number(
        "Removes", format="percent", width="small",
        help="Share of the variance over all targets that it removes, after those above.",
    ),
    "together": show.number(
        "Together", format="percent", width="small", help="What it and those above it remove."
    ),
    "rank": show.number("Rank", width=60),
}  # fmt: skip


def show_plan(selection: Selection) -> None:
    """Take what is wanted; show the plan, what it would tell, where it lies, and a library."""
    selection = replace(selection, model=GAUSSIAN_PROCESS)
    ground = _ground(selection)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Knockdowns", width="content")
        budget = st.number_input(
            "Knockdowns", 1, None, max(1, min(50, len(ground.open))), key="budget",
            bind="query-params", width=120, label_visibility="collapsed",
        )  # fmt: skip
        kind = one_of("Choose from", "from", KINDS, beside=True)
        with st.popover("More"):
            by_effect = st.toggle(
                "Count targets by expected effect",
                key="effect",
                bind="query-params",
                help="Genes whose knockdown is expected to change more count more.",
            )
            no_essential = st.toggle(
                "Leave essential genes out",
                key="no_essential",
                bind="query-params",
                disabled=essential_list() is None,
                help="Genes that nearly all cell lines depend on, by DepMap."
                if essential_list()
                else UNKNOWN,
            )
            targets = st.text_area(
                "Targets", key="targets", bind="query-params", height=68,
                placeholder="Every gene with a vector",
                help="Genes whose responses you want to know. A number after a gene is its weight.",
            )  # fmt: skip
            every = every_dot()
    try:
        names, made = _candidates(selection, ground, kind)
        if no_essential:
            names = ground.without(essential_genes(), names)
            made = f"ground.without(essential_genes(), {made or None})"
        wanted = typed(targets)
        found, why = _plan(
            selection, int(budget), None if names is None else tuple(names),
            tuple(wanted.items()), by_effect,
        )  # fmt: skip
    except InputError as error:
        st.warning(show.verbatim(str(error)), icon=":material/search:")
        return
    _show_sentence(found, why, len(wanted), int(budget))
    tell_mouse([*(names or ()), *wanted], {name for some in why.values() for name in some})
    code = script.of_plan(selection, len(found.table), made, dict(wanted), by_effect)
    _show_figures(selection, ground, found, code, every)
    simulated = "-simulated" * selection.data.simulated
    left, right = st.columns([3, 1])
    with left:
        order = ["gene", "rank", "gain", "together"]
        gene_table(found.table[order], "plan", COLUMNS, "rank, lowest first", height=300)
    with right:
        st.download_button(
            "Library (CSV)",
            lambda: found.library(ground).to_csv(index=False).encode(),
            file_name=f"llmpert-library-{selection.line}{simulated}.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/download:",
            key="library",
            help="Gene, Ensembl id, rank, gain, and columns for guides.",
        )
    left, right = st.columns(2)
    with left:
        _show_cells(selection)
    if not selection.trained:
        with right:
            _show_campaign(selection)
    show_drawer(selection)


def _show_cells(selection: Selection) -> None:
    """Show, on request, what to expect by the number of cells of each knockdown."""
    cells = _cells(selection)
    known = cells is not None and np.ptp(cells) > 0
    wanted = st.toggle(
        "How many cells does a knockdown need?",
        key="cells",
        bind="query-params",
        disabled=not known,
        help="How well as many knockdowns predict others, with fewer or more cells each."
        if known
        else "This data set does not say how many cells each knockdown has.",
    )
    if not wanted or cells is None or not known:
        return
    try:
        table = _depth(selection)
    except InputError as error:
        show.info(show.verbatim(str(error)))
        return
    line = selection.line
    show.figure(
        depth_curves(table, line, float(np.median(cells)), selection.unit),
        f"cells-{line}",
        f"Expected accuracy and width of intervals in {line} by the cells of each knockdown.",
        table,
        f"{selection.method}, {len(cells):,} knockdowns.",
        selection.data,
        details="From the share of the noise that falls with the number of cells, as the model"
        " finds it from knockdowns with different numbers. Each knockdown is predicted from all"
        " others; hyper-parameters and components stay. Held-out knockdowns reach less.",
        code=script.of_cells(selection),
    )


def _cells(selection: Selection) -> np.ndarray | None:
    """Return how many cells each knockdown that is learnt from has; None where unknown."""
    if selection.trained:
        return selection.trained.cells
    return selection.experiment.problem.screen.cells


@cached(8)
def _depth(selection: Selection) -> pd.DataFrame:
    return by_cells(selection.full_model, _cells(selection))


def _show_campaign(selection: Selection) -> None:
    """Show, on request, how accurate models became by how knockdowns of this screen are chosen."""
    wanted = st.toggle(
        "Would it have helped in this screen?",
        key="campaign",
        bind="query-params",
        help="Simulates campaigns: knockdowns of this screen are chosen step by step, and held-out"
        " ones are predicted. It takes minutes.",
    )
    if not wanted:
        return
    experiment, data, line = selection.experiment, selection.data, selection.line
    largest = experiment.largest_training_size
    sizes = [size for size in SIZES if size <= largest] or [largest]
    runs = REPEATS + experiment.settings.folds * (len(STRATEGIES) - 1)
    done = count(1)

    def progress(strategy: str, repeat: int) -> None:
        bar.progress(next(done) / runs, f"Choosing by {strategy}, number {repeat + 1} …")

    key = "campaign", data.fingerprint, line, selection.embedding
    with transient() as bar, cancellable():
        found = cache.latest("summaries").get(
            key, lambda: campaign(experiment, STRATEGIES, sizes, REPEATS, progress)
        )
    table = summary(found)
    show.figure(
        campaign_curves(table, line),
        f"campaign-{line}",
        f"Accuracy on held-out knockdowns in {line} by number of knockdowns, for each way to"
        " choose them.",
        table,
        f"{selection.method}. Random: {REPEATS} campaigns, 95 % of their mean; others: one a fold.",
        data,
        details="Nothing is used of a response before its knockdown is chosen: each step is"
        " planned by a model fitted to those before. Integrated variance is that over the"
        " screen's knockdowns, or over all genes with a vector.",
        code=script.of_campaign(selection, sizes),
    )


def _candidates(
    selection: Selection, ground: Ground, kind: str
) -> tuple[Sequence[str] | None, str]:
    """Return the names of candidates, None for all, and Python that makes them."""
    if kind == LIST:
        text = st.text_area(
            "Candidates", key="candidates", bind="query-params", height=68,
            placeholder="Symbols or Ensembl ids",
            help="Separate genes by commas, blanks or lines.",
        )  # fmt: skip
        return list(typed(text)), repr(list(typed(text)))
    if kind == ALL:
        return None, ""
    data = selection.data
    names = data.collections(ground.names)
    if not names:
        raise InputError("This data set has no gene sets of these genes: give a list.")
    with st.container(horizontal=True):
        first = FAVOURED if FAVOURED in names else names[0]
        name = choose("Gene sets", "collection", names, first=first, width=WIDE)
        sets = _sets(selection, name).members
        if not sets:
            raise InputError(f"Every gene of {name} was knocked down already, or has no vector.")
        words = {label: f"{label} ({len(genes):,})" for label, genes in sets.items()}
        label = choose("Gene set", "set-of", list(sets), width=2 * WIDE, shown=words.__getitem__)
    return sorted(sets[label]), repr(sorted(sets[label]))


@cached(16, "Looking up gene sets …")
def _sets(selection: Selection, name: str) -> GeneSets:
    """Return a collection among the genes that were not knocked down, the largest sets first."""
    ground = _ground(selection)
    sets = selection.data.collection(name).within(ground.names[ground.open])
    order = sorted(sets.members, key=lambda label: (-len(sets.members[label]), label))
    return replace(sets, members={label: sets.members[label] for label in order})


def _show_sentence(
    found: Plan, why: Mapping[str, Sequence[str]], targets: int, budget: int
) -> None:
    count, taken = len(found.table), found.table["together"].iloc[-1]
    of = f"{targets:,} targets" if targets else "all genes"
    words = [
        f"**{count:,} knockdowns** would remove **{taken:.1%}** of the variance over {of};"
        f" {found.compared()}."
    ]
    if count < budget:
        words.append("There are no other candidates.")
    for what, names in why.items():
        listed = ", ".join(map(show.verbatim, names[:10])) + " …" * (len(names) > 10)
        words.append(f"{len(names):,} {what}: {listed}.")
    st.markdown(" ".join(words))


def _show_figures(
    selection: Selection, ground: Ground, found: Plan, code: str, every: bool
) -> None:
    data, line = selection.data, selection.line
    note = f"{selection.method}, {ground.measured.sum():,} knockdowns in {line} so far."
    left, right = st.columns(2)
    with left:
        chosen = show.figure(
            plan_curves(found),
            f"plan-{line}",
            f"Share of the variance over all targets that {len(found.table)} chosen knockdowns in"
            f" {line} remove, beside random ones.",
            found.table,
            note,
            data,
            details=ABOUT,
            code=code,
            select=["points"],
        )
        open_selected(chosen, "plan-chart")
    with right, st.container(key="plan-map"):
        where, shares = _places(selection)
        table = where.assign(rank=np.where(ground.measured, 0, -1))
        table.loc[found.rows, "rank"] = found.table["rank"].to_numpy()
        first = found.table["gene"].head(NAMED)
        groups = table["gene"].where(table["gene"].isin(first), "")
        names = labels(table[["x", "y"]].to_numpy(), groups, list(first), shifts=[0], width=0.5)
        show.hide_where_narrow("plan-map", names)
        chosen = show.figure(
            chosen_map(table, shares, names, every),
            f"plan-map-{line}",
            f"Map of all genes by the model's inputs, with those chosen in {line}.",
            table,
            f"All {len(table):,} genes by principal components of the model's inputs.",
            data,
            select=["points"],
        )
        open_selected(chosen, "plan-map")


@cached(2, "Looking up every gene …")
def _ground(selection: Selection) -> Ground:
    return Ground.of(selection.full_model, selection.not_knocked_down)


@cached(4)
def _places(selection: Selection) -> tuple[pd.DataFrame, tuple[float, float]]:
    return places(_ground(selection))


@cached(32, "Choosing knockdowns …")
def _plan(
    selection: Selection,
    budget: int,
    names: tuple[str, ...] | None,
    targets: tuple[tuple[str, float], ...],
    by_effect: bool,
) -> tuple[Plan, dict[str, list[str]]]:
    ground = _ground(selection)
    kept = None if names is not None or targets or by_effect else _kept(selection)
    if kept is not None and budget <= len(kept.rows):
        return kept.first(budget, ground), {}
    rows, why = (None, {}) if names is None else ground.candidates(names)
    if rows is not None:
        budget = min(budget, len(rows))
    aims = ground.targets(dict(targets)) if targets else None
    effects = expected_effects(selection.full_model, ground) if by_effect else None
    return plan(ground, budget, rows, aims, effects), why


@cached(4)
def _kept(selection: Selection) -> Plan | None:
    """Return the plan that was made when a model that comes with llmpert was trained."""
    path = shipped() / selection.data.name / f"plan_{selection.line}.json"
    return Plan.load(path, _ground(selection)) if path.is_file() else None
