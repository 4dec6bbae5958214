"""Which model is best: places by every score, differences between two, and unlike responses."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from llmpert.embeddings.elsewhere import MEASURED_IN
from llmpert.evaluation.ceiling import NOISELESS, REPEAT
from llmpert.evaluation.results import Results, embedding_label, on_embeddings, summarise
from llmpert.evaluation.scores import GROUPS, Metric, registry
from llmpert.figures import scoreboard as figures
from llmpert.insight import scoreboard as insight
from llmpert.models.registry import MODELS
from llmpert.ui.common import cache, script
from llmpert.ui.common import components as show
from llmpert.ui.common.external_methods import origin
from llmpert.ui.common.selection import NARROW, WIDE, Selection, choose

EVERY = "All scores"
SCALE = (
    "Each number is how far a model gets from no skill (0 %, the score of the mean training"
    " response) to the ceiling (100 %); it may lie beyond either. Place 1 is the best."
)


def show_models(selection: Selection) -> None:
    """Show the place of every model by every score; below, two of them knockdown by knockdown.

    Missing fits are made under a progress bar and kept. A data set that carries its results has
    means alone, so the parts that need single knockdowns are left out.
    """
    data, line, size = selection.data, selection.line, selection.size
    embeddings = cache.scored(data)[1]
    known = [one for one in embeddings if MEASURED_IN not in one]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        embedding = choose(
            "Embedding", "placed_on", known, "What models know of a gene.", WIDE,
            selection.embedding if selection.embedding in known else known[-1],
            embedding_label,
        )  # fmt: skip
        group = choose("Scores", "scores", [EVERY, *GROUPS], _definitions(), WIDE)
    results = cache.every_score(data, line, embedding, size)
    if results is None:
        summary, about = cache.summary(data, [line], cache.scored(data)[0], size)
        limits, words = None, "the data set has no measured responses"
    else:
        summary, about = summarise(results.table), results.about
        limits, words = cache.ceiling(data, line)
    # Copies of another line use no embedding, and know more; so do models that have it as a source.
    copied = [one for one in embeddings if MEASURED_IN in one]
    summary = on_embeddings(summary, [embedding, *copied])
    scored = set(summary["metric"])
    metrics = [
        one for one in registry().values() if one.name in scored and group in (EVERY, one.group)
    ]
    if not metrics:
        show.info("None of these scores is known here. Choose others.")
        return
    ceiling = None if limits is None else dict(zip(limits.index, limits[NOISELESS], strict=True))
    table = insight.board(summary, line, size, metrics, ceiling)
    st.markdown(insight.disagreement(table))
    noise = (
        f"The ceiling is a perfect score, as the noise of responses is unknown ({words})."
        if limits is None
        else "The ceiling is the score of the true responses, which noise in the measurement keeps"
        f" below perfect (estimated from {words})."
    )
    called = embedding_label(embedding)
    show.figure(
        figures.ranks(table, f"{line}, {size:,} training perturbations", called),
        name=f"which-model-{line}-{size}",
        alt=f"Table of {len(metrics)} scores by model in {line}: colour is each model's place, the"
        " number how far it comes from no skill to the ceiling.",
        numbers=table if limits is None else table.merge(
            limits.rename_axis("metric").reset_index(), how="left", on="metric"
        ),
        note=f"{line}, {show.trained_on(summary)}; models that learn are on {called} where nothing"
        f" else is said. {noise}",
        data=data,
        about=about,
        details=f"{SCALE} {origin(data, [line], size)}".strip(),
        code=script.of_board(selection, embedding, copied),
        least_width=figures.least_width(table),
    )  # fmt: skip
    if results is None:
        show.info(
            "This data set has no scores of single knockdowns, which a difference between two"
            " models needs. Open a data set with screens."
        )
        return
    _show_pair(selection, results, metrics, list(dict.fromkeys(table["method"])))
    _show_unlike(selection, results, metrics)
    if limits is not None:
        _show_ceiling(limits, metrics)


def _show_pair(
    selection: Selection, results: Results, metrics: Sequence[Metric], methods: list[str]
) -> None:
    st.header("Is one better than the other?")
    gp = [name for name in methods if name.startswith(f"{MODELS['gp'].label},")]
    rivals = [name for name in methods if name.startswith(MODELS["knn"].label)]
    with st.container(horizontal=True):
        ours = choose("Model", "first_model", methods, width=WIDE, first=(gp or methods)[0])
        others = [name for name in methods if name != ours]
        rival = choose("Compared with", "second_model", others, width=WIDE, first=(
            [one for one in rivals if one != ours] or others)[0])  # fmt: skip
    table = insight.differences(results.table, ours, rival, metrics)
    if table.empty:
        show.info(f"{ours} and {rival} have no score of the same knockdowns.")
        return
    show.figure(
        figures.paired(table, ours, rival),
        name=f"which-model-pair-{selection.line}-{selection.size}",
        alt=f"Difference between {ours} and {rival} by {len(table)} scores with 95 % intervals.",
        numbers=table,
        note=f"{selection.line}: above 0 {ours} is better. 95 % intervals are from"
        f" {insight.DRAWS:,} random draws of knockdowns (bootstrap).",
        data=selection.data,
        about=results.about,
    )


def _show_unlike(selection: Selection, results: Results, metrics: Sequence[Metric]) -> None:
    st.header("Which model predicts unusual responses?")
    by_name = {metric.name: metric for metric in metrics}
    name = choose(
        "Score", "by_score", list(by_name), width=WIDE, shown=lambda one: by_name[one].label,
        first="pearson_all" if "pearson_all" in by_name else None,
    )  # fmt: skip
    metric, screen = by_name[name], selection.screen
    unlike = insight.unlikeness(screen.response, list(screen.perturbations))
    table = insight.by_unlikeness(results.table, metric, unlike)
    show.figure(
        figures.unlike(table, metric.axis),
        name=f"which-model-unlike-{metric.name}-{selection.line}-{selection.size}",
        alt=f"{metric.label} of each model in quarters of the knockdowns by how unlike the mean"
        " response theirs is.",
        numbers=table,
        note=f"{selection.line}: mean over the knockdowns of each quarter.",
        data=selection.data,
        about=results.about,
    )


def _show_ceiling(limits: pd.DataFrame, metrics: Sequence[Metric]) -> None:
    with st.expander("How noise limits scores"):
        st.markdown(
            "The first number is what a repeat of the screen would score, the second what the true"
            " responses would. No model can beat the second. A model that beats the first predicts"
            " better than a second measurement would."
        )
        shown = limits.reindex([m.name for m in metrics]).dropna()
        labels = {metric.name: metric.label for metric in metrics}
        shown = shown.rename(index=labels, columns={REPEAT: "A repeat", NOISELESS: "The truth"})
        st.dataframe(shown.round(3), width=3 * NARROW)


def _definitions() -> str:
    return "\n\n".join(f"**{one.label}**: {one.definition}" for one in registry().values())
