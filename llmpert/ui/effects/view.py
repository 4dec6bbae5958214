"""What the page on effects needs: a measured gene, and predictions of all knockdowns."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from llmpert import datasets
from llmpert.datasets import Dataset
from llmpert.errors import InputError
from llmpert.evaluation.prediction import Prediction
from llmpert.insight.effects import find_measured
from llmpert.screens.screen import Screen
from llmpert.ui.common import cache as shared
from llmpert.ui.common.markdown import verbatim


def choose_measured_gene(screen: Screen, default: str) -> str:
    """A search box for measured genes; where it finds none it says why, and the page stops."""
    typed = st.text_input(
        "Measured gene",
        value=default,
        key="target",
        bind="query-params",
        placeholder="Symbol, alias or Ensembl id",
        help="One of the genes whose expression was measured. Knockdowns are searched for those"
        " that raise or lower it.",
    ).strip()
    try:
        return find_measured(screen, typed)
    except InputError as error:
        st.warning(verbatim(str(error)), icon=":material/search:")
        near = [g for g in screen.genes if typed and g.upper().startswith(typed.upper())][:12]
        if near:
            st.write("Did you mean one of these?")
            row = st.container(horizontal=True)
            for name in near:
                row.button(name, on_click=_take, args=(name,), key=f"take-{name}")
        st.stop()


def _take(gene: str) -> None:
    st.session_state["target"] = gene


def changing_gene(screen: Screen) -> str:
    """A gene that knockdowns change much, for the first view: more than 19 in 20 others."""
    order = np.argsort(screen.response.var(axis=0), kind="stable")
    return str(screen.genes[order[int(0.95 * (len(order) - 1))]])


def held_out(
    data: Dataset, line: str, embedding: str, size: int, model: str
) -> Sequence[Prediction]:
    """Predictions of all perturbations, each by a fold that does not train on it.

    A method that was run elsewhere may have left some out.
    """
    elsewhere = shared.external(data, line, size).get(model)
    if elsewhere is not None:
        return [Prediction(elsewhere.perturbations, elsewhere.genes, elsewhere.delta, None)]
    return _held_out(data.name, datasets.stamp(data.name), line, embedding, size, model)


@st.cache_resource(max_entries=4, show_spinner="Predicting every knockdown from the others …")
def _held_out(
    name: str, stamp: float, line: str, embedding: str, size: int, model: str
) -> Sequence[Prediction]:
    experiment = shared.experiment(name, line, embedding)
    folds = range(experiment.settings.folds)
    return [experiment.fold_prediction(model, size, fold) for fold in folds]


def unseen(data: Dataset, line: str, embedding: str, model: str) -> Prediction | None:
    """A model's predictions of every gene that was not knocked down; None if all were."""
    return _unseen(data.name, datasets.stamp(data.name), line, embedding, model)


# All genes of a real embedding take hundreds of megabytes: only the latest is kept.
@st.cache_resource(max_entries=1, show_spinner="Predicting genes that were not knocked down …")
def _unseen(name: str, stamp: float, line: str, embedding: str, model: str) -> Prediction | None:
    fitted = shared.fitted(name, stamp, line, embedding, model)
    genes = fitted.problem.unseen()
    return fitted.predict(genes) if genes else None
