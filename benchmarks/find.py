"""How well a search by signature finds the knockdown that a signature is of.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.find [--write]

On the rank-score benchmark, all six sources. A signature is the 150 genes that a knockdown raises
most; candidates are all knockdowns of the line. Held-out predictions are those of 5 folds. Partners
are genes of one of the GO complexes with at most 30 genes; how often one is among the first 10 is
told of knockdowns with a partner among the candidates, which are themselves no hit. Times are of
the shipped model of K562 and every human gene with a vector, with 1,000 permutations.
"""

from time import perf_counter

import click
import numpy as np

from benchmarks.page import markdown, publish, to_pages
from benchmarks.real import ALL, read
from llmpert.datasets import DatasetStore
from llmpert.datasets.builtin import RANKS
from llmpert.evaluation.experiment import Experiment
from llmpert.genes import built_in_sets
from llmpert.insight.connectivity import wtcs, xsum
from llmpert.insight.search import Library, Profiles, correlations, partners, retrieval, search
from llmpert.insight.signature import Signature
from llmpert.models.registry import GAUSSIAN_PROCESS
from llmpert.screens import Screen

RANKS_OF = ["first", "first 10", "median rank"]
OF = ["line", "signature of", "found among"]
HEADER = [*OF, "relative to", *RANKS_OF, "a partner in the first 10", "by chance"]
SCORES = [*OF, "score", *RANKS_OF]
FIRST = 10
LARGEST = 30
"""Genes of a complex, at most: larger terms take many complexes together."""


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


def rows() -> tuple[list[list[str]], list[list[str]]]:
    """Return the rows of the tables: by the correlation, and by every score."""
    data, every = read(), built_in_sets("GO complexes").members.values()
    complexes = [members for members in every if len(members) <= LARGEST]
    experiments = {line: Experiment(data.problem(line, ALL)) for line in data.screens}
    by_correlation, by_score = [], []
    for line, experiment in experiments.items():
        (other,) = (one for name, one in experiments.items() if name != line)
        screen = experiment.problem.screen
        predicted = held_out(experiment)
        genes = predicted.genes
        measured = Profiles.measured(screen, genes)
        for whose, source, among, profiles in (
            ("itself", screen, "held-out predictions", predicted),
            ("the other line", other.problem.screen, "measurements", measured),
            ("the other line", other.problem.screen, "held-out predictions", predicted),
        ):
            for relative in (True, False):
                made = signatures(source, genes, relative)
                both = [name for name in made if name in set(profiles.names)]
                weights = np.stack([made[name].weights for name in both])
                found = correlations(profiles, weights)
                named = partners(found, profiles.names, both, complexes, FIRST)
                to = "the mean response" if relative else "control"
                shares = [f"{named[column].mean():.3f}" for column in ("found", "chance")]
                by_correlation.append(
                    [line, whose, among, to, *_ranks(found, profiles, both), *shares]
                )
                if relative:
                    responses = profiles.rows(np.arange(len(profiles.names)))
                    scores = {"correlation": found} | {
                        name: score(responses, profiles.own, weights)
                        for name, score in {"WTCS": wtcs, "XSum": xsum}.items()
                    }
                    by_score += [
                        [line, whose, among, name, *_ranks(one, profiles, both)]
                        for name, one in scores.items()
                    ]
    return by_correlation, by_score


def _ranks(found: np.ndarray, profiles: Profiles, truths: list[str]) -> list[str]:
    ranks = retrieval(found, profiles.names, truths)
    shares = (ranks < 2).mean(), (ranks < FIRST + 1).mean()
    return [*(f"{share:.3f}" for share in shares), f"{ranks.median():.0f}"]


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
    by_correlation, by_score = rows()
    publish("benchmarks.find found", markdown([HEADER, *by_correlation]), write)
    publish("benchmarks.find scores", markdown([SCORES, *by_score]), write)
    publish("benchmarks.find seconds", markdown(seconds()), write)


if __name__ == "__main__":
    main()
