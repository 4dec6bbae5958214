"""All models by the name that command line, results and pages use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class ModelSpec:
    """How one model is made and spoken of.

    Attributes
    ----------
    name:
        In results and on the command line.
    label:
        In figures and tables.
    summary:
        One sentence for tooltips and help.
    build:
        Makes an unfitted model from a seed and the columns of the inputs that belong to each
        source.
    version:
        Raised whenever the model's predictions change, so that older cached results are not used.
    uses_embedding:
        Whether the inputs matter; results of models that do not use them carry no embedding.
    stochastic:
        Whether the seed matters.
    gives_std:
        Whether `predict` takes `return_std=True`, and `intervals_` tells what to make of it.
    uses_cells:
        Whether `fit` takes the number of cells behind each response.
    """

    name: str
    label: str
    summary: str
    build: Callable[[int, Mapping[str, slice]], Any]
    version: int = 1
    uses_embedding: bool = True
    stochastic: bool = False
    gives_std: bool = False
    uses_cells: bool = False


def _imported(module: str, name: str) -> Any:
    # torch, GPyTorch and scikit-learn take seconds to import; help texts and pages that only draw
    # need none of them.
    return getattr(import_module(f"llmpert.models.{module}"), name)


MODELS: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="random",
            label="Random perturbation",
            summary="The response of one training knockdown, drawn at random.",
            build=lambda seed, parts: _imported("random", "RandomPerturbation")(seed),
            uses_embedding=False,
            stochastic=True,
        ),
        ModelSpec(
            name="no-change",
            label="No change",
            summary="Expression as in control: a response of zero.",
            build=lambda seed, parts: _imported("no_change", "NoChange")(),
            uses_embedding=False,
        ),
        ModelSpec(
            name="mean",
            label="Non-control mean",
            summary="The mean response over all training knockdowns, the same for every gene.",
            build=lambda seed, parts: _imported("mean", "NonControlMean")(),
            uses_embedding=False,
        ),
        ModelSpec(
            name="knn",
            label="kNN (k = 1)",
            summary="The response of the training gene nearest in the embedding.",
            build=lambda seed, parts: _imported("neighbours", "Neighbours")(),
        ),
        ModelSpec(
            name="linear",
            label="Linear regression",
            summary="Ordinary least squares from the embedding to every measured gene.",
            build=lambda seed, parts: _imported("linear", "Linear")(),
        ),
        ModelSpec(
            name="ridge",
            label="Ridge regression",
            summary="Least squares from the embedding to every measured gene with a penalty chosen"
            " by leave-one-out, as in GenePert.",
            build=lambda seed, parts: _imported("ridge", "Ridge")(),
        ),
        ModelSpec(
            name="components",
            label="Linear on components",
            summary="Linear regression from the embedding to the ten leading components of the"
            " responses (Ahlmann-Eltze et al. 2025).",
            build=lambda seed, parts: _imported("pc_linear", "PCLinear")(),
        ),
        ModelSpec(
            name="gp-paper",
            label="Gaussian process (paper)",
            summary="One RBF kernel over all embeddings side by side, one noise for all genes, as"
            " published.",
            build=lambda seed, parts: _imported("gp", "GaussianProcess")(noise="shared"),
            version=3,
            gives_std=True,
        ),
        ModelSpec(
            name="gp",
            label="Gaussian process",
            summary="Smooth interpolation between training genes: one RBF kernel an embedding, and"
            " error bars that differ between genes.",
            build=lambda seed, parts: _imported("gp", "GaussianProcess")(parts),
            version=4,
            gives_std=True,
            uses_cells=True,
        ),
    )
}


def label(model: str) -> str:
    """What a model of a table of results is called in figures and tables.

    The registry's label; a method that was run elsewhere ("GEARS", "GEARS (published)") is called
    by its name.
    """
    return MODELS[model].label if model in MODELS else model
