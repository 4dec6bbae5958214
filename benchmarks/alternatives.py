"""Alternatives to the Gaussian process on the rank-score benchmark, as a table of a page.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.alternatives [--write]

Every alternative predicts the very same held-out perturbations as `gp`: the folds, the training
size and the genes are those of `Experiment`, and so is the metric, Pearson over all genes. Whatever
an alternative tunes, it tunes by cross-validation or marginal likelihood inside the training part.
Finished folds are kept in the data folder, by the content of this file: a stopped run goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
from gpytorch.kernels import MaternKernel, RQKernel
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from benchmarks.page import markdown, publish, to_pages
from benchmarks.real import read
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.metrics import pearson
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.splits import Split
from llmpert.io.hashing import fingerprint
from llmpert.models.gp.kernels import RBF
from llmpert.models.gp.regressor import GaussianProcess
from llmpert.models.registry import GAUSSIAN_PROCESS, MODELS

Parts = Mapping[str, slice]


class OfScaledSquares:
    """A kernel of d²/l²: its slope along log l is that along -2 d²."""

    at: Callable[[torch.Tensor], torch.Tensor]

    def with_slope(self, squares: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As in `RBF`, by automatic differentiation."""
        return torch.func.jvp(self.at, (squares,), (-2 * squares,))


class Matern12(OfScaledSquares, MaternKernel):
    """Matérn 1/2."""

    def at(self, squares: torch.Tensor) -> torch.Tensor:
        """exp(-d/l)."""
        return (-_root(squares) / self.lengthscale).exp()


class Matern32(OfScaledSquares, MaternKernel):
    """Matérn 3/2."""

    def at(self, squares: torch.Tensor) -> torch.Tensor:
        """(1 + √3 d/l) exp(-√3 d/l)."""
        scaled = 3**0.5 * _root(squares) / self.lengthscale
        return (1 + scaled) * (-scaled).exp()


class RationalQuadratic(OfScaledSquares, RQKernel):
    """With a fixed alpha: the search moves ratios and lengthscales only."""

    def __init__(self, fixed: float, **options: Any) -> None:
        super().__init__(**options)
        self.initialize(alpha=fixed)

    def at(self, squares: torch.Tensor) -> torch.Tensor:
        """(1 + d²/2αl²)^-α."""
        return (1 + squares / self.lengthscale.square() / (2 * self.alpha)) ** -self.alpha


class NearlyLinear(OfScaledSquares, RBF):
    """An RBF ten times as long as its lengthscale says.

    1 - d²/2l² is all that is left of it, and that is a linear kernel and a constant.
    """

    def at(self, squares: torch.Tensor) -> torch.Tensor:
        """exp(-d²/200l²)."""
        return (squares * (-0.005 / self.lengthscale.square())).exp()


def _root(squares: torch.Tensor) -> torch.Tensor:
    """Distances; their slope at 0 is taken for 0 instead of infinity."""
    return squares.clamp_min(1e-300).sqrt()


class WithKernel(GaussianProcess):
    """With another kernel of every source than an RBF."""

    def __init__(self, parts: Parts | None = None, kernel: Callable[..., Any] = RBF) -> None:
        super().__init__(parts)
        self.kernel = kernel

    @property
    def kernel_class(self) -> Callable[..., Any]:
        """The kernel, as `GaussianProcess` asks for it."""
        return self.kernel


class MostLikely(BaseEstimator):
    """The candidate under which the training responses are most likely."""

    def __init__(self, candidates: Sequence[GaussianProcess]) -> None:
        self.candidates = candidates

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "MostLikely":
        """Fit all candidates."""
        fitted = [candidate.fit(Z, Y) for candidate in self.candidates]
        self.best_ = max(fitted, key=lambda model: model.log_marginal_likelihood_)
        return self

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """Predict by the best."""
        return self.best_.predict(Z)


def linear_and_rbf(parts: Parts) -> GaussianProcess:
    kinds = cycle((RBF, NearlyLinear))
    twice = {f"{name} {kind}": part for name, part in parts.items() for kind in ("rbf", "linear")}
    return WithKernel(twice, lambda **options: next(kinds)(**options))


def rational_quadratic(parts: Parts) -> MostLikely:
    return MostLikely(
        [WithKernel(parts, partial(RationalQuadratic, alpha)) for alpha in (0.5, 1, 2)]
    )


def centred(regressor: Any) -> TransformedTargetRegressor:
    """With the training mean taken off the responses first."""
    return TransformedTargetRegressor(
        regressor, transformer=StandardScaler(with_std=False), check_inverse=False
    )


def tuned(model: Any, choices: Mapping[str, Sequence[Any]]) -> GridSearchCV:
    """The best of all combinations by mean Pearson over inner folds of the training part."""

    def score(fitted: Any, Z: np.ndarray, Y: np.ndarray) -> float:
        return float(np.nanmean(pearson(fitted.predict(Z), Y)))

    return GridSearchCV(model, choices, scoring=score, cv=KFold(3, shuffle=True, random_state=0))


def low_rank(parts: Parts) -> GridSearchCV:
    model = TransformedTargetRegressor(
        GaussianProcess(parts, noise="shared"),
        transformer=PCA(svd_solver="full"),
        check_inverse=False,
    )
    return tuned(model, {"transformer__n_components": [5, 10, 20, 40, 80]})


def kernel_ridge(parts: Parts) -> GridSearchCV:
    choices = {"regressor__alpha": 10 ** np.arange(-1.5, 1.1, 0.5)}
    # Rows have a mean squared length of 1 in each source.
    choices["regressor__gamma"] = 2.0 ** np.arange(-3, 4) / len(parts)
    return tuned(centred(KernelRidge(kernel="rbf")), choices)


def neighbours(parts: Parts) -> GridSearchCV:
    choices = {
        "n_neighbors": [1, 2, 3, 5, 8, 12, 20, 30],
        "metric": ["euclidean", "cosine"],
        "weights": ["uniform", "distance"],
    }
    return tuned(KNeighborsRegressor(), choices)


def components(number: int, problem: Problem) -> tuple[np.ndarray, Parts]:
    inputs, joined = problem.inputs(number)
    return inputs, joined.parts


def weighted(number: int, problem: Problem) -> tuple[np.ndarray, Parts]:
    """Components with their standard deviations to the power 1.5: the leading ones count more."""
    inputs, parts = components(number, problem)
    inputs = inputs * np.sqrt(inputs.std(axis=0))
    for part in parts.values():
        inputs[:, part] /= np.sqrt(np.square(inputs[:, part]).sum(axis=1).mean())
    return inputs, parts


def of_raw_vectors(problem: Problem) -> tuple[np.ndarray, Parts]:
    """Principal components of the vectors as they are, in units of their mean squared length."""
    columns, parts = [], {}
    for name, vectors in problem.vectors.items():
        scores = PCA(50, svd_solver="full").fit_transform(vectors.astype(np.float64))
        columns.append(scores / np.sqrt(np.square(scores).sum(axis=1).mean()))
        parts[name] = slice(50 * len(parts), 50 * len(columns))
    return np.hstack(columns), parts


FIFTY = partial(components, 50)


@dataclass(frozen=True)
class Alternative:
    """A model, made from the columns of each source, and the inputs it gets.

    With `joins`, it differs from another one in how it joins sources only.
    """

    name: str
    build: Callable[[Parts], Any]
    inputs: Callable[[Problem], tuple[np.ndarray, Parts]] = FIFTY
    joins: bool = False


def registered(model: str) -> Callable[[Parts], Any]:
    return lambda parts: MODELS[model].build(0, parts)


GP = Alternative("gp", registered("gp"))
ALTERNATIVES = (
    Alternative("the paper's model (one lengthscale, one noise)", registered("gp-paper")),
    Alternative(
        "a kernel a source, one noise for all genes",
        lambda parts: GaussianProcess(parts, "shared"),
        joins=True,
    ),
    Alternative("one noise, leading components of the responses only", low_rank),
    Alternative("Matérn 3/2", lambda parts: WithKernel(parts, Matern32)),
    Alternative("Matérn 1/2", lambda parts: WithKernel(parts, Matern12)),
    Alternative("rational quadratic", rational_quadratic),
    Alternative("linear + RBF", linear_and_rbf),
    Alternative("kernel ridge, penalty and width tuned", kernel_ridge),
    Alternative("ridge, penalty tuned", registered("ridge")),
    Alternative("nearest neighbours, k, distance and weights tuned", neighbours),
    Alternative("vectors not scaled to length 1", GP.build, of_raw_vectors),
    *(
        Alternative(f"{number} components a source", GP.build, partial(components, number))
        for number in (25, 100, 256)
    ),
    *(
        Alternative(
            f"{number} components, leading ones weighted up",
            GP.build,
            partial(weighted, number),
        )
        for number in (50, 100, 256)
    ),
)


def scores(experiment: Experiment, alternative: Alternative) -> pd.DataFrame:
    """Columns fold and value, a row a held-out perturbation: Pearson over the selected genes."""
    problem, found = experiment.problem, []
    response = problem.screen.response

    def of(part: Split) -> pd.DataFrame:
        inputs, parts = alternative.inputs(problem)
        columns = experiment.variable_genes(part.train_pool)
        model = alternative.build(parts).fit(inputs[part.train], response[part.train][:, columns])
        predicted = model.predict(inputs[part.test])
        values = pearson(predicted, response[part.test][:, columns])
        names = problem.screen.perturbations[part.test]
        return pd.DataFrame({"perturbation": names, "value": values})

    for fold in range(experiment.settings.folds):
        part = experiment.split(experiment.largest_training_size, fold)
        keys = [experiment.key(model, part) for model in (GAUSSIAN_PROCESS, "gp-paper", "ridge")]
        key = fingerprint(Path(__file__).read_bytes(), alternative.name, *keys)
        kept = experiment.store.scores_or(key, partial(of, part))
        found.append(kept.assign(fold=fold).set_index(pd.Index(part.test)))
    return pd.concat(found)


def compare(ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[float, float]:
    """Mean paired difference (theirs - ours), and its standard error over perturbations."""
    difference = theirs["value"] - ours["value"]
    return float(difference.mean()), float(difference.sem())


def table(
    experiments: Mapping[str, Experiment], progress: Callable[[str], None]
) -> list[list[str]]:
    """A header, and a row an alternative: its difference to `gp` in each experiment."""
    ours = {name: scores(experiment, GP) for name, experiment in experiments.items()}
    rows = [["instead of `gp`", *experiments]]
    for alternative in ALTERNATIVES:
        progress(alternative.name)
        row = [alternative.name]
        for name, experiment in experiments.items():
            if alternative.joins and len(experiment.problem.embeddings) == 1:
                row.append("–")
                continue
            mean, error = compare(ours[name], scores(experiment, alternative))
            row.append(f"{mean:+.4f} ± {error:.4f}".replace("-", "−"))
        rows.append(row)
    return rows


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the table, for text alone and for all sources together."""
    data = read()
    problems = [data.problem(line, "+".join(data.embeddings)) for line in data.screens]
    experiments = {
        f"{problem.screen.line}, {what}": Experiment(problem.only(*sources))
        for what, sources in {"text": ["text"], "six": list(data.embeddings)}.items()
        for problem in problems
    }
    with tqdm(total=len(ALTERNATIVES), leave=False) as bar:

        def progress(name: str) -> None:
            bar.set_description(name)
            bar.update()

        found = table(experiments, progress)
    publish("benchmarks.alternatives", markdown(found), write)


if __name__ == "__main__":
    main()
