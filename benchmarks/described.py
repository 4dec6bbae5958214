"""How well knockdowns are predicted from their descriptions by models that know GO as well.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.described [--write]

Held-out knockdowns of the rank-score benchmark, 5 folds at the largest training size. `gp` knows
genes by both embeddings that come with llmpert, by the description alone, or by both while GO has
no vector for any gene of the fold: other genes then lend theirs. Of each the mean Pearson
correlation over all genes, and the share of measurements inside 95 % intervals.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import click
import numpy as np

from benchmarks import calibration, real
from benchmarks.page import markdown, publish, to_pages
from llmpert.embeddings import BUILT_IN, Embedding, built_in
from llmpert.evaluation.experiment import Experiment, FittedModel
from llmpert.evaluation.metrics import pearson
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.problem import LENDERS, GeneVectors, Problem
from llmpert.insight.descriptions import EMBEDDING
from llmpert.models.registry import GAUSSIAN_PROCESS

Folds = Iterator[tuple[Prediction, np.ndarray]]


def lent(experiment: Experiment, fits: Sequence[FittedModel], lenders: int) -> Folds:
    """Predict each fold from its descriptions by its fit, and return what was measured."""
    of = experiment.problem
    for fold, fitted in enumerate(fits):
        tested = of.perturbations[experiment.tested(fold)]
        rows = dict(zip(BUILT_IN, of.rows[experiment.tested(fold)].T, strict=True))
        others = [without(one, rows[one.name]) for one in of.embeddings]
        known = GeneVectors.of(fitted.trained_on, others)
        described = {EMBEDDING: built_in(EMBEDDING).vectors[rows[EMBEDDING]]}
        parts = known.completed(described, lenders)
        found = fitted.predict_vectors(parts, np.repeat(tested, lenders)).mixed(tested)
        yield found, of.screen.select(list(tested), list(fitted.genes)).response


def without(embedding: Embedding, rows: np.ndarray) -> Embedding:
    """Return the embedding without the genes of these rows."""
    genes, vectors = (
        np.delete(part, rows, axis=0) for part in (embedding.genes, embedding.vectors)
    )
    return replace(embedding, genes=genes, vectors=vectors)


def row(line: str, what: str, folds: Folds) -> list[str]:
    """Score predictions as cells of a table."""
    made = list(folds)
    r = np.concatenate([pearson(found.mean, measured) for found, measured in made])
    held = calibration.coverage(made, [0.95])
    inside = np.average(held["observed"], weights=held["perturbations"])
    return [line, what, f"{np.nanmean(r):.3f}", f"{100 * inside:.1f} %"]


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the table."""
    table = [["line", "genes known by", "Pearson, all genes", "inside 95 % intervals"]]
    for line, screen in real.read(()).screens.items():
        whole = Problem.align(screen, [built_in(name) for name in BUILT_IN])
        for choice in (BUILT_IN, [EMBEDDING]):
            experiment = Experiment(whole.only(*choice))
            scored = calibration.held_out(experiment, GAUSSIAN_PROCESS)
            table.append(row(line, "+".join(choice), scored))
        both = Experiment(whole)
        fits = [
            both.fit_fold(GAUSSIAN_PROCESS, both.largest_training_size, fold)
            for fold in range(both.settings.folds)
        ]
        for count in (1, 3, LENDERS, 10, 20):
            what = f"{EMBEDDING}, GO of {count} other{'s' * (count > 1)}"
            table.append(row(line, what, lent(both, fits, count)))
    publish("benchmarks.described", markdown(table), write)


if __name__ == "__main__":
    main()
