"""How like real screens the simulated ones are, as a table of the documentation.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.simulation [--write]

Both simulated lines beside the rank-score benchmark: what responses are like, over the 2,000 genes
of largest variance, and how well they are predicted (5-fold cross-validation, seed 0; 1,400
training perturbations of the simulated lines, the most there are of the real ones). Rank scores
hardly have an effect size: its spread is told of the coordinates of Replogle et al. 2022's screens.
"""

from collections.abc import Iterator

import click
import numpy as np
from tqdm import tqdm

from benchmarks.distributions import coordinates
from benchmarks.page import markdown, publish, to_pages
from benchmarks.real import folder, read
from llmpert.datasets import Dataset, simulated_dataset
from llmpert.datasets.builtin import TRAIN_SIZE
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.results import summarise
from llmpert.insight.similarity import correlation, cosine

SOURCES = ("text", "sequence")
GENES = 2000

MODELS = ("random", "mean", "knn", "gp-paper")
SHOWN = {
    "random": ("random", "none"),
    "training mean": ("mean", "none"),
    "nearest neighbour, text": ("knn", "text"),
    "paper's GP, text": ("gp-paper", "text"),
    "paper's GP, sequence": ("gp-paper", "sequence"),
    "paper's GP, text + sequence": ("gp-paper", "text+sequence"),
}
"""Words for a model and the embedding it uses."""

COORDINATES = {"K562": "replogle22k562", "RPE1": "replogle22rpe1"}


def half(response: np.ndarray) -> int:
    """Return how many principal components hold half of the variance, of knockdowns x genes."""
    centred = response - response.mean(axis=0)
    variance = np.linalg.eigvalsh(centred @ centred.T)[::-1].cumsum()
    return int(np.searchsorted(variance, variance[-1] / 2)) + 1


def alike(vectors: np.ndarray, response: np.ndarray) -> float:
    """Return how alike each knockdown and the one of the nearest vector respond.

    The mean Pearson correlation of departures from the mean response; nearest by cosine.
    """
    near, like = (
        measure(rows := of - of.mean(axis=0), rows)
        for measure, of in ((cosine, vectors), (correlation, response))
    )
    np.fill_diagonal(near, -np.inf)
    return float(like[np.arange(len(like)), near.argmax(axis=1)].mean())


def variation(response: np.ndarray) -> float:
    """Return the coefficient of variation of effect sizes: lengths of the knockdowns' responses."""
    length = np.linalg.norm(response, axis=1)
    return float(length.std() / length.mean())


def responses(data: Dataset, line: str) -> Iterator[str]:
    """Yield what a line's responses are like, as cells of a table."""
    problem = data.problem(line, "+".join(SOURCES))
    chosen = Experiment(problem).variable_genes(np.arange(len(problem.perturbations)))
    response = problem.screen.response[:, chosen].astype(float)
    yield str(half(response))
    for source, rows in zip(problem.embeddings, problem.rows.T, strict=True):
        yield f"{alike(source.vectors[rows].astype(float), response):.2f}"
    if line in COORDINATES:
        name = COORDINATES[line]
        response = coordinates(folder() / f"more/{name}_response_coords.parquet", name).response
    yield f"{variation(response):.2f}"


def accuracy(data: Dataset, line: str, size: int | None) -> Iterator[str]:
    """Yield Pearson correlations over all genes, and the mean's error, as cells of a table."""
    whole = data.problem(line, "+".join(SOURCES))
    made = [Experiment(whole.only(*of)) for of in (("text",), ("sequence",), SOURCES)]
    found = summarise(run(grid(made, list(MODELS), [size] if size else [])).table)
    of = found.set_index(["model", "embedding", "metric"])["mean"]
    for model, embedding in SHOWN.values():
        yield f"{of[model, embedding, 'pearson_all']:.3f}"
    yield f"{of['mean', 'none', 'mae_all']:.3f}"


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the table; finished fits are kept as in `llmpert evaluate`."""
    data = [(simulated_dataset(), TRAIN_SIZE), (read(SOURCES), None)]
    table = [
        [
            "",
            "components for half of the variance",
            *(f"nearest by {source} respond alike, r" for source in SOURCES),
            "spread of effect sizes, CV",
            *SHOWN,
            "training mean, MAE",
        ]
    ]
    for of, size in data:
        for line in tqdm(list(of.screens), leave=False):
            table.append([line, *responses(of, line), *accuracy(of, line, size)])
    lines = markdown([list(row) for row in zip(*table, strict=True)])
    publish("benchmarks.simulation", lines, write)


if __name__ == "__main__":
    main()
