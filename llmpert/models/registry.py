"""All models by the name that command line, results and pages use.

Another package adds models by entry points of the group `llmpert.models`, each a `ModelSpec` or a
list of them; `regressor` makes one of a scikit-learn regressor.
"""

import logging
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from llmpert.errors import InputError

log = logging.getLogger(__name__)

GROUP = "llmpert.models"
"""Of entry points by which installed packages name their models."""

GAUSSIAN_PROCESS = "gp"
"""The model of pages and commands where none is chosen, and the one that pages explain."""


@dataclass(frozen=True)
class ModelSpec:
    """How one model is built and spoken of.

    Attributes:
        name, label, summary: In results and on the command line; in figures; one sentence for help.
        build: Makes an unfitted model from a seed and the columns of the inputs that belong to each
            source. `fit` takes inputs (N x components) and responses (N x genes), `predict` inputs.
        version: Raised whenever the model's predictions change, so that older results are not used.
        uses_embedding, stochastic: Whether the inputs matter, and whether the seed does.
        gives_std: Whether `predict` takes `return_std=True`, and `distribution_` says what
            becomes of predictions; without it, intervals are those of a normal distribution.
        uses_cells: Whether `fit` takes the number of cells behind each response.
        copies: What inputs end with, a column an output (`llmpert.embeddings.joined.COPY`): what
            the knockdowns did in another line (`LINE`), or how the perturbed genes vary with others
            over control cells (`CONTROL_CELLS`); "" for nothing.
        settings: What else predictions depend on: kept fits of other settings are not used.
        origin: The package that it comes from; "" for llmpert.
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
    copies: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    origin: str = ""


LINE, CONTROL_CELLS = "responses of another line", "covariances of control cells"
"""What models copy from."""

GP, COPIES = "llmpert.models.gp.regressor", "llmpert.models.elsewhere"


def _gaussian_process(seed: int, parts: Mapping[str, slice], **options: Any) -> Any:
    return _model(GP, "GaussianProcess")(parts, **options)


def _model(module: str, name: str) -> Any:
    # torch, GPyTorch and scikit-learn take seconds to import; help texts and pages that only draw
    # need none of them.
    return getattr(import_module(module), name)


_OWN: dict[str, ModelSpec] = {
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
            version=5, gives_std=True,
        ),
        ModelSpec(
            GAUSSIAN_PROCESS, "Gaussian process",
            "Smooth interpolation between training genes: one RBF kernel an embedding, and error"
            " bars that differ between genes.",
            _gaussian_process,
            version=6, gives_std=True, uses_cells=True,
        ),
    )
}  # fmt: skip


EVALUATED: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            "stack", "Stack",
            "Boosted trees join Gaussian processes and the nearest knockdowns, having learnt from"
            " leave-one-out predictions what becomes of them.",
            lambda seed, parts: _model("llmpert.models.stack", "Stack")(parts),
            version=3, uses_cells=True,
        ),
        ModelSpec(
            "majority", "Majority direction",
            "Each gene moves as most training knockdowns move it, by its mean absolute response.",
            lambda seed, parts: _model("llmpert.models.baselines", "MajorityDirection")(),
            uses_embedding=False,
        ),
        ModelSpec(
            "covariance", "Covariance of control cells",
            "Expression moves as it varies together with the perturbed gene over unperturbed cells,"
            " times one number by least squares (CIPHER).",
            lambda seed, parts: _model(COPIES, "ScaledCopy")(parts),
            uses_embedding=False, copies=CONTROL_CELLS,
        ),
        ModelSpec(
            "copy", "Copy of another line",
            "What the same knockdown did in another line.",
            lambda seed, parts: _model(COPIES, "Copy")(parts),
            uses_embedding=False, copies=LINE,
        ),
        ModelSpec(
            "copy-centred", "Centred copy",
            "The mean response, and how the same knockdown differed from the mean in another line.",
            lambda seed, parts: _model(COPIES, "CentredCopy")(parts),
            uses_embedding=False, copies=LINE,
        ),
        ModelSpec(
            "copy-shrunk", "Shrunken copy",
            "As the centred copy, the difference times a weight by least squares.",
            lambda seed, parts: _model(COPIES, "CentredCopy")(parts, shrunk=True),
            uses_embedding=False, copies=LINE,
        ),
        ModelSpec(
            "gp-copy", "Gaussian process beyond the copy",
            "The shrunken copy of another line, and a Gaussian process of what it leaves.",
            lambda seed, parts: _model(COPIES, "BeyondCopy")(parts),
            version=2, uses_cells=True, copies=LINE,
        ),
        ModelSpec(
            "stack-copy", "Stack with a copy",
            "The stack, which also sees what the same knockdown did in another line.",
            lambda seed, parts: _model("llmpert.models.stack", "Stack")(parts),
            version=3, uses_cells=True, copies=LINE,
        ),
    )
}  # fmt: skip
"""Models that are evaluated alone, by commands and from Python: a stack takes longer than a page
can wait for, others predict what was measured in another line."""


def regressor(name: str, estimator: Any, label: str = "", summary: str = "") -> ModelSpec:
    """Return a model made of a scikit-learn regressor of several outputs at once.

    Every fit gets a fresh clone, its random state set by the fit's seed where it is None. All
    parameters of the estimator name kept fits, so that none is used after one has changed.

    Args:
        name: On the command line and in results, such as "forest".
        estimator: Unfitted, or a pipeline; for one output a gene wrap it in `MultiOutputRegressor`.
        label, summary: In figures, and a sentence for help; by default the name.
    """
    parameters = estimator.get_params()
    kind = type(estimator)
    settings = {"estimator": f"{kind.__module__}.{kind.__qualname__}"} | parameters
    random = [key for key, value in parameters.items() if _is_random(key) and value is None]

    def build(seed: int, parts: Mapping[str, slice]) -> Any:
        from sklearn.base import clone

        return clone(estimator).set_params(**dict.fromkeys(random, seed))

    return ModelSpec(
        name, label or name, summary or f"{kind.__name__} of scikit-learn's kind.", build,
        stochastic=bool(random),
        settings=tuple(sorted((key, repr(value)) for key, value in settings.items())),
    )  # fmt: skip


def _is_random(parameter: str) -> bool:
    return parameter.rpartition("__")[2] == "random_state"


def installed() -> Iterator[ModelSpec]:
    """Yield the models of other packages; one that cannot be used is logged, not raised.

    A package that is broken must not stop the program: `llmpert doctor` says what is wrong with it.
    """
    for package, found in offered():
        if isinstance(found, ModelSpec):
            yield found
        else:
            log.warning("model not loaded", extra={"package": package, "reason": str(found)})


def offered() -> Iterator[tuple[str, ModelSpec | Exception]]:
    """Yield what each package's entry points give: models, and why others cannot be used."""
    own = (_OWN | EVALUATED).values()
    taken = {word for spec in own for word in (spec.name, spec.label)}
    for point in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        package = point.dist.name if point.dist else point.value
        try:
            given = point.load()
            for spec in given if isinstance(given, list | tuple) else [given]:
                yield package, replace(_checked(spec, package, taken), origin=package)
                taken |= {spec.name, spec.label}
        except Exception as problem:  # whatever another package's code raises
            yield package, problem


def _checked(spec: Any, package: str, taken: set[str]) -> ModelSpec:
    from llmpert.io.names import check_names  # help texts need no pandas

    if not isinstance(spec, ModelSpec):
        expected = "a ModelSpec, as llmpert.models.registry.regressor makes one"
        raise InputError.of_file(package, expected, f"a {type(spec).__name__}")
    check_names(package, "model", [spec.name, spec.label])
    if again := sorted({spec.name, spec.label} & taken):
        raise InputError.of_file(package, "a model with a name of its own", repr(again[0]))
    return spec


MODELS: dict[str, ModelSpec] = _OWN | {spec.name: spec for spec in installed()}
"""The models of llmpert that pages offer, then those of other packages."""

EVERY = ChainMap(EVALUATED, MODELS)
"""These, then those that are evaluated alone."""


def gaussian_process(components: int | None = None) -> ModelSpec:
    """Return `gp` with at most so many components of the responses; None leaves its own number."""
    gp = MODELS[GAUSSIAN_PROCESS]
    if components is None:
        return gp
    build = partial(_gaussian_process, components=components)
    return replace(gp, build=build)


def label(model: str) -> str:
    """Return a model's label; a method that was run elsewhere is called by its name."""
    return EVERY[model].label if model in EVERY else model
