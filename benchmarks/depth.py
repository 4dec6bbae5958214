"""Whether a model knows what more cells of each knockdown would tell.

    python -m benchmarks.depth [--write]

Screens of one simulated line, by a median of so many cells a knockdown: what the screen with 50
tells beforehand of the others, and what predictions reach there: those of each of 400 knockdowns
from all others, by a model of them all, and those of 5 folds, whose models never saw what they
predict. Correlations are those with measurements, relative to the mean response, over all
knockdowns and genes; widths are of 95 % intervals of responses, mean over the 2,000 genes.
"""

from dataclasses import replace

import click
import numpy as np

from benchmarks.page import markdown, publish, to_pages
from llmpert.evaluation.experiment import Experiment, FittedModel, Settings
from llmpert.evaluation.problem import Problem
from llmpert.insight.depth import Z95, by_cells
from llmpert.models.registry import GAUSSIAN_PROCESS
from llmpert.simulation.generate import BUILT_IN, simulate

NUMBERS = (12, 25, 50, 100, 200, 400)
KNOWN = 50
KNOCKDOWNS = 400


def experiment(cells: int) -> Experiment:
    """Return that of the line with a median of so many cells a knockdown."""
    recipe = replace(BUILT_IN, perturbations=KNOCKDOWNS, cells=cells, cells_minimum=2)
    made = simulate(0, recipe)
    screen = next(iter(made.screens.values()))
    return Experiment(Problem.align(screen, list(made.embeddings.values())), Settings())


def left_out(fitted: FittedModel, made: Experiment) -> float:
    """Return the correlation of predictions from all other knockdowns."""
    model = fitted.model
    measured = made.problem.screen.select(list(fitted.trained_on), list(fitted.genes)).response
    return cosine(model.predict_left_out()[0] - model.mean_, measured - model.mean_)


def held_out(made: Experiment) -> float:
    """Return the correlation of predictions by folds that did not train on what they predict."""
    screen, pairs = made.problem.screen, []
    for fold in range(made.settings.folds):
        fitted = made.fit_fold(GAUSSIAN_PROCESS, made.largest_training_size, fold)
        tested, mean = list(screen.perturbations[made.tested(fold)]), fitted.model.mean_
        measured = screen.select(tested, list(fitted.genes)).response
        pairs.append((fitted.predict(tested).mean - mean, measured - mean))
    return cosine(*(np.concatenate([one.ravel() for one in of]) for of in zip(*pairs, strict=True)))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation about 0 of all numbers."""
    return float((a * b).sum() / np.sqrt(np.square(a).sum() * np.square(b).sum()))


def width(fitted: FittedModel) -> float:
    """Return the mean width of the intervals of responses, each predicted from all others."""
    _, variances = fitted.model.components_of()
    return float(2 * Z95 * np.sqrt(variances @ np.square(fitted.model.axes).T).mean())


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the table."""
    made = experiment(KNOWN)
    fitted = made.fit_all(GAUSSIAN_PROCESS)
    expected = by_cells(fitted, made.problem.screen.cells, NUMBERS).set_index("cells")
    rows = [
        ["cells", "r told from 50", "r, left out", "r, held out", "width told from 50", "width"]
    ]
    for cells in NUMBERS:
        made = experiment(cells)
        fitted, told = made.fit_all(GAUSSIAN_PROCESS), expected.loc[cells]
        r = told["r_measured"], left_out(fitted, made), held_out(made)
        widths = told["width"], width(fitted)
        rows.append([f"{cells}", *(f"{one:.3f}" for one in r), *(f"{one:.4f}" for one in widths)])
    publish("benchmarks.depth", markdown(rows), write)


if __name__ == "__main__":
    main()
