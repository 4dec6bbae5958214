"""What a prediction rests on and how far to trust it; fitted models are shared by all visitors."""

import streamlit as st

from llmpert import datasets
from llmpert.datasets import Dataset
from llmpert.evaluation.experiment import FittedModel
from llmpert.insight.reliability import (
    BANDS,
    ENOUGH,
    NEAREST,
    NEIGHBOURS,
    ReliabilityReference,
    Verdict,
)
from llmpert.ui.common import cache as shared

MODEL = "gp"


def fold_model(data: Dataset, line: str, embedding: str, size: int, fold: int) -> FittedModel:
    """The Gaussian process that does not train on one fold; fitting takes seconds."""
    return _fold_model(data.name, datasets.stamp(data.name), line, embedding, size, fold)


# One of the simulated screens takes about 100 MB.
@st.cache_resource(max_entries=8, show_spinner=False)
def _fold_model(
    name: str, stamp: float, line: str, embedding: str, size: int, fold: int
) -> FittedModel:
    return shared.experiment(name, line, embedding).fit_fold(MODEL, size, fold)


def model_behind(data: Dataset, line: str, embedding: str, size: int, gene: str) -> FittedModel:
    """The fitted model that the page predicts a gene with.

    For a gene of the screen the one of the fold that does not train on it, for any other one that
    is trained on all perturbations.
    """
    experiment = shared.experiment(data.name, line, embedding)
    if gene in experiment.problem.screen.perturbations:
        return fold_model(data, line, embedding, size, experiment.fold_of(gene))
    return shared.fitted(data.name, datasets.stamp(data.name), line, embedding, MODEL)


def yardstick(
    data: Dataset, line: str, embedding: str, size: int, gene: str
) -> ReliabilityReference:
    """What held-out perturbations teach about trusting a gene's prediction.

    A gene outside the screen is judged by the first fold at the largest training size: the model
    that is trained on everything has no perturbation left to be judged by.
    """
    experiment = shared.experiment(data.name, line, embedding)
    fold = 0
    if gene in experiment.problem.screen.perturbations:
        fold = experiment.fold_of(gene)
    else:
        size = experiment.largest_training_size
    return _yardstick(data.name, datasets.stamp(data.name), line, embedding, size, fold)


@st.cache_resource(max_entries=8, show_spinner="Looking at held-out knockdowns …")
def _yardstick(
    name: str, stamp: float, line: str, embedding: str, size: int, fold: int
) -> ReliabilityReference:
    experiment = shared.experiment(name, line, embedding)
    fitted = _fold_model(name, stamp, line, embedding, size, fold)
    test = experiment.split(size, fold).test
    return ReliabilityReference.of(fitted, list(experiment.problem.screen.perturbations[test]))


def how_judged(yardstick: ReliabilityReference, verdict: Verdict) -> str:
    """How the verdict comes about, in Markdown, with what was found for these data."""
    gene, indicators = verdict.gene, verdict.indicators.dropna(subset="correlation")
    tested, trained = int(verdict.accuracy.notna().sum()), len(yardstick.fitted.trained_on)
    found = "; ".join(
        f"{label.lower()} ρ = {correlation:+.2f}"
        for label, correlation in zip(
            indicators["indicator"], indicators["correlation"], strict=True
        )
    )
    whether = (
        f"Here, over the {tested:,} held-out knockdowns, that gave: {found}."
        if found
        else f"Here only {tested:,} knockdowns are held out; at least {ENOUGH} are needed."
    )
    which = (
        f"held out with {gene}"
        if gene in yardstick.values.index
        else f"left out by a model of the same kind ({gene} itself was not measured)"
    )
    words = ", ".join(f"from {low:g} {word}" for low, word in BANDS if low > 0)
    return (
        "Signs are things known before any measurement. None is believed unseen: each is held"
        " against how well knockdowns were predicted that were measured but not trained on"
        f" ({tested:,} {which}; {trained:,} trained on), by Spearman's correlation ρ. A sign is"
        " used if it goes the right way by more than two standard errors, else it is shown only."
        f" {whether}\n\n"
        "A gene's ranks in the used signs, each times its ρ, put it into the lower, middle or upper"
        " third; the"
        " verdict gives the accuracy of the held-out knockdowns in that third, without the gene's"
        " own measurement. *More* or *less than most* is said in the outer thirds, where their"
        " median differs from that of all by more than two standard errors. Words for the median"
        f" correlation: {words}, below {BANDS[-1][1]}.\n\n"
        f"Distance: mean over the {NEAREST} nearest training genes in the source's principal"
        " components. Width: mean half-width of the 95 % intervals. Departure: root mean square"
        " of prediction minus the mean response of training knockdowns. Accuracy of the"
        f" {NEIGHBOURS} knockdowns most like it: each predicted from all others by the same model"
        " (leave-one-out)."
    )
