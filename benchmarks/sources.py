"""That a source that knows nothing does no harm, as a table of the documentation.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.sources [--write]

Rank scores of K562 and RPE1: the Gaussian process on six sources, and on these with a seventh of 50
random numbers a gene. 5 folds at the largest training size, seed 0.
"""

import click
import numpy as np
from tqdm import tqdm

from benchmarks.page import markdown, publish, to_pages
from benchmarks.real import read
from llmpert.embeddings import Embedding
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.scores import registry
from llmpert.insight.scoreboard import bootstrap

DIMENSIONS = 50
METRIC = "pearson_all"


def noise(problem: Problem) -> Embedding:
    """Return random numbers for the genes of all other sources."""
    genes = sorted({str(gene) for one in problem.embeddings for gene in one.genes})
    vectors = np.random.default_rng(0).standard_normal((len(genes), DIMENSIONS))
    return Embedding("random", np.array(genes, dtype=object), vectors, {"source": "random numbers"})


def of_line(problem: Problem) -> list[str]:
    """Return a line's row."""
    more = Problem.align(problem.screen, [*problem.embeddings, noise(problem)])
    without, experiment = (
        Experiment(more.only(*(e.name for e in problem.embeddings))),
        Experiment(more),
    )
    fits = grid([without, experiment], ["gp"], [])
    with tqdm(total=len(fits), unit="fit", leave=False) as bar:
        table = run(
            fits, lambda done, total, label: bar.update(done - bar.n), metrics=[METRIC]
        ).table
    of = {
        name: part.set_index("perturbation")["value"]
        for name, part in table.groupby("embedding", observed=True)
    }
    six, seven = of[problem.embedding_name], of[more.embedding_name]
    costs = (six - seven).dropna().to_numpy()
    low, high = bootstrap(costs, np.random.default_rng(0))
    ratios = experiment.fit_all("gp").model.signal_to_noise_
    weight = f"{100 * ratios['random'] / sum(ratios.values()):.1f} %"
    cost = f"{costs.mean():+.4f} ({low:+.4f} to {high:+.4f})"
    return [problem.screen.line, f"{six.mean():.4f}", f"{seven.mean():.4f}", cost, weight]


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the table; finished fits are kept as in `python -m llmpert evaluate`."""
    data, label = read(), registry()[METRIC].label
    header = ["line", f"{label}, six sources", "and a random one", "cost (95 %)", "its weight"]
    rows = [of_line(data.problem(line)) for line in data.screens]
    publish("benchmarks.sources", markdown([header, *rows]), write)


if __name__ == "__main__":
    main()
