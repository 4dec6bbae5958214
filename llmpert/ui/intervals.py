"""Can I trust the intervals?: what they held, and how good the most certain predictions are."""

from contextlib import nullcontext

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from llmpert.evaluation import calibration
from llmpert.evaluation.results import embedding_label
from llmpert.figures import intervals as figures
from llmpert.insight import intervals
from llmpert.ui.common import components as show
from llmpert.ui.common import script
from llmpert.ui.common.cache import cached
from llmpert.ui.common.selection import Selection
from llmpert.ui.common.waiting import cancellable

ABOUT_GROUPS = (
    "80 % intervals leave out a tenth of new measurements at each end. Quarters by predicted"
    " standard deviation (sd) divide single measurements. Quarters by distance (to the nearest"
    " training gene, by the model's similarity) and by effect size (length of the measured"
    " response) divide knockdowns. Where an interval ends at a value that many measurements have,"
    " as zeros of ranks, these count in proportion. Effect size and zeros are known only after the"
    " measurement: no interval can promise to hold by them."
)
ABOUT_CURVES = (
    "Each curve orders the knockdowns by a sign that is known before any measurement, and shows the"
    " mean accuracy (Pearson over all genes) of those kept. A sign without information gives a flat"
    " curve, at the level of a random order. The upper line orders them by the accuracy itself,"
    " which is known only afterwards."
)
ABOUT_PIT = (
    "For each held-out measurement, the predicted probability of a smaller one. Equal measurements"
    " are spread over their probabilities. A level histogram: predicted probabilities are right."
    " Higher in the middle: intervals are too wide. Higher at the ends: they are too narrow."
)
ABOUT_ERRORS = (
    "Each point keeps the genes of every knockdown with the smallest predicted standard deviation,"
    " and shows the mean absolute error of the predicted median over them."
)


ERRORS = {
    "error": "the median",
    "error of mean": "the mean (the prediction)",
    "error of no change": "*no change*",
}
SCORES = {
    "crps": "predicted",
    "crps without embedding": "each gene's training responses (no embedding)",
}


def show_intervals(selection: Selection) -> None:
    """Show whether intervals hold, in a sentence and a figure, and what else is known of them."""
    found = outcomes(selection)
    if found is None:
        _show_signs(selection)
        return
    held = intervals.coverage(found)
    st.markdown(intervals.sentence(held))
    signs = intervals.certainty(found)
    left, right = st.columns(2)
    with left:
        _draw(
            selection, "intervals", figures.held_by_group(held, selection.line), held,
            "Shares of held-out measurements inside 80 % intervals, by groups of measurements.",
            ABOUT_GROUPS, "coverage(outcomes)",
        )  # fmt: skip
    with right:
        _show_curves(selection, found["accuracy"], signs)
    left, right = st.columns(2)
    with left:
        bins = intervals.histogram(found)
        _draw(
            selection, "pit", figures.pit(bins, selection.line), bins,
            "Histogram of the predicted probability of a smaller measurement.",
            ABOUT_PIT, "histogram(outcomes)",
        )  # fmt: skip
    with right:
        errors = intervals.errors_of_kept_genes(found)
        _draw(
            selection, "kept-genes",
            figures.errors_of_kept(errors, selection.line, selection.unit), errors,
            "Mean absolute error over the genes with the smallest predicted standard deviation.",
            ABOUT_ERRORS, "errors_of_kept_genes(outcomes)",
        )  # fmt: skip
    st.caption(_errors(found, selection.unit))


@cached(8, "Comparing intervals with measurements …")
def outcomes(selection: Selection) -> pd.DataFrame | None:
    """Return how held-out predictions turned out; None where a trained model's file lacks it.

    Comparisons are kept with the results of their fit.
    """
    if selection.trained:
        return selection.trained.outcomes
    of, model, size = selection.experiment, selection.model, selection.size
    folds = range(of.settings.folds)
    made = all(calibration.is_kept(of, model, size, fold) for fold in folds)
    with nullcontext() if made else cancellable():
        return pd.concat(
            [calibration.kept(of, model, size, fold) for fold in folds], ignore_index=True
        )


def _show_signs(selection: Selection) -> None:
    """Show what an older file of a trained model has: its signs, and how good predictions were."""
    model = selection.data.trained[selection.line]
    st.markdown(
        f"The file of {show.verbatim(selection.line)} is of an earlier version and has no coverage"
        " of its intervals. Train the model again to see it. Shown here: how good the most certain"
        " predictions are."
    )
    sources = [name for name in map(str, model.signs) if name.startswith("distance ")]
    # Sources differ in scale.
    near = model.signs[sources].rank().mean(axis=1) if sources else None
    known = {
        "narrow intervals": -model.signs["width"],
        "near training genes": None if near is None else -near,
        "far from the mean response": model.signs["departure"],
        "like knockdowns that were predicted well": model.signs["neighbours"],
    }
    _show_curves(selection, model.accuracy, pd.DataFrame(known).dropna(axis="columns", how="all"))


def _show_curves(selection: Selection, accuracy: pd.Series, signs: pd.DataFrame) -> None:
    if accuracy.isna().all():
        show.info("No held-out knockdown has a defined accuracy: there is no order to show.")
        return
    curves = intervals.risk_coverage(accuracy, signs)
    made = "risk_coverage(outcomes['accuracy'], certainty(outcomes))"
    _draw(
        selection, "most-certain", figures.most_certain(curves, selection.line), curves,
        "Mean accuracy of the most certain held-out knockdowns, a curve a sign of certainty.",
        ABOUT_CURVES, made,
    )  # fmt: skip


def _draw(
    selection: Selection,
    name: str,
    chart: go.Figure,
    numbers: pd.DataFrame,
    alt: str,
    details: str,
    made: str,
) -> None:
    line = selection.line
    show.figure(
        chart,
        name=f"{name}-{line}",
        alt=f"{alt} {line}.",
        numbers=numbers,
        note=f"Gaussian process on {embedding_label(selection.embedding)}, {line}. Held-out"
        " knockdowns of all folds.",
        data=selection.data,
        details=details,
        code=script.of_intervals(selection, made),
    )


def _errors(found: pd.DataFrame, unit: str) -> str:
    """Return errors in words, so that a baseline that wins is not overlooked."""
    means = found[[*ERRORS, *SCORES]].mean()
    absolute, whole = (
        ", ".join(f"{said} {means[name]:.3g}" for name, said in names.items())
        for names in (ERRORS, SCORES)
    )
    return (
        f"Mean absolute error in {unit}: {absolute}. CRPS, the error of a whole distribution:"
        f" {whole}."
    )
