"""How soon a prediction without some training knockdowns is there, and what a fit anew finds.

    LLMPERT_REAL_DATA=FOLDER OMP_NUM_THREADS=1 python -m benchmarks.leave_out [--write]

On K562 of the rank-score benchmark, with the embeddings that come with llmpert; GO terms are the
families. Times are of one core. A fit anew starts at the hyper-parameters of all knockdowns; it is
held against one that looks for the best of all maxima.
"""

from collections.abc import Callable, Sequence
from time import process_time

import click
import numpy as np

from benchmarks.page import markdown, publish, to_pages
from benchmarks.real import read
from llmpert.embeddings import BUILT_IN, built_in
from llmpert.evaluation.experiment import Experiment, FittedModel
from llmpert.evaluation.problem import Problem
from llmpert.genes.builtin import built_in_sets
from llmpert.insight.leave_out import families, leave_out, nearest
from llmpert.models.gp.regressor import GaussianProcess
from llmpert.models.registry import GAUSSIAN_PROCESS

COUNTS = (1, 10, 50)
GENES = 20
COLLECTIONS = ("GO complexes", "GO processes")


def seconds(do: Callable[[], object]) -> float:
    """Return how many seconds of a core it takes."""
    start = process_time()
    do()
    return process_time() - start


def at_once(fitted: FittedModel, genes: Sequence[str]) -> list[list[str]]:
    """Return a row for each thing that is done without a fit."""
    found = []
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
    return found


def anew(
    experiment: Experiment, fitted: FittedModel, genes: Sequence[str]
) -> tuple[list[list[str]], str]:
    """Return a row for each way to fit anew, and how far the two agree."""
    screen, times, apart, alike = experiment.problem.screen, [], [], []
    for gene in genes:
        start = process_time()
        one = experiment.fit_anew(fitted, nearest(fitted, gene))
        warm, end = one.model, process_time()
        Z, z = one.inputs(list(one.trained_on)), one.inputs([gene])
        Y = screen.select(list(one.trained_on), list(one.genes)).response
        cold = GaussianProcess(one.joined.parts)
        times.append([end - start, seconds(lambda: cold.fit(Z, Y))])  # noqa: B023
        apart.append(warm.log_marginal_likelihood_ - cold.log_marginal_likelihood_)
        changes = [model.predict(z)[0] - model.mean_ for model in (warm, cold)]
        alike.append(np.corrcoef(changes)[0, 1])
    words = "10 nearest, fitted anew", "the same, from no hyper-parameters"
    table = [
        [what, f"{np.median(of):.2f}", f"{max(of):.2f}"]
        for what, of in zip(words, zip(*times, strict=True), strict=True)
    ]
    return table, (
        "Log likelihood of a fit anew minus that of one from no hyper-parameters:"
        f" {min(apart):.1f} to {max(apart):.1f} nats. Correlation of the changes that both predict:"
        f" {np.median(alike):.4f} (median; lowest {min(alike):.4f})."
    )


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the table, and how far fits agree."""
    problem = Problem.align(read().screens["K562"], [built_in(name) for name in BUILT_IN])
    experiment = Experiment(problem)
    genes = list(problem.perturbations[:: -(-len(problem.perturbations) // GENES)])
    fitted = experiment.fit_all(GAUSSIAN_PROCESS, held_out=genes)
    fits, agreement = anew(experiment, fitted, genes)
    header = ["left out", "seconds of a core, median", "the longest"]
    table = [header, *at_once(fitted, genes), *fits]
    publish("benchmarks.leave_out", [*markdown(table), "", agreement], write)


if __name__ == "__main__":
    main()
