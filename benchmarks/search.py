"""Whether the search for hyper-parameters reaches the optimum, as a table of the documentation.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.search [--write]

Rank scores of K562 and RPE1 with two, four and six sources, every fold. The best of 20 random
starts, each climbed on all perturbations, is what the search is held against. It takes ten minutes,
nearly all for the random starts, which are kept in a folder: a run that was stopped goes on, and
another search is compared in a minute.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from unittest.mock import patch

import click
import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.page import markdown, publish, to_pages
from benchmarks.real import EMBEDDINGS, experiments, read
from llmpert.evaluation.experiment import Experiment
from llmpert.models.gp.kernels import Covariance
from llmpert.models.gp.likelihood import Posterior, SufficientStatistics
from llmpert.models.gp.search import climb, search
from llmpert.models.registry import GAUSSIAN_PROCESS

SOURCES = (2, 4, 6)
STARTS = 20
RATIOS, LENGTHSCALES = (0.01, 10.0), (0.05, 4.0)
"""Where random starts lie, evenly on a logarithmic scale; lengthscales in median distances."""

NEAR = 1.0
"""Nats in which two optima are alike."""

KEPT = Path(gettempdir()) / "llmpert-search"


def row(experiment: Experiment, fold: int, kept: Path) -> dict[str, Any]:
    """Return how many nats the search of a fold is short, how many random starts are, and times."""
    seen: dict[str, Any] = {}

    def spy(statistics: SufficientStatistics, covariance: Covariance, *near: Any) -> float:
        start = time.perf_counter()
        likelihood = search(statistics, covariance, *near)
        seen["search"] = time.perf_counter() - start
        seen["loss"] = -(likelihood + covariance.log_prior()[0])
        seen["problem"] = statistics, covariance
        return likelihood

    start = time.perf_counter()
    with patch("llmpert.models.gp.regressor.search", spy):
        size = experiment.largest_training_size
        fitted = experiment.fit_fold(GAUSSIAN_PROCESS, size, fold)
        experiment.fold_prediction(GAUSSIAN_PROCESS, size, fold, fitted)
    seconds = time.perf_counter() - start
    losses = random_starts(*seen["problem"], kept)
    return {
        "line": experiment.problem.screen.line,
        "sources": len(experiment.problem.embeddings),
        "short": seen["loss"] - min(losses),
        "alike": np.mean(np.array(losses) < min(losses) + NEAR),
        "search": seen["search"],
        "fold": seconds,
    }


def random_starts(
    statistics: SufficientStatistics, covariance: Covariance, kept: Path
) -> list[float]:
    """Return the losses that random starts lead to; `kept` has those of the same problem."""
    # The loss at one place names the problem: responses, distances and priors.
    name = f"{Posterior(statistics, covariance, covariance.values(1, 1)).loss:.6f}.json"
    losses = json.loads((kept / name).read_text()) if (kept / name).is_file() else []
    for seed in range(len(losses), STARTS):
        start = random_start(covariance, np.random.default_rng(seed))
        losses.append(climb(Posterior(statistics, covariance, start)).loss)
        kept.mkdir(parents=True, exist_ok=True)
        (kept / name).write_text(json.dumps(losses))
    return losses


def random_start(covariance: Covariance, rng: np.random.Generator) -> np.ndarray:
    """Return hyper-parameters with a random ratio and lengthscale of each source."""
    values = covariance.values(1, 1)
    for source, (_, one) in enumerate(covariance.with_lengthscales([1.0])):
        values[2 * source] = rng.uniform(*np.log(RATIOS))
        values[2 * source + 1] = np.log(one) + rng.uniform(*np.log(LENGTHSCALES))
    return values


def table(rows: pd.DataFrame) -> Iterator[list[str]]:
    """Yield a header, and a row a line and number of sources."""
    yield ["line", "sources", "nats short", f"within {NEAR:g} nat", "starts that are", "seconds"]
    for (line, sources), part in rows.groupby(["line", "sources"]):
        yield [
            line,
            str(sources),
            " ".join(f"{short:.1f}" for short in part["short"]),
            f"{(part['short'] <= NEAR).sum()} of {len(part)} folds",
            f"{part['alike'].mean():.0%}",
            f"{part['search'].median():.2f} of {part['fold'].median():.2f}",
        ]


@click.command()
@to_pages
@click.option("--kept", type=click.Path(path_type=Path), default=KEPT, show_default=True)
def main(write: bool, kept: Path) -> None:
    """Print the table."""
    choices = ["+".join([*EMBEDDINGS][:count]) for count in SOURCES]
    found = [
        row(experiment, fold, kept)
        for experiment in tqdm(experiments(read(), choices), leave=False)
        for fold in range(experiment.settings.folds)
    ]
    lines = markdown([*table(pd.DataFrame(found))])
    publish("benchmarks.search", lines, write)


if __name__ == "__main__":
    main()
