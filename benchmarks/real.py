"""Accuracy and calibration on the rank-score benchmark, as tables of the documentation.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.real [--write]

5-fold cross-validation at the largest training size, seed 0: all models with text, sequence and
both on the perturbations that have both. Then how well the intervals of the Gaussian processes are
calibrated, with text and with all six sources on the perturbations that have all. Scores with each
of the six come with llmpert (`benchmarks.shipped`).
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from scipy.stats import norm
from tqdm import tqdm

from benchmarks import calibration
from benchmarks.page import markdown, publish, to_pages
from benchmarks.shipped import METRICS, scores
from llmpert.datasets import Dataset
from llmpert.embeddings import read_embedding
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.results import summarise
from llmpert.models.distribution import WIDTH_LEVELS, Distribution
from llmpert.models.registry import MODELS
from llmpert.screens import read_screen

COMMAND = "LLMPERT_REAL_DATA=FOLDER python -m benchmarks.real"
SCREENS = ("k562_rank_response.h5ad", "rpe1_rank_response.h5ad")
EMBEDDINGS = {
    "text": "embeddings/text_genept_minilm.pickle",
    "sequence": "embeddings/per-protein.h5",
    "go_text": "embeddings/text_go_minilm.parquet",
    "go": "embeddings/go_svd.parquet",
    "pubmed": "embeddings/pubmed_svd.parquet",
    "coexpression": "embeddings/coexpression_pca.parquet",
}
ALL = "+".join(EMBEDDINGS)
GAUSSIAN_PROCESSES = ("gp", "gp-paper")


def folder() -> Path:
    """Where the files of the benchmark lie.

    Raises
    ------
    click.ClickException
        The files are not where LLMPERT_REAL_DATA says.
    """
    found = Path(os.environ.get("LLMPERT_REAL_DATA", "../shared/real"))
    if not (found / SCREENS[0]).is_file():
        raise click.ClickException(
            f"expected the rank-score benchmark ({SCREENS[0]} and others) in the folder that"
            f" LLMPERT_REAL_DATA names, found none in {found}."
        )
    return found


def read(sources: Sequence[str] = tuple(EMBEDDINGS)) -> Dataset:
    """The benchmark's lines with some of its sources; raise as `folder`."""
    screens = {s.line: s for s in (read_screen(folder() / name) for name in SCREENS)}
    return Dataset(
        "rank scores",
        screens,
        {name: read_embedding(folder() / EMBEDDINGS[name], name) for name in sources},
    )


def experiments(data: Dataset, choices: Sequence[str]) -> list[Experiment]:
    """One a line and choice of sources, all on the perturbations that have every source."""
    whole = [data.problem(line, "+".join(data.embeddings)) for line in data.screens]
    return [Experiment(problem.only(*c.split("+"))) for problem in whole for c in choices]


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the tables; finished fits are kept as in `python -m llmpert evaluate`."""
    both, six = read(("text", "sequence")), read()
    click.echo(f"From `{COMMAND}`; mean ± standard error over 5 folds.")
    for name, lines in (
        ("accuracy", accuracy(both)),
        ("intervals", markdown(intervals(experiments(six, ["text", ALL])))),
    ):
        publish(f"benchmarks.real {name}", lines, write)


def accuracy(data: Dataset) -> list[str]:
    """Return a table of the scores of all models on all choices of sources."""
    fits = grid(experiments(data, data.embedding_choices), list(MODELS), [])
    with tqdm(total=len(fits), unit="fit", leave=False) as bar:
        results = run(fits, lambda done, total, label: bar.update(done - bar.n))
    table = results.table
    return scores(summarise(table[table["metric"].isin(list(METRICS))]))


def intervals(compared: Sequence[Experiment]) -> list[list[str]]:
    """Return the coverage of the Gaussian processes' intervals, before and after calibration.

    Coverage of 50, 80 and 95 % intervals; expected calibration error (mean |observed − nominal|
    over 5 %, 10 %, … 95 %); 5th to 95th percentile over genes of the 80 % interval's coverage, for
    genes that every fold predicts; standard deviation of interval widths between genes, divided by
    their mean. Raw: the model's own standard deviations, errors taken as normal.
    """
    header = ["line", "embedding", "model", "intervals", "50 %", "80 %", "95 %", "error"]
    table = [[*header, "80 % by gene", "widths"]]
    for experiment in tqdm(compared, leave=False):
        problem = experiment.problem
        name = problem.embedding_name.replace(ALL, "all six")
        for model in GAUSSIAN_PROCESSES:
            shipped = list(calibration.held_out(experiment, model))
            for kind, folds in (("raw", list(raw(experiment, model))), ("calibrated", shipped)):
                found = calibration.coverage(folds)
                at = calibration.reliability(found).set_index("level")
                table.append(
                    [
                        *(problem.screen.line, name, model, kind),
                        *(f"{at['observed'][level]:.3f}" for level in (0.5, 0.8, 0.95)),
                        f"{calibration.expected_error(found):.3f}",
                        f"{at['low'][0.8]:.3f} to {at['high'][0.8]:.3f}",
                        f"{calibration.width_variation(p for p, _ in folds):.2f}",
                    ]
                )
    return table


def raw(experiment: Experiment, model: str) -> Iterator[tuple[Prediction, np.ndarray]]:
    """Held-out predictions without calibration, and what was measured."""
    screen = experiment.problem.screen
    normal = Distribution.of_widths(norm.ppf((1 + WIDTH_LEVELS) / 2))
    for fold in range(experiment.settings.folds):
        test = experiment.split(experiment.largest_training_size, fold).test
        fitted = experiment.fit_all(model, held_out=screen.perturbations[test])
        p = fitted.predict(screen.perturbations[test])
        std = p.std / fitted.model.inflation_
        measured = screen.select(p.perturbations, fitted.genes).response
        yield replace(p, std=std, distribution=normal), measured


if __name__ == "__main__":
    main()
