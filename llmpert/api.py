"""What `import llmpert` offers: from two files to a predicted response and its figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llmpert.embeddings import Embedding, read_embedding
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, FittedModel, Settings
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.trained import TrainedModel
from llmpert.models.registry import GAUSSIAN_PROCESS, MODELS
from llmpert.screens import Screen, read_screen

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = [
    "Embedding", "InputError", "Model", "Prediction", "Screen", "TrainedModel", "fit",
    "load_model", "read_embedding", "read_screen", "train",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Model:
    """A model of a screen's responses, for every gene with a vector in its embeddings.

    `name` is the kind of model in `llmpert.models.registry`, `fitted` the fit to all perturbations;
    `experiment.problem.left_out` says which perturbations are missing and why.
    """

    name: str
    experiment: Experiment
    fitted: FittedModel

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
        fitted = self.experiment.fit_all(self.name, held_out) if held_out else self.fitted
        return fitted.predict(names)

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
        screen, measured = self.problem.screen, None
        perturbation = self.problem.perturbation(prediction.perturbations[0])
        if perturbation is not None:
            measured = screen.select([perturbation], list(prediction.genes)).response[0]
        raised = screen.raised_only
        figure = ranked_genes(prediction, measured, screen.unit, count, raised_only=raised)
        return mark_simulated(figure) if self.problem.simulated else figure


def fit(screen: Screen, *embeddings: Embedding, model: str = GAUSSIAN_PROCESS) -> Model:
    """Fit a model of `llmpert.models.registry` to all perturbations that every embedding knows.

    Raises:
        InputError: There is no such model, or screen and embeddings share fewer than two genes.
    """
    if model not in MODELS:
        raise InputError(f"Expected a model among {', '.join(MODELS)}, found {model!r}.")
    settings = Settings(n_hvgs=len(screen.genes))
    experiment = Experiment(Problem.align(screen, embeddings), settings)
    return Model(model, experiment, experiment.fit_all(model))


def train(screen: Screen, *embeddings: Embedding, components: int | None = None) -> TrainedModel:
    """Train a model that `save` writes as one file, which predicts without the screen.

    Args:
        components: Components of the responses that it has at most; the rest is noise to it, and
            not in the file.

    Raises:
        InputError: The responses have no signal, or screen and embeddings share too few genes.
    """
    from llmpert.insight.training import train as trained

    problem = Problem.align(screen, embeddings)
    return trained(Experiment(problem, Settings(n_hvgs=len(screen.genes))), components)


def load_model(path: str | Path, *embeddings: Embedding) -> TrainedModel:
    """Read a model that `TrainedModel.save` or the command `train` wrote.

    Give the embeddings it was trained with where they do not come with llmpert.

    Raises:
        InputError: It is no such file or is damaged, or an embedding is another or missing.
    """
    return TrainedModel.load(path, embeddings)
