"""Whether predictive distributions are true where people look, as tables of the documentation.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.distributions [--write]

Rank scores of K562 and RPE1 with all six sources, and coordinates of responses of four screens with
the text embedding, in which effects have two directions and no bounds. 5-fold cross-validation at
the largest training size, seed 0.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.page import markdown, publish
from benchmarks.real import ALL, EMBEDDINGS, folder, read
from llmpert.embeddings import read_embedding
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.metrics import TOP, covered, crps, pit
from llmpert.evaluation.problem import Problem
from llmpert.models.distribution import thinned
from llmpert.models.registry import GAUSSIAN_PROCESS
from llmpert.screens import Screen

LEVEL = 0.8
"""Of the intervals whose coverage is told."""

COORDINATES = ("nadig25hepg2", "nadig25jurkat", "replogle22k562", "replogle22rpe1")

QUARTERS = {"sd": "predicted sd", "distance": "distance", "effect": "effect size"}


def measurements(experiment: Experiment, model: str = GAUSSIAN_PROCESS) -> pd.DataFrame:
    """Return a row a held-out measurement: what was predicted, and how it turned out.

    Columns sd; distance (1 - similarity of the nearest training gene, as the model sees it) and
    effect (length of the measured response) of its knockdown; top (whether among the genes that
    are predicted to respond most); measured; crps, error (of the median), error_mean; inside (share
    within the interval), plainly_inside; outside (whether an end lies beyond all that was trained
    on); and unconditional, the CRPS of the gene's training responses.
    """
    return pd.concat(_fold(experiment, model, n) for n in range(experiment.settings.folds))


def _fold(experiment: Experiment, model: str, fold: int) -> pd.DataFrame:
    screen, size = experiment.problem.screen, experiment.largest_training_size
    fitted = experiment.fit_fold(model, size, fold)
    found = experiment.fold_prediction(model, size, fold, fitted)
    gene_idx, _ = experiment.scored_genes(fold)
    trained = np.sort(screen.select(fitted.trained_on, fitted.genes).response.T, axis=1)
    likely = thinned(trained)
    nearest = fitted.model.similarity(fitted.inputs(list(found.perturbations))).max(axis=1)
    rows = []
    for row, name in enumerate(found.perturbations):
        measured = screen.select([name]).response[0, gene_idx]
        responses, mean = found.responses(row), found.mean[row]
        one = found.row(name)
        (low,), (high,) = one.interval(LEVEL)
        strength = np.argsort(-np.abs(mean), kind="stable")[:TOP]
        rows.append(
            pd.DataFrame(
                {
                    "sd": found.std[row],
                    "distance": 1 - nearest[row],
                    "effect": np.linalg.norm(measured),
                    "top": np.isin(np.arange(len(mean)), strength),
                    "measured": measured,
                    "crps": crps(responses, measured),
                    "error": np.abs(one.quantile(0.5)[0] - measured),
                    "error_mean": np.abs(mean - measured),
                    "inside": covered(*pit(responses, measured), LEVEL),
                    "plainly_inside": (low <= measured) & (measured <= high),
                    "outside": (low < trained.min()) | (high > trained.max()),
                    "unconditional": crps(likely, measured),
                }
            )
        )
    return pd.concat(rows)


def scores(table: pd.DataFrame) -> list[str]:
    """From `measurements`: CRPS of predictions and without an embedding, and absolute errors."""
    means = [table[name].mean() for name in ("crps", "unconditional", "error", "error_mean")]
    return [f"{mean:.4f}" for mean in (*means, table["measured"].abs().mean())]


def coverage(table: pd.DataFrame) -> list[str]:
    """From `measurements`: what intervals hold, of all and where people look."""
    zero, inside = table["measured"] == 0, table["inside"]
    quarters = (
        inside.groupby(pd.qcut(table[name].rank(method="first"), 4, labels=False)).mean()
        for name in QUARTERS
    )
    return [
        f"{inside.mean():.3f}",
        f"{table['plainly_inside'].mean():.3f}",
        *(" ".join(f"{share:.2f}" for share in found) for found in quarters),
        f"{inside[table['top']].mean():.3f}",
        " / ".join("-" if not w.any() else f"{inside[w].mean():.2f}" for w in (zero, ~zero)),
        f"{table['outside'].mean():.3f}",
    ]


def experiments() -> Iterator[tuple[str, str, Experiment]]:
    """Yield unit, sources and experiment of every screen."""
    data = read()
    for line in data.screens:
        yield "rank score", "all six", Experiment(data.problem(line, ALL))
    text = read_embedding(folder() / EMBEDDINGS["text"], "text")
    for line in COORDINATES:
        screen = _coordinates(folder() / f"more/{line}_response_coords.parquet", line)
        yield "coordinate", "text", Experiment(Problem.align(screen, [text]))


def _coordinates(path: Path, line: str) -> Screen:
    table = pd.read_parquet(path)
    names = [np.array(part, dtype=object) for part in (table.index, table.columns)]
    return Screen(line, table.to_numpy(np.float32), *names, "coordinate")


@click.command()
@click.option("--write", is_flag=True, help="Write the tables into the documentation.")
def main(write: bool) -> None:
    """Print the tables; predictions are kept as in `llmpert evaluate`."""
    found = [
        ["line", "unit", "sources", "CRPS", "without embedding", "median", "mean", "no change"]
    ]
    told = [["line", "all", "plain", *QUARTERS.values(), f"top {TOP}", "zero / other", "beyond"]]
    for unit, sources, experiment in tqdm(list(experiments()), leave=False):
        table, line = measurements(experiment), experiment.problem.screen.line
        found.append([line, unit, sources, *scores(table)])
        told.append([line, *coverage(table)])
    for name, rows in (("scores", found), ("coverage", told)):
        click.echo("\n".join(["", *markdown(rows)]))
        if write:
            publish(f"benchmarks.distributions {name}", markdown(rows))


if __name__ == "__main__":
    main()
