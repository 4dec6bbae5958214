"""Whether predictive distributions are true where people look, as tables of the documentation.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.distributions [--write]

Rank scores of K562 and RPE1 with all six sources, coordinates of responses of four screens with the
text embedding, in which effects have two directions and no bounds, and the simulated pair of lines.
5-fold cross-validation at the largest training size, seed 0. Outcomes are kept in the data folder.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.page import README, markdown, publish, to_pages
from benchmarks.real import ALL, EMBEDDINGS, folder, read
from llmpert.datasets.builtin import simulated_dataset
from llmpert.embeddings import read_embedding
from llmpert.evaluation.calibration import kept
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.metrics import TOP
from llmpert.evaluation.problem import Problem
from llmpert.insight import intervals
from llmpert.models.registry import GAUSSIAN_PROCESS
from llmpert.screens import Screen

COORDINATES = ("nadig25hepg2", "nadig25jurkat", "replogle22k562", "replogle22rpe1")

SCORES = ("crps", "crps without embedding", "error", "error of mean", "error of no change")

DROPPED = (1.0, 0.75, 0.5, 0.25)
"""Shares of knockdowns or genes that are kept."""


def outcomes(experiment: Experiment, model: str = GAUSSIAN_PROCESS) -> pd.DataFrame:
    """Return `llmpert.evaluation.calibration.outcomes` of all folds."""
    size, folds = experiment.largest_training_size, range(experiment.settings.folds)
    return pd.concat([kept(experiment, model, size, n) for n in folds], ignore_index=True)


def scores(table: pd.DataFrame) -> list[str]:
    """From `outcomes`: CRPS of predictions and without an embedding, and absolute errors."""
    return [f"{table[name].mean():.4f}" for name in SCORES]


def coverage(table: pd.DataFrame) -> list[str]:
    """From `outcomes`: what intervals hold, of all and where people look."""
    found = _held(table)

    def of(by: str) -> str:
        return " ".join(f"{found[by, word]:.2f}" for word in intervals.ORDERS)

    either = [found.get((intervals.MEASURED, word), np.nan) for word in ("zero", "not zero")]
    return [
        f"{found[intervals.EVERY, 'all']:.3f}",
        f"{table['inside plainly'].mean():.3f}",
        *map(of, (intervals.SD, intervals.DISTANCE, intervals.EFFECT)),
        f"{found[intervals.STRONG, 'all']:.3f}",
        " / ".join("-" if np.isnan(share) else f"{share:.2f}" for share in either),
        f"{table['beyond training'].mean():.3f}",
    ]


def risk(table: pd.DataFrame) -> list[str]:
    """From `outcomes`: mean accuracy of the most certain knockdowns, and errors of genes."""
    curves = intervals.risk_coverage(table["accuracy"], intervals.certainty(table))
    signs = [name for name in curves["sign"].unique() if name != intervals.ANY]
    rows = curves.assign(kept=curves["kept"].round(2)).set_index(["sign", "kept"])["accuracy"]
    errors = intervals.errors_of_kept_genes(table).set_index("kept")["error"]
    genes = [np.interp(share, errors.index, errors) for share in DROPPED]
    return [
        *(" ".join(f"{rows[sign, share]:.3f}" for share in DROPPED) for sign in signs),
        " ".join(f"{error:.3f}" for error in genes),
    ]


def histogram(table: pd.DataFrame) -> list[str]:
    """From `outcomes`: the PIT histogram in tenths, each relative to what it should be."""
    return [f"{10 * share:.2f}" for share in intervals.histogram(table, 10)["share"]]


def strongest(experiment: Experiment) -> list[str]:
    """Return between which |responses| the top DE genes of held-out knockdowns lie."""
    found = []
    for fold in range(experiment.settings.folds):
        measured = experiment.measured(fold)
        top = measured.strongest[:, : experiment.settings.top]
        found.append(np.abs(np.take_along_axis(measured.response, top, axis=1)).ravel())
    low, high = np.percentile(np.concatenate(found), [1, 99])
    return [f"{low:.3f} to {high:.3f}"]


def words(
    tables: dict[str, pd.DataFrame], spread: dict[str, list[str]], others: dict[str, pd.DataFrame]
) -> list[str]:
    """Say for the README what errors and intervals are, of rank scores and of coordinates."""
    held = [_held(table) for table in tables.values()]

    def of(by: str, group: str = "all") -> str:
        return " / ".join(f"{100 * found[by, group]:.0f}" for found in held) + " %"

    strong = [_held(table)[intervals.EFFECT, "largest"] for table in others.values()]
    named = {"median": "error", "mean": "error of mean", "no change": "error of no change"}
    errors = {
        name: " / ".join(f"{table[column].mean():.3f}" for table in tables.values())
        for name, column in named.items()
    }
    effects = " / ".join(f"{_variation(table['effect']):.2f}" for table in tables.values())
    lines, lowest = (
        " / ".join(found)
        for found in (tables, (found[0].partition(" ")[0] for found in spread.values()))
    )
    return [
        f"80 % intervals hold {of(intervals.EVERY)} ({lines}) of held-out measurements,"
        f" {of(intervals.STRONG)} of the {TOP} strongest predicted genes and"
        f" {of(intervals.MEASURED, 'not zero')} of measurements that are not zero; in"
        f" {len(strong)} screens without bounds, {100 * min(strong):.0f} to"
        f" {100 * max(strong):.0f} % in the quarter of knockdowns with the largest effects.",
        f"Mean absolute error over all genes with six other embeddings, {lines}:"
        f" {errors['median']} for the median of `gp`'s distribution, {errors['mean']} for its mean,"
        f" {errors['no change']} for *no change*. Among the {TOP} strongest measured genes of a"
        f" knockdown 99 % of rank scores are at least {lowest}: an error there tells whether a"
        " gene is found, not how strongly it responds. Nor do knockdowns differ much in effect size"
        f" (coefficient of variation {effects}).",
    ]


def _held(table: pd.DataFrame) -> pd.Series:
    return intervals.coverage(table).set_index(["by", "group"])["inside"]


def _variation(sizes: pd.Series) -> float:
    return float(sizes.std() / sizes.mean())


def experiments() -> Iterator[tuple[str, str, Experiment]]:
    """Yield unit, sources and experiment of every screen."""
    data = read()
    for line in data.screens:
        yield "rank score", "all six", Experiment(data.problem(line, ALL))
    text = read_embedding(folder() / EMBEDDINGS["text"], "text")
    for line in COORDINATES:
        screen = coordinates(folder() / f"more/{line}_response_coords.parquet", line)
        yield "coordinate", "text", Experiment(Problem.align(screen, [text]))
    simulated = simulated_dataset()
    for line in simulated.screens:
        every = simulated.embedding_choices[-1]
        yield "simulated", every, Experiment(simulated.problem(line, every))


def coordinates(path: Path, line: str) -> Screen:
    """Read coordinates of a line's responses as a screen."""
    table = pd.read_parquet(path)
    names = [np.array(part, dtype=object) for part in (table.index, table.columns)]
    return Screen(line, table.to_numpy(np.float32), *names, "coordinate")


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the tables; predictions are kept as in `llmpert evaluate`."""
    groups = (intervals.SD, intervals.DISTANCE, intervals.EFFECT)
    signs = ("narrow intervals", "distance", "departure", "best possible")
    tables = {
        "scores": [
            ["line", "unit", "sources", "CRPS", "without embedding", "median", "mean", "no change"]
        ],
        "coverage": [
            ["line", "all", "plain", *groups, f"top {TOP}", "zero / other", "beyond"],
        ],
        "risk": [["line", *signs, "error of genes"]],
        "strongest": [
            ["line", f"sizes of the top {TOP} DE genes' responses", "effect sizes vary by"]
        ],
        "pit": [["line", *(f"{n / 10:.1f}" for n in range(1, 11))]],
    }
    ranks: dict[str, pd.DataFrame] = {}
    coordinates: dict[str, pd.DataFrame] = {}
    spread: dict[str, list[str]] = {}
    for unit, sources, experiment in tqdm(list(experiments()), leave=False):
        table, line = outcomes(experiment), experiment.problem.screen.line
        tables["scores"].append([line, unit, sources, *scores(table)])
        tables["coverage"].append([line, *coverage(table)])
        tables["risk"].append([line, *risk(table)])
        tables["pit"].append([line, *histogram(table)])
        spread[line] = strongest(experiment)
        tables["strongest"].append([line, *spread[line], f"{_variation(table['effect']):.2f}"])
        if unit != "simulated":
            (ranks if unit == "rank score" else coordinates)[line] = table
    for name, rows in tables.items():
        publish(f"benchmarks.distributions {name}", markdown(rows), write)
    said = words(ranks, {line: spread[line] for line in ranks}, coordinates)
    publish("benchmarks.distributions words", said, write, README)


if __name__ == "__main__":
    main()
