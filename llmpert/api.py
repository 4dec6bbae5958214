"""What `import llmpert` offers: from two files to a predicted response and its figure."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from llmpert import __version__
from llmpert.embeddings import BUILT_IN, Embedding, built_in, read_embedding
from llmpert.errors import InputError
from llmpert.evaluation import trained
from llmpert.evaluation.experiment import Experiment, FittedModel, Settings
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.problem import GeneVectors, Problem
from llmpert.insight.reliability import EXPRESSED, ReliabilityReference, Trust, Verdict, expression
from llmpert.insight.report_card import report_card
from llmpert.io.hashing import fingerprint
from llmpert.models.distribution import INTERVAL
from llmpert.models.registry import GAUSSIAN_PROCESS, MODELS, ModelSpec, regressor
from llmpert.screens import Screen, read_screen

if TYPE_CHECKING:  # each takes a second
    import anndata
    import plotly.graph_objects as go

__all__ = [
    "Embedding", "InputError", "Model", "ModelSpec", "Prediction", "Screen", "TrainedModel", "fit",
    "load_model", "read_embedding", "read_screen", "regressor", "report_card", "train",
]  # fmt: skip

FORMAT, FORMAT_VERSION = "llmpert-prediction", 1


class _Answers(ABC):
    """What is made of predictions, by models that were fitted here and those read from files."""

    @property
    @abstractmethod
    def _known(self) -> GeneVectors:
        """Genes, their vectors, and which of them were knocked down."""

    @property
    @abstractmethod
    def _of(self) -> "Screen | trained.TrainedModel":
        """What has the line, the unit and the control mean."""

    @property
    @abstractmethod
    def _genes(self) -> np.ndarray:
        """The genes of the control mean."""

    @abstractmethod
    def _reference(self, gene: str) -> ReliabilityReference | None:
        """Return what judges the prediction of a gene; None of a model that cannot be judged."""

    @abstractmethod
    def _measured(self, perturbation: str, genes: np.ndarray) -> np.ndarray | None:
        """Return what was measured, where it is known."""

    @abstractmethod
    def _about(self, perturbations: Sequence[str]) -> dict[str, Any]:
        """Return what made the predictions of these genes: model, data, settings, fingerprint."""

    def trust(self, gene: str) -> Verdict | None:
        """Judge how far a gene's prediction can be trusted, without its measurement.

        By how well knockdowns like it are predicted when they are held out. A model fitted to a
        screen is fitted once more for it: to all folds but one.

        Returns:
            The verdict; None of a model other than the Gaussian processes, which are not judged.

        Raises:
            InputError: The gene is unknown, ambiguous, or has no vector in one of the embeddings.
        """
        name = self._known.perturbation(gene) or gene
        reference = self._reference(name)
        if reference is None:
            return None
        return replace(reference.judge(name), expression=self._expression(name))

    def _expression(self, name: str) -> float | None:
        return expression(self._genes, self._of.control_mean, self._of.unit, name)

    def _trust_in(self, genes: Sequence[str]) -> list[Trust]:
        """Return how far to trust each gene's prediction; none of a model that is not judged."""
        unseen = [gene for gene in genes if self._known.perturbation(gene) is None]
        found: dict[str, Trust] = {}
        if unseen:
            reference = self._reference(unseen[0])
            if reference is None:
                return []
            # Thousands of genes are looked at together.
            judged = reference.trust_in(reference.values_of_all(unseen))
            found = dict(zip(unseen, judged, strict=True))
        for gene in found:
            level = self._expression(gene)
            if level is not None and level < EXPRESSED:
                found[gene] = "low"
        for gene in genes:
            if gene not in found and (verdict := self.trust(gene)):
                found[gene] = verdict.trust
        return [found[gene] for gene in genes if gene in found]

    def to_anndata(self, prediction: Prediction) -> "anndata.AnnData":
        """Return predictions of this model as AnnData, knockdowns x measured genes.

        `X` is the mean. Of models that give standard deviations `layers` has `sd`, `median`,
        `low95` and `high95`, of a new measurement. `obs` says of each knockdown: `gene`, its
        current symbol; `matched`, the kind of name it was given by ("name" where the gene table
        knows none);
        `measured`, whether it was knocked down in the screen; and `trust` ("high", "fair", "low",
        "unknown") of models that can be judged. `var` has `control_mean` where it is known.
        `uns["llmpert"]` says what made them: model, data, settings, and a fingerprint of these.
        """
        import anndata

        names = [str(name) for name in prediction.perturbations]
        found = [self._known.resolve(name) for name in names]
        obs = {
            "gene": [one.gene.symbol if one.gene else one.name for one in found],
            "matched": [(one.gene and one.how) or "name" for one in found],
            "measured": [self._known.perturbation(name) is not None for name in names],
        }
        trust = self._trust_in(names)
        var = pd.DataFrame(index=pd.Index(prediction.genes.astype(str), name="gene"))
        if self._of.control_mean is not None:
            control = pd.Series(self._of.control_mean, self._genes)
            var["control_mean"] = control[prediction.genes].to_numpy()
        layers = {} if prediction.std is None else {"sd": prediction.std}
        interval, median = prediction.interval(INTERVAL), prediction.quantile(0.5)
        if interval is not None and median is not None:
            ends = {"median": median, "low95": interval[0], "high95": interval[1]}
            layers |= {name: values.astype(np.float32) for name, values in ends.items()}
        about = {"format": FORMAT, "version": FORMAT_VERSION, "llmpert": __version__}
        return anndata.AnnData(
            X=prediction.bounded.copy(),
            obs=pd.DataFrame(obs | ({"trust": trust} if trust else {}), index=names),
            var=var,
            layers=layers,
            uns={"llmpert": about | self._about(names)},
        )

    def plot(self, prediction: Prediction, count: int = 20) -> "go.Figure":
        """Draw the `count` strongest responses predicted for one gene, beside any measured ones.

        Raises:
            InputError: The prediction is of several genes.
        """
        from llmpert.figures.prediction import ranked_genes
        from llmpert.figures.theme import mark_simulated

        if len(prediction.perturbations) != 1:
            raise InputError(
                f"Expected the prediction of one gene, found {len(prediction.perturbations)}:"
                " take one with prediction.row(gene)."
            )
        perturbation = self._known.perturbation(prediction.perturbations[0])
        measured = self._measured(perturbation, prediction.genes) if perturbation else None
        raised, unit = self._of.raised_only, self._of.unit
        figure = ranked_genes(prediction, measured, unit, count, raised_only=raised)
        return mark_simulated(figure) if self._of.simulated else figure


@dataclass(frozen=True, eq=False)
class Model(_Answers):
    """A model of a screen's responses, for every gene with a vector in its embeddings.

    `fitted` is the fit to all perturbations; `experiment.problem.left_out` says which perturbations
    are missing and why.
    """

    experiment: Experiment
    fitted: FittedModel
    _references: dict[int, ReliabilityReference] = field(
        default_factory=dict, init=False, repr=False
    )

    @property
    def name(self) -> str:
        """The kind of model, by its name in `llmpert.models.registry`."""
        return self.fitted.spec.name

    @property
    def problem(self) -> Problem:
        """What the model learns from."""
        return self.experiment.problem

    def predict(self, genes: str | Sequence[str]) -> Prediction:
        """Predict responses to knocking down genes, in the screen's unit: genes x measured genes.

        Genes are given by symbol, alias, Ensembl id or UniProt accession. Their own responses are
        never trained on: those of `genes` that the screen has, under whatever name, are held out
        together, and the model is fitted again without them.

        Raises:
            InputError: A gene is unknown, ambiguous, or has no vector in one of the embeddings.
        """
        names = [genes] if isinstance(genes, str) else list(genes)
        for name in names:
            self.problem.find(name)  # says what is wrong before anything is fitted
        held_out = self.problem.perturbations_of(names)
        fitted = self.experiment.fit_all(self.fitted.spec, held_out) if held_out else self.fitted
        return fitted.predict(names)

    @property
    def _known(self) -> GeneVectors:
        return self.problem

    @property
    def _of(self) -> Screen:
        return self.problem.screen

    @property
    def _genes(self) -> np.ndarray:
        return self.problem.screen.genes

    def _reference(self, gene: str) -> ReliabilityReference | None:
        if not hasattr(self.fitted.model, "leave_one_out"):
            return None
        screen, experiment = self.problem.screen, self.experiment
        fold = experiment.fold_of(gene) if gene in screen.perturbations else 0
        if fold not in self._references:
            tested = list(screen.perturbations[experiment.tested(fold)])
            fitted = experiment.fit_fold(self.fitted.spec, experiment.largest_training_size, fold)
            self._references[fold] = ReliabilityReference.of(fitted, screen, tested)
        return self._references[fold]

    def _measured(self, perturbation: str, genes: np.ndarray) -> np.ndarray:
        return self.problem.screen.select([perturbation], list(genes)).response[0]

    def _about(self, perturbations: Sequence[str]) -> dict[str, Any]:
        problem, spec = self.problem, self.fitted.spec
        held_out = problem.perturbations_of(perturbations)
        settings = self.experiment.settings.record()
        made_of = (problem.screen.fingerprint, problem.fingerprint, settings, held_out)
        return {
            "model": spec.name,
            "line": problem.screen.line,
            "unit": problem.screen.unit,
            "embeddings": [one.name for one in problem.embeddings],
            "trained_on": len(problem.perturbations) - len(held_out),
            "settings": settings,
            "simulated": problem.simulated,
            "fingerprint": fingerprint(spec.name, spec.version, spec.settings, *made_of),
        }


class TrainedModel(trained.TrainedModel, _Answers):
    """A trained model, read from a file or to be saved as one; it answers without its screen."""

    @classmethod
    def with_answers(cls, model: trained.TrainedModel) -> "TrainedModel":
        """Return the same model, as one that answers."""
        return cls(**{one.name: getattr(model, one.name) for one in fields(model)})

    @property
    def _known(self) -> GeneVectors:
        return self.fitted.known

    @property
    def _of(self) -> trained.TrainedModel:
        return self

    @property
    def _genes(self) -> np.ndarray:
        return self.fitted.genes

    def _reference(self, gene: str) -> ReliabilityReference:
        return ReliabilityReference.of_trained(self, self.behind(gene))

    def _measured(self, perturbation: str, genes: np.ndarray) -> None:
        return None

    def _about(self, perturbations: Sequence[str]) -> dict[str, Any]:
        arrays, spec = self.fitted.model.arrays(), self.fitted.spec
        parts = (part for name in sorted(arrays) for part in (name, arrays[name]))
        settings = (self.provenance or {}).get("settings", {})
        return {
            "model": spec.name,
            "line": self.line,
            "unit": self.unit,
            "embeddings": list(self.sources),
            "trained_on": len(self.fitted.trained_on),
            "settings": {name: value for name, value in settings.items() if value is not None},
            "simulated": self.simulated,
            "fingerprint": fingerprint(sorted(self.sources.items()), *parts),
        }


def fit(screen: Screen, *embeddings: Embedding, model: str | ModelSpec = GAUSSIAN_PROCESS) -> Model:
    """Fit a model to all perturbations that every embedding knows.

    Args:
        embeddings: By default those of human genes that come with llmpert.
        model: By its name in `llmpert.models.registry`, or one that `regressor` made.

    Raises:
        InputError: There is no such model, or screen and embeddings share fewer than two genes.
    """
    if isinstance(model, str) and model not in MODELS:
        raise InputError(f"Expected a model among {', '.join(MODELS)}, found {model!r}.")
    experiment = _experiment(screen, embeddings)
    return Model(experiment, experiment.fit_all(model))


def train(screen: Screen, *embeddings: Embedding, components: int | None = None) -> TrainedModel:
    """Train a model that `save` writes as one file, which predicts without the screen.

    Args:
        embeddings: By default those of human genes that come with llmpert.
        components: Components of the responses that it has at most; the rest is noise to it, and
            not in the file.

    Raises:
        InputError: The responses have no signal, or screen and embeddings share too few genes.
    """
    from llmpert.insight.training import train as train_one

    return TrainedModel.with_answers(train_one(_experiment(screen, embeddings), components))


def _experiment(screen: Screen, embeddings: Sequence[Embedding]) -> Experiment:
    known = embeddings or [built_in(name) for name in BUILT_IN]
    return Experiment(Problem.align(screen, known), Settings(n_hvgs=len(screen.genes)))


def load_model(path: str | Path, *embeddings: Embedding) -> TrainedModel:
    """Read a model that `TrainedModel.save` or the command `train` wrote.

    Give the embeddings it was trained with where they do not come with llmpert.

    Raises:
        InputError: It is no such file or is damaged, or an embedding is another or missing.
    """
    return TrainedModel.with_answers(trained.TrainedModel.load(path, embeddings))
