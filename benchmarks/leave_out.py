"""How soon a prediction without some training knockdowns is there.

    LLMPERT_REAL_DATA=FOLDER OMP_NUM_THREADS=1 python -m benchmarks.leave_out [--write]

On K562 of the rank-score benchmark, with the embeddings that come with llmpert; GO terms are the
families. Times are of one core.
"""

from collections.abc import Callable
from time import process_time

import click
import numpy as np

from benchmarks.page import markdown, publish, to_pages
from benchmarks.real import read
from llmpert.embeddings import BUILT_IN, built_in
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from llmpert.genes.builtin import built_in_sets
from llmpert.insight.leave_out import families, leave_out, nearest
from llmpert.models.registry import GAUSSIAN_PROCESS

COUNTS = (1, 10, 50)
GENES = 20
COLLECTIONS = ("GO complexes", "GO processes")


def seconds(do: Callable[[], object]) -> float:
    """Return how many seconds of a core it takes."""
    start = process_time()
    do()
    return process_time() - start


def rows() -> list[list[str]]:
    """Return a row for each thing that is done."""
    screen = read().screens["K562"]
    problem = Problem.align(screen, [built_in(name) for name in BUILT_IN])
    experiment = Experiment(problem)
    genes = list(problem.perturbations[:: -(-len(problem.perturbations) // GENES)])
    fitted = experiment.fit_all(GAUSSIAN_PROCESS, held_out=genes)
    found = [["left out", "seconds of a core, median", "the longest"]]
    leave_out(fitted, genes[0], nearest(fitted, genes[0]))
    for count in COUNTS:
        times = [
            seconds(lambda gene=gene, n=count: leave_out(fitted, gene, nearest(fitted, gene, n)))
            for gene in genes
        ]
        found.append([f"{count} nearest", f"{np.median(times):.3f}", f"{max(times):.3f}"])
    for name in COLLECTIONS:
        sets = built_in_sets(name).within(fitted.trained_on)
        times = [
            seconds(lambda gene=gene, of=sets: families(fitted, gene, of)) for gene in genes[:5]
        ]
        looked_at = len(families(fitted, genes[0], sets))
        words = f"each of {looked_at:,} {name} in turn"
        found.append([words, f"{np.median(times):.2f}", f"{max(times):.2f}"])
    near = nearest(fitted, genes[0])
    anew = seconds(lambda: experiment.fit_anew(fitted, near))
    found.append([f"{len(near)} nearest, fitted anew", f"{anew:.1f}", ""])
    return found


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the table."""
    publish("benchmarks.leave_out", markdown(rows()), write)


if __name__ == "__main__":
    main()
