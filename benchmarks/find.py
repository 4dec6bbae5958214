"""How well a search by signature finds the knockdown that a signature is of.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.find [--write]

On the rank-score benchmark, all six sources. A signature is the 150 genes that a knockdown raises
most; candidates are all knockdowns of the line. Held-out predictions are those of 5 folds. Times
are of the shipped model of K562 and every human gene with a vector, with 1,000 permutations.
"""

from collections.abc import Iterator
from time import perf_counter

import click
import numpy as np

from benchmarks.page import markdown, publish, to_pages
from benchmarks.real import ALL, read
from llmpert.datasets import DatasetStore
from llmpert.datasets.builtin import RANKS
from llmpert.evaluation.experiment import Experiment
from llmpert.insight.search import Library, Profiles, retrieval, search
from llmpert.insight.signature import Signature
from llmpert.models.registry import GAUSSIAN_PROCESS
from llmpert.screens import Screen

HEADER = ["line", "signature of", "found among", "relative to", "first", "first 10", "median rank"]


def held_out(experiment: Experiment) -> Profiles:
    """Return responses of all perturbations, each predicted by a fold that did not train on it.

    In the genes that all folds predict.
    """
    folds = []
    for fold in range(experiment.settings.folds):
        fitted = experiment.fit_fold(GAUSSIAN_PROCESS, experiment.largest_training_size, fold)
        tested = list(experiment.problem.perturbations[experiment.tested(fold)])
        relative = fitted.predict(tested).mean - fitted.model.mean_
        folds.append((tested, fitted.genes, relative))
    genes = np.array(sorted(set.intersection(*(set(of) for _, of, _ in folds))), dtype=object)
    rows = [relative[:, _among(of, genes)] for _, of, relative in folds]
    names = [name for tested, _, _ in folds for name in tested]
    screen = experiment.problem.screen
    made = Screen(screen.line, np.concatenate(rows), np.array(names), genes, screen.unit)
    return Profiles.measured(made, genes)


def _among(genes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    place = {gene: column for column, gene in enumerate(genes)}
    return np.array([place[gene] for gene in wanted])


def signatures(screen: Screen, genes: np.ndarray, relative: bool) -> dict[str, Signature]:
    """Return the most raised genes of each knockdown that `genes` has, by its name."""
    kept = set(genes)
    shared = [gene for gene in screen.genes if gene in kept]
    response = screen.select(genes=shared).response
    response = response - response.mean(axis=0) * relative
    place = _among(genes, np.array(shared, dtype=object))
    found = {}
    for name, row in zip(screen.perturbations, response, strict=True):
        weights = np.zeros(len(genes))
        weights[place] = Signature.of_response(row, np.array(shared), raised_only=True).weights
        found[name] = Signature(genes, weights)
    return found


def rows() -> Iterator[list[str]]:
    """Yield the rows of the table."""
    data = read()
    experiments = {line: Experiment(data.problem(line, ALL)) for line in data.screens}
    for line, experiment in experiments.items():
        (other,) = (one for name, one in experiments.items() if name != line)
        screen = experiment.problem.screen
        predicted = held_out(experiment)
        genes = predicted.genes
        measured = Profiles.measured(screen, genes)
        for whose, source, found, among in (
            ("itself", screen, predicted, "held-out predictions"),
            ("the other line", other.problem.screen, measured, "measurements"),
            ("the other line", other.problem.screen, predicted, "held-out predictions"),
        ):
            for relative in (True, False):
                made = signatures(source, genes, relative)
                both = [name for name in made if name in set(found.names)]
                ranks = retrieval(found, [made[name] for name in both], both)
                yield [
                    line, whose, among, "the mean response" if relative else "control",
                    f"{(ranks < 2).mean():.3f}", f"{(ranks < 11).mean():.3f}",
                    f"{ranks.median():.0f}",
                ]  # fmt: skip


def seconds() -> list[list[str]]:
    """Return how long a search of all human genes takes: the first and another one."""
    kept = DatasetStore().load(RANKS).trained["K562"]
    start = perf_counter()
    library = Library.of(kept.fitted, kept.fitted.known.unseen(), None, kept.raised_only)
    prepared = perf_counter() - start
    times = []
    for name in kept.fitted.trained_on[:5]:
        start = perf_counter()
        for one in (library.known, library.unseen):
            if one is not None:
                search(one, library.signature_of(name))
        times.append(perf_counter() - start)
    count = sum(len(one.profiles.names) for one in (library.known, library.unseen) if one)
    return [
        ["candidates", "predicted once", "a search, median of 5"],
        [f"{count:,}", f"{prepared:.1f} s", f"{np.median(times):.2f} s"],
    ]


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the tables."""
    publish("benchmarks.find found", markdown([HEADER, *rows()]), write)
    publish("benchmarks.find seconds", markdown(seconds()), write)


if __name__ == "__main__":
    main()
