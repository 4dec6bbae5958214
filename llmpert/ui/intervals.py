"""Can I trust the intervals?: what they held, and how good the most certain predictions were."""

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
    "80 % intervals leave out a tenth of new measurements at each end. Quarters of predicted"
    " standard deviation (sd) are of single measurements; those of distance (to the nearest"
    " training gene, as the model sees it) and of effect size (length of the measured response) are"
    " of knockdowns. Measurements that are tied at an end, as most zeros of ranks are, count in"
    " proportion. Effect size and zeros are known only once a response is measured: no interval can"
    " be promised to hold by them."
)
ABOUT_CURVES = (
    "Knockdowns in the order of a sign that is known before any measurement; the curve is the mean"
    " accuracy (Pearson over all genes) of those kept. The curve of a sign without information is"
    " flat, at the level of any order. The upper line is the order by the accuracy itself: it is"
    " known only afterwards."
)
ABOUT_PIT = (
    "For each held-out measurement the predicted probability of a smaller one; where many"
    " measurements are equal, they are spread over their probabilities. Level: predictions are"
    " true. Higher in the middle: intervals are too wide; at the ends: too narrow."
)
ABOUT_ERRORS = (
    "Within each knockdown, genes in the order of their predicted standard deviation; the mean"
    " absolute error of the predicted median over those kept."
)


ERRORS = {
    "error": "the median",
    "error of mean": "the mean (the prediction)",
    "error of no change": "*no change*",
}
SCORES = {
    "crps": "predicted",
    "crps without embedding": "each gene's training responses, without any embedding",
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


@cached(8, "Holding intervals against measurements …")
def outcomes(selection: Selection) -> pd.DataFrame | None:
    """Return how held-out predictions turned out; None where a trained model's file has it not.

    What was compared once is kept with the results of its fit.
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
        f"The file of {show.verbatim(selection.line)} does not say what its intervals held: train"
        " the model again to have that. It says how good the most certain predictions were."
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
        show.info("No held-out knockdown has a defined accuracy, so none can be put in an order.")
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
