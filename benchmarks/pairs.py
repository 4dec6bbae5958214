"""Every line predicted from every other where lines share no axes, for the documentation.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.pairs [--write]

HepG2, Jurkat, K562 and RPE1 by coordinates of 300 responses each (`more/*_coords.parquet`), true
up to a rotation: nothing can be copied, and both scores are those that no rotation changes.
Knockdowns that both lines have and the built-in embeddings know, 5 folds, seed 0.
"""

from collections.abc import Iterator
from itertools import permutations

import click
import numpy as np
import pandas as pd

from benchmarks.page import markdown, publish, to_pages
from benchmarks.real import folder
from llmpert.commands.evaluate import mean_and_error
from llmpert.datasets import Dataset
from llmpert.embeddings import BUILT_IN, built_in
from llmpert.embeddings.elsewhere import MEASURED_IN
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.results import summarise
from llmpert.evaluation.scores import registry
from llmpert.screens import Screen

LINES = {
    "HepG2": "nadig25hepg2", "Jurkat": "nadig25jurkat", "K562": "replogle22k562",
    "RPE1": "replogle22rpe1",
}  # fmt: skip
EMBEDDING = "GO+description"
SCORES = ("discrimination_l2", "r2_relative")


def coordinates(line: str) -> Screen:
    """Read the responses of a line; its axes are its own."""
    table = pd.read_parquet(folder() / "more" / f"{LINES[line]}_response_coords.parquet")
    return Screen(
        line=line,
        response=table.to_numpy(np.float32),
        perturbations=table.index.to_numpy(),
        genes=[f"{line} {axis}" for axis in table],
        unit="coordinate",
    )


def scored(line: str, other: str) -> pd.DataFrame:
    """Return means of one line's scores, by model and by what it was given."""
    screens = {name: coordinates(name) for name in (line, other)}
    sources = {source.name: source for source in map(built_in, BUILT_IN)}
    whole = Dataset("pair", screens, sources).elsewhere(line)
    given = (EMBEDDING, f"{MEASURED_IN}{other}", f"{EMBEDDING}+{MEASURED_IN}{other}")
    experiments = [Experiment(whole.only(*one.split("+"))) for one in given]
    found = run(grid(experiments, ["mean", "gp"], []), metrics=SCORES)
    return summarise(found.table)


def rows() -> Iterator[list[str]]:
    """Yield the header, and a row a line, another, and what a model was given."""
    labels = [registry()[name].label for name in SCORES]
    yield ["line", "other", "model", "given", "knockdowns", *labels]
    for line, other in permutations(LINES, 2):
        summary = scored(line, other)
        cell = ["model", "embedding"]
        for (model, given), part in summary.groupby(cell, observed=True, sort=False):
            values = {e["metric"]: mean_and_error(e, 3) for e in part.to_dict("records")}
            count = str(int(part["perturbations"].iloc[0]))
            words = str(given).replace("+", " + ").replace("none", "–")
            yield [line, other, model, words, count, *(values[name] for name in SCORES)]


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the table; finished fits are kept as in `python -m llmpert evaluate`."""
    publish("benchmarks.pairs", markdown(list(rows())), write)


if __name__ == "__main__":
    main()
