"""What a page is about: controls in a row above it, whose values live in the address."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import Literal, TypeVar
from urllib.parse import urlencode

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from llmpert.datasets import (
    BUILT_IN_DATA,
    GONE,
    SIMULATED,
    Dataset,
    DatasetStore,
    UploadStore,
    is_upload,
)  # fmt: skip
from llmpert.datasets.uploads import DAYS
from llmpert.evaluation.experiment import Experiment, FittedModel
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.problem import GeneVectors
from llmpert.evaluation.results import embedding_label
from llmpert.evaluation.trained import TrainedModel
from llmpert.insight.answer import changed_alike
from llmpert.insight.ranking import strong_perturbation
from llmpert.insight.reliability import ReliabilityReference
from llmpert.models.registry import GAUSSIAN_PROCESS, MODELS, label
from llmpert.screens import Screen
from llmpert.ui.common import cache
from llmpert.ui.common import presentation as present
from llmpert.ui.common.address import asked, spell
from llmpert.ui.common.cache import cached
from llmpert.ui.common.collection import carried, remember
from llmpert.ui.common.verbatim import verbatim
from llmpert.ui.common.waiting import cancellable
from llmpert.ui.streamlit_internals import PAGE, through_app

T = TypeVar("T")
Word = TypeVar("Word", bound=str)

MOST_IN_ADDRESS = 100
"""So many selected genes go into the address: browsers cut very long ones."""

NARROW, WIDE = 170, 240
"""Pixels of a control in the row above a page: two narrow ones fit on a telephone's screen."""

# Streamlit leaves 96 pixels free; its navigation takes 60 of them. It writes white on a theme's
# primary colour, which in the dark is a light blue.
LOOKS = f"""<style>
{PAGE} {{ padding-top: 4.5rem }} {PAGE} h1 {{ padding: 0; font-size: 2rem }}
[data-testid="stBaseButton-primary"] {{ background: #0b5f96; border-color: #0b5f96; color: white }}
</style>"""


@dataclass(frozen=True)
class Selection:
    """A data set, a cell line, an embedding, a training size and a model.

    Attributes:
        embedding: One of the data set's `embedding_choices`.
        size: Perturbations that models are trained on.
        model: A name of the registry, or of a method that was run elsewhere with this size.
    """

    data: Dataset
    line: str
    embedding: str
    size: int
    model: str = GAUSSIAN_PROCESS

    @property
    def experiment(self) -> Experiment:
        """Its experiment, shared by all visitors."""
        return cache.experiment(self.data, self.line, self.embedding)

    @classmethod
    def of_trained(cls, data: Dataset, line: str) -> "Selection":
        """Return what there is to select of a line's trained model."""
        fitted = data.trained[line].fitted
        return cls(data, line, fitted.known.embedding_name, len(fitted.trained_on))

    @classmethod
    def first(cls, data: Dataset) -> "Selection":
        """Return what pages show of a data set before anything is chosen."""
        line = data.lines[0]
        if data.trained:
            return cls.of_trained(data, line)
        return cls(data, line, data.embedding_choices[0], cache.training_sizes(data)[-1])

    @property
    def trained(self) -> TrainedModel | None:
        """The trained model that replaces a missing screen."""
        return self.data.trained.get(self.line)

    @property
    def known(self) -> GeneVectors:
        """Finds genes and their vectors."""
        return self.trained.fitted.known if self.trained else self.experiment.problem

    @property
    def screen(self) -> Screen:
        """The responses trained on; of a trained model as far as it has them."""
        return self._kept_responses() if self.trained else self.experiment.problem.screen

    @cached(2)
    def _kept_responses(self) -> Screen:
        return self.data.trained[self.line].responses()

    @property
    def unit(self) -> str:
        """The unit of the line's responses."""
        return self.data.unit(self.line)

    @property
    def raised_only(self) -> bool:
        """Whether responses contain raised genes only, as ranks of these do."""
        return (self.trained or self.screen).raised_only

    @property
    def models(self) -> list[str]:
        """All models, and the methods that were run elsewhere with this size."""
        return [*MODELS, *cache.external(self.data, self.line, self.size)]

    @property
    def method(self) -> str:
        """The model and what it knows the genes by: "Gaussian process on text + sequence"."""
        uses = self.model in MODELS and MODELS[self.model].uses_embedding
        return label(self.model) + (f" on {embedding_label(self.embedding)}" if uses else "")

    @property
    def full_model(self) -> FittedModel:
        """The model that is trained on all perturbations, for genes outside the screen."""
        if self.trained:
            return self.trained.fitted
        return cache.full_model(self.data, self.line, self.embedding, self.model)

    @property
    def not_knocked_down(self) -> list[str]:
        """Genes with a vector that no knockdown is of, found once."""
        return cache.once(self.known.unseen, "unseen", self.data, self.line, self.embedding)

    @cached(32, "Predicting genes that were not knocked down …")
    def unseen(self, measured: str) -> Prediction | None:
        """Predict a measured gene for every gene that was not knocked down.

        None where all were, or the model does not predict the measured gene.
        """
        genes, fitted = self.not_knocked_down, self.full_model
        known = genes and (fitted.genes == measured).any()
        return fitted.predict_one(measured, genes) if known else None

    def of_gene(self, gene: str, what: Hashable, make: Callable[[], T]) -> T:
        """Return what was made of a gene, once for all visitors; it must not hold the data set."""
        data, *others = vars(self).values()
        made = cache.latest("genes").get((data.fingerprint, *others, gene), dict[Hashable, T])
        if what not in made:
            made[what] = make()
        return made[what]

    @property
    def strong(self) -> str:
        """A perturbation with a strong response, for a first view."""
        make = partial(strong_perturbation, self.screen)
        return cache.once(make, "strong", self.data, self.line)

    def fold_of(self, gene: str) -> int | None:
        """Return the fold that tests a gene; None for one outside the screen."""
        tested = gene in self.experiment.problem.screen.perturbations
        return self.experiment.fold_of(gene) if tested else None

    def model_behind(self, gene: str) -> FittedModel:
        """Return the fitted model that predicts a gene.

        For a gene of the screen the one of the fold that does not train on it, for any other one
        that is trained on all perturbations. A trained model goes without the gene's own response.
        """
        if self.trained:
            return self._trained_without(gene)
        fold = self.fold_of(gene)
        if fold is None:
            return self.full_model
        return self._fold_model(fold)

    @cached(8)
    def _trained_without(self, gene: str) -> FittedModel:
        return self.data.trained[self.line].behind(gene)

    # One of the simulated screens takes about 100 MB, and seconds to fit.
    @cached(8)
    def _fold_model(self, fold: int) -> FittedModel:
        return self.experiment.fit_fold(self.model, self.size, fold)

    def reliability(self, gene: str) -> ReliabilityReference:
        """Return what held-out perturbations teach about trusting a gene's prediction.

        A gene outside the screen is judged by the first fold at the largest training size: the
        model that is trained on everything has no perturbation left to be judged by.
        """
        if self.trained:
            return ReliabilityReference.of_trained(self.trained, self.model_behind(gene))
        fold = self.fold_of(gene)
        if fold is None:
            return replace(self, size=self.experiment.largest_training_size)._reliability(0)
        return self._reliability(fold)

    @cached(8, "Looking at held-out knockdowns …")
    def _reliability(self, fold: int) -> ReliabilityReference:
        screen = self.experiment.problem.screen
        held_out = screen.perturbations[self.experiment.tested(fold)]
        return ReliabilityReference.of(self._fold_model(fold), screen, list(held_out))

    @cached(16)
    def changed_alike(self) -> pd.Series:
        """Return of each measured gene whether most knockdowns change it alike."""
        return pd.Series(changed_alike(self.screen.response), index=self.screen.genes)

    @cached(4, "Predicting every knockdown from the others …")
    def held_out(self) -> Sequence[Prediction]:
        """Return predictions of all perturbations, each by a fold that does not train on it.

        A method that was run elsewhere may have left some out.
        """
        if self.trained:
            return [self.trained.predict(list(self.trained.fitted.trained_on))]
        one = cache.external(self.data, self.line, self.size).get(self.model)
        if one is not None:
            return [Prediction(one.perturbations, one.genes, one.delta, None)]
        of = self.experiment
        folds = range(of.settings.folds)
        keys = [of.key(self.model, of.split(self.size, fold)) for fold in folds]
        with nullcontext() if all(map(of.store.has_prediction, keys)) else cancellable():
            return [of.fold_prediction(self.model, self.size, fold) for fold in folds]


def select(
    title: str = "",
    embedding: bool = True,
    model: bool = False,
    trained: bool = False,
    results: bool = False,
) -> Selection:
    """Return what the row above a page has, and draw it: its title and controls.

    Args:
        title: The page's; "" where it makes its own.
        embedding, model: Whether the page has a choice of these; else it is about all embeddings
            joined, and the Gaussian process.
        trained, results: Whether trained models will do, or results that the data set carries,
            without measurements; else the page says so.
    """
    controls, corner = _row(title)
    data = _dataset(corner)
    if not (trained or (results and data.results)):
        needs_measurements(data)
    with controls:
        line = choose("Cell line", "line", data.lines, "The cells that were perturbed.", NARROW)
        if trained and data.trained:
            return Selection.of_trained(data, line)
        source = data.embedding_choices[-1]
        # What is changed less often stands a click away.
        settings = st.popover("Model" if embedding else "Training", icon=":material/tune:")
    with settings:
        if embedding:
            source = choose(
                "Embedding",
                "embedding",
                data.embedding_choices,
                "What the models know about a gene before any experiment: numbers made from text"
                " about it, from its protein sequence, or both side by side.",
                WIDE,
            )
        size = choose(
            "Training perturbations",
            "size",
            cache.training_sizes(data)[::-1],
            "How many knockdowns the models learn from. The others are unseen.",
            NARROW,
        )
        selection = Selection(data, line, source, size)
        if model:
            about = "A built-in model, or the imported predictions of another method."
            every, first = selection.models, GAUSSIAN_PROCESS
            chosen = choose("Model", "model", every, about, WIDE, first=first, shown=label)
            selection = replace(selection, model=chosen)
    return selection


def choose_embeddings(data: Dataset, joined: bool = False) -> Sequence[str]:
    """Return the embeddings whose scores are shown: a choice where there are more than its own.

    Args:
        joined: Whether the last, which joins all others, is shown at first beside its own.
    """
    every = cache.scored(data)[1]
    own = [one for one in data.embedding_choices if one in every] or every
    if own == every:
        return every
    own = [*own, every[-1]] if joined else own
    chosen = st.popover("Embeddings").pills(
        "Embeddings",
        every,
        selection_mode="multi",
        default=own,
        format_func=embedding_label,
        key="embeddings",
        bind="query-params",
        help="What the models know about a gene before any experiment.",
    )
    return chosen or own


def needs_measurements(data: Dataset) -> None:
    """Say that a page needs measurements, and end it, where there are trained models only."""
    if not data.trained:
        return
    st.subheader("This page needs measurements")
    st.markdown(f"The data set *{verbatim(called(data.name))}* has trained models and no screens.")
    with st.container(horizontal=True):
        st.page_link("pages/gene.py", label="See what they predict", icon=":material/genetics:")
        st.page_link("pages/data.py", label="Get screens", icon=":material/database:")
        st.button("Open the simulated data", on_click=open_dataset, args=(SIMULATED,))
    st.stop()


def choose_dataset(title: str = "") -> Dataset:
    """Return the data set that is open; for pages that are about nothing narrower."""
    return _dataset(_row(title)[1])


def _row(title: str) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Draw the title of a page; return the place for controls beside it, and the right corner."""
    st.html(LOOKS)
    row = st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="bottom", key="controls"
    )
    controls = row.container(horizontal=True, vertical_alignment="bottom")
    if title:
        present.begin(title)
        controls.title(title, width="content")
    corner = row.container(horizontal=True, vertical_alignment="center", width="content")
    return controls, corner


def _dataset(corner: DeltaGenerator) -> Dataset:
    """Return the data set that is open; the corner has what it is called, others, and sharing."""
    through_app()
    remember()
    known = [*DatasetStore().names(), *opened_uploads()]
    asked = st.session_state.get("data", st.query_params.get("data", ""))
    names = cache.usable(known, asked)
    if asked in known and asked not in names:
        problem = f"The data set {asked} cannot be used. {cache.holdings(asked).problems[0]}"
        st.warning(verbatim(problem), icon=":material/error:")
    opened = asked if asked in names else names[0]
    words, icon = verbatim(called(opened)), ":material/database:"
    with corner.popover(words, icon=icon, width=WIDE, wrap=False, help=words):
        name = choose(
            "Data",
            "data",
            names,
            "Shared data sets, built-in ones and your uploads.",
        )
        if name in BUILT_IN_DATA:
            st.caption(BUILT_IN_DATA[name])
        if is_upload(name):
            UploadStore().use(name)
            st.caption(
                "This is your upload. Anyone who has this page's address can see it. It is removed"
                f" after {DAYS} days without use."
            )
        st.page_link("pages/data.py", label="About these data; add others", icon=":material/add:")
    with corner:
        present.show_controls()
    return cache.load(name)


def called(name: str) -> str:
    """Return what people call a data set."""
    if name in BUILT_IN_DATA:
        return BUILT_IN_DATA[name]
    return f"{name.partition('.')[0]} (your upload)" if is_upload(name) else name


def opened_uploads() -> list[str]:
    """Return existing uploads that this visitor made or opened by a link.

    Says so if the address names one that is gone.
    """
    opened: dict[str, None] = st.session_state.setdefault("own", {})
    asked = st.query_params.get("data", "")
    uploads = UploadStore()
    if is_upload(asked) and asked not in opened:
        if uploads.exists(asked):
            opened[asked] = None
        else:
            st.warning(GONE, icon=":material/history:")
    return [name for name in opened if uploads.exists(name)]


def open_dataset(name: str) -> None:
    """Open another data set; called before `choose_dataset`, as from a button."""
    if is_upload(name):
        st.session_state.setdefault("own", {})[name] = None
    st.session_state["data"] = name


def address_of(selection: Selection, page: str, query: dict[str, str]) -> str:
    """Return a page's address with a query, and the data, line, size and embedding selected."""
    data = selection.data
    shown: dict[str, tuple[object, object]] = {
        "data": (data.name, cache.first_choice()),
        "line": (selection.line, data.lines[0]),
    }
    if not data.trained:
        shown["size"] = selection.size, cache.training_sizes(data)[-1]
        shown["embedding"] = selection.embedding, data.embedding_choices[0]
    # Controls take their first value out of the address, each in a step of the browser's history.
    view = {name: value for name, (value, first) in shown.items() if value != first}
    return f"{page}?{urlencode({**view, **carried(), **query})}"


def show_link(address: str, words: str) -> None:
    """Show a link to another page of this app, in the same tab."""
    # After Streamlit's own ways to another page, the browser's way back leads to addresses that
    # lack what was chosen.
    st.html(f'<a style="color: inherit" href="{escape(address)}">{escape(words)}</a>')


def choose(
    words: str,
    key: str,
    options: list[T],
    help: str | None = None,
    width: Literal["stretch"] | int = "stretch",
    first: T | None = None,
    shown: Callable[[T], str] = str,
    labelled: bool = True,
) -> T:
    """Return one of the options, kept in the address; the first of them at first, or `first`.

    Args:
        labelled: Whether the words stand above it; else they are for those who do not see it.
    """
    first = options[0] if first is None else first
    spell(words, key, lambda: map(shown, options), shown(first))
    gone = st.session_state.get(key, first) not in options
    if gone:
        # Streamlit would show another value, but leave the old one in the address.
        st.session_state[key] = first
    chosen = st.selectbox(
        words,
        options,
        # Streamlit wants one default, and the session has just been given one.
        index=0 if gone else options.index(first),
        key=key,
        bind="query-params",
        format_func=shown,
        help=help,
        width=width,
        label_visibility="visible" if labelled else "collapsed",
    )
    # A value that came with the address may not be on offer for this data set.
    return chosen if chosen in options else first


def one_of(
    words: str,
    key: str,
    options: Mapping[Word, str],
    help: str | None = None,
    beside: bool = False,
) -> Word:
    """Return one of a few words, a button each; the first at first.

    Args:
        key: In the address, which has the word.
        options: Word -> what people read, which the address may have too.
        beside: Whether the label stands beside the buttons, in a low row of controls.
    """
    first = next(iter(options))
    words_of = {said: word for word, said in options.items()} | {word: word for word in options}
    if beside:
        st.caption(words, width="content")
    # Streamlit would write what people read into the address.
    name = asked(words, key, words_of, options[first])
    st.session_state[key] = first if name is None else words_of[name]
    return (
        st.segmented_control(
            words,
            list(options),
            key=key,
            required=True,
            format_func=options.__getitem__,
            on_change=_write,
            args=(key, first),
            help=help,
            label_visibility="collapsed" if beside else "visible",
            width="content",
        )
        or first
    )


def _write(key: str, first: str) -> None:
    """Write the word that was chosen into the address, unless it is the first."""
    word = st.session_state[key]
    if word == first:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = word


def relative_to_mean() -> bool:
    """Return whether responses are to be shown relative to the mean response, not to control."""
    against = {"control": "control", "mean": "mean response"}
    about = (
        "Most knockdowns change some genes in the same way. Subtract the mean response of all"
        " knockdowns to see what is specific to one."
    )
    return one_of("Relative to", "against", against, about, beside=True) == "mean"


def change_beyond(unit: str, raised_only: bool) -> float:
    """Return the change whose probability tables tell, 0 or more, kept in the address."""
    found = st.number_input(
        "Change beyond",
        0.0,
        None,
        0.0,
        format="%g",
        key="beyond",
        bind="query-params",
        help="Tables and their CSV tell the probability that a gene is measured above this"
        f"{'' if raised_only else ', and below minus this'}, in {unit}.",
    )
    return float(found or 0)


def every_dot(of: str = "gene") -> bool:
    """Return whether each gene, or knockdown, is a dot in scatters, where shades would do."""
    return st.toggle(
        f"Every {of} as a dot",
        key="dots",
        bind="query-params",
        help=f"Draw every {of} in scatter plots and their exports. Otherwise, shading shows where"
        f" {of}s are dense.",
    )


def how_many(words: str, key: str, counts: Sequence[int] = (10, 20, 30, 50)) -> int:
    """Return how many are to be shown, kept in the address; the second of the counts at first."""
    return st.select_slider(words, counts, value=counts[1], key=key, bind="query-params")
