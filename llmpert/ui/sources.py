"""Does a source help here: what each embedding is worth, below the figure of model classes."""

import pandas as pd
import streamlit as st

from llmpert.evaluation.results import Results, at_sizes
from llmpert.evaluation.scores import paper
from llmpert.insight import sources as insight
from llmpert.models.registry import GAUSSIAN_PROCESS
from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common.gene_sets import choose_sets, sets_table
from llmpert.ui.common.selection import Selection

METRIC = paper()["pearson_all"]

COLUMNS = {
    "source": st.column_config.TextColumn("Source"),
    "covered": show.number("Knockdowns", help="Knockdowns of the screen that have it."),
    "alone": show.number("Alone", format="%.3f", help=f"{METRIC.label}, on this source alone."),
    "adds": show.number(
        "Adds", format="%+.4f", help="The score of all sources minus that of all others."
    ),
    "low": show.number("95 % from", format="%+.4f"),
    "high": show.number("to", format="%+.4f"),
    "weight": show.number(
        "Weight", format="percent",
        help="Share of the source's kernel in the signal where all are joined. The kernel over all"
        " sources side by side has a share of its own.",
    ),
}  # fmt: skip


SET_COLUMNS = {
    "source": st.column_config.TextColumn("Source added"),
    "which": st.column_config.TextColumn("The score"),
    "perturbations": show.number("Knockdowns"),
    "gain": show.number("Median gain", format="%+.4f"),
    **show.numbers(p="%.1e", fdr="%.1e"),
}


def show_sources(selection: Selection, summary: pd.DataFrame) -> None:
    """Show what each of several sources is worth in a line; fits that takes are made on request.

    Of a data set that carries its results the means are shown, and the weights of its models.

    Args:
        summary: Of `gp` on each source.
    """
    data, line, size = selection.data, selection.line, selection.size
    if len(data.embeddings) < 2:
        return
    st.header("Does a source help here?")
    results = None
    if data.trained:
        table = _carried(selection, summary)
    else:
        about = f"Fits the Gaussian process to {len(insight.choices(data.problem(line)))} choices."
        if not st.toggle("Compare the sources", key="worth", bind="query-params", help=about):
            return
        table, results = _worth(selection)
    shown = table[[name for name in COLUMNS if name in table]]
    st.dataframe(shown, hide_index=True, height="content", column_config=COLUMNS)
    show.footer(
        f"sources-{line}-{size}",
        table,
        f"{line}: Gaussian process, {METRIC.label}.",
        data,
        details="What a source adds is a mean over knockdowns; its interval holds 95 % of the means"
        " over 1,000 random draws of knockdowns. A source that does not help gets little weight.",
    )
    if results is not None:
        _show_sets(selection, results)


def _show_sets(selection: Selection, results: Results) -> None:
    """Show the gene sets of knockdowns that each source helps."""
    data, line = selection.data, selection.line
    sets = choose_sets(data, line, "perturbations", key="helped")
    if sets is None:
        show.info("This data set has no gene sets.")
        return
    table = cache.once(
        lambda: insight.sets_helped(data.problem(line), results.table, METRIC, sets.members),
        "helped", data, line, selection.size, sets.name,
    )  # fmt: skip
    if table.empty:
        show.info(f"No gene set of {sets.name} has enough of these knockdowns to test.")
        return
    shown = st.container()
    show.footer(
        f"sources-sets-{line}-{selection.size}",
        table,
        f"{line}: {METRIC.label}, all sources against all but one, within each gene set.",
        data,
        details=f"Gene sets: {sets.name} ({sets.source}). Paired Wilcoxon signed-rank test,"
        " two-sided; Benjamini–Hochberg over the sets of a source.",
    )
    with shown:
        genes = pd.DataFrame({"gene": data.problem(line).perturbations})
        sets_table(table, "helped", sets, genes, SET_COLUMNS, height=320)


def _worth(selection: Selection) -> tuple[pd.DataFrame, Results]:
    data, line = selection.data, selection.line
    problem = data.problem(line)
    fits = insight.source_fits(problem, lambda of: cache.experiment(data, line, of), selection.size)
    results = cache.run_fits(fits)
    fitted = cache.full_model(data, line, problem.embedding_name, GAUSSIAN_PROCESS)
    table = insight.worth(problem, results.table, METRIC, fitted)
    known = insight.covered(list(data.screens[line].perturbations), problem)
    table.insert(1, "covered", table["source"].map(known))
    return table, results


def _carried(selection: Selection, summary: pd.DataFrame) -> pd.DataFrame:
    fitted = selection.data.trained[selection.line].fitted
    cell = at_sizes(summary[summary["line"] == selection.line], [selection.size])
    cell = cell[(cell["model"] == GAUSSIAN_PROCESS) & (cell["metric"] == METRIC.name)]
    mean = dict(zip(cell["embedding"], cell["mean"], strict=True))
    weight = insight.weights(fitted)
    names = {name: name for name in weight} | {insight.TOGETHER: fitted.known.embedding_name}
    return pd.DataFrame(
        {
            "source": list(weight),
            "alone": [mean.get(names[name]) for name in weight],
            "weight": list(weight.values()),
        }
    )
