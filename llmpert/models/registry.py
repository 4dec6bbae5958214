"""All models by the name that command line, results and pages use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any

GAUSSIAN_PROCESS = "gp"
"""The model of pages and commands where none is chosen, and the one that pages explain."""


@dataclass(frozen=True)
class ModelSpec:
    """How one model is built and spoken of.

    Attributes:
        name, label, summary: In results and on the command line; in figures; one sentence for help.
        build: Makes an unfitted model from a seed and the columns of the inputs that belong to each
            source.
        version: Raised whenever the model's predictions change, so that older results are not used.
        uses_embedding, stochastic: Whether the inputs matter, and whether the seed does.
        gives_std: Whether `predict` takes `return_std=True`, and `intervals_` says how wide
            intervals are.
        uses_cells: Whether `fit` takes the number of cells behind each response.
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


GP = "llmpert.models.gp.regressor"


def _gaussian_process(seed: int, parts: Mapping[str, slice], **options: Any) -> Any:
    return _model(GP, "GaussianProcess")(parts, **options)


def _model(module: str, name: str) -> Any:
    # torch, GPyTorch and scikit-learn take seconds to import; help texts and pages that only draw
    # need none of them.
    return getattr(import_module(module), name)


MODELS: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            "random", "Random perturbation",
            "The response of one training knockdown, drawn at random.",
            lambda seed, parts: _model("llmpert.models.baselines", "RandomPerturbation")(seed),
            uses_embedding=False, stochastic=True,
        ),
        ModelSpec(
            "no-change", "No change", "Expression as in control: a response of zero.",
            lambda seed, parts: _model("llmpert.models.baselines", "NoChange")(),
            uses_embedding=False,
        ),
        ModelSpec(
            "mean", "Non-control mean",
            "The mean response over all training knockdowns, the same for every gene.",
            lambda seed, parts: _model("llmpert.models.baselines", "NonControlMean")(),
            uses_embedding=False,
        ),
        ModelSpec(
            "knn", "kNN (k = 1)", "The response of the training gene nearest in the embedding.",
            # The paper's default; it may not exceed the number of training perturbations.
            lambda seed, parts: _model("sklearn.neighbors", "KNeighborsRegressor")(n_neighbors=1),
        ),
        ModelSpec(
            "linear", "Linear regression",
            "Ordinary least squares from the embedding to every measured gene.",
            # Fits fewer perturbations than inputs exactly, by the minimum-norm solution.
            lambda seed, parts: _model("sklearn.linear_model", "LinearRegression")(),
        ),
        ModelSpec(
            "ridge", "Ridge regression",
            "Least squares from the embedding to every measured gene with a penalty chosen by"
            " leave-one-out, as in GenePert.",
            lambda seed, parts: _model("llmpert.models.linear", "Ridge")(),
        ),
        ModelSpec(
            "components", "Linear on components",
            "Linear regression from the embedding to the ten leading components of the responses"
            " (Ahlmann-Eltze et al. 2025).",
            lambda seed, parts: _model("llmpert.models.linear", "PCLinear")(),
        ),
        ModelSpec(
            "gp-paper", "Gaussian process (paper)",
            "One RBF kernel over all embeddings side by side, one noise for all genes, as"
            " published.",
            lambda seed, parts: _model(GP, "GaussianProcess")(noise="shared"),
            version=3, gives_std=True,
        ),
        ModelSpec(
            GAUSSIAN_PROCESS, "Gaussian process",
            "Smooth interpolation between training genes: one RBF kernel an embedding, and error"
            " bars that differ between genes.",
            _gaussian_process,
            version=4, gives_std=True, uses_cells=True,
        ),
    )
}  # fmt: skip


def gaussian_process(components: int | None = None) -> ModelSpec:
    """Return `gp` with at most so many components of the responses; None leaves its own number."""
    gp = MODELS[GAUSSIAN_PROCESS]
    if components is None:
        return gp
    build = partial(_gaussian_process, components=components)
    return replace(gp, build=build)


def label(model: str) -> str:
    """Return a model's label; a method that was run elsewhere is called by its name."""
    return MODELS[model].label if model in MODELS else model
