"""How well a line is predicted from what was measured in another, as tables of the documentation.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.elsewhere [--write]

Rank scores of K562 and RPE1: each line's knockdowns from six sources, from what the same knockdowns
did in the other line, and from both, beside copies of the other line. Then coordinates of responses
in HepG2 and Jurkat, which have no gene in common with it, from the rank scores of either. 5-fold
cross-validation at the largest training size, seed 0; of a test knockdown the other line's response
is an input, and its own is not.
"""

import click
import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.page import markdown, publish
from benchmarks.real import ALL, EMBEDDINGS, folder, read
from llmpert.commands.evaluate import BASELINES, rows
from llmpert.datasets import Dataset
from llmpert.embeddings import read_embedding
from llmpert.embeddings.elsewhere import Elsewhere
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.metrics import registry
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.results import NO_EMBEDDING, summarise
from llmpert.models.registry import GAUSSIAN_PROCESS
from llmpert.screens import Screen

MODELS = [*BASELINES, GAUSSIAN_PROCESS, "stack", "stack-copy"]
METRICS = ("pearson_all", "pearson_top20", "mae_all")
FEW = ("nadig25hepg2", "nadig25jurkat")


def experiments(problem: Problem, embeddings: str) -> list[Experiment]:
    """Return those of embeddings, of the other line, and of both."""
    (other,) = (e.name for e in problem.embeddings if isinstance(e, Elsewhere))
    choices = (embeddings, other, f"{embeddings}+{other}")
    return [Experiment(problem.only(*choice.split("+"))) for choice in choices]


def scores(compared: list[Experiment], models: list[str], metrics: tuple[str, ...]) -> list[str]:
    """Return a table of the models' scores, a row a line, what it was given, and model."""
    fits = grid(compared, models, [])
    with tqdm(total=len(fits), unit="fit", leave=False) as bar:
        found = summarise(run(fits, lambda done, total, label: bar.update(done - bar.n)).table)
    table = rows(found[found["metric"].isin(metrics)], models)
    words = {name: metric.label for name, metric in registry().items()} | {
        NO_EMBEDDING: "–", "embedding": "given",
    }  # fmt: skip
    return markdown([[_shown(words.get(cell, cell)) for cell in row] for row in table])


def _shown(cell: str) -> str:
    return cell.replace(ALL, "all six").replace("+", " + ")


def across() -> list[str]:
    """Return the table of K562 and RPE1."""
    data = read()
    compared = [one for line in data.screens for one in experiments(data.elsewhere(line), ALL)]
    return scores(compared, MODELS, METRICS)


def few() -> list[str]:
    """Return the table of lines that share some knockdowns with K562 and RPE1, and no gene."""
    text = read_embedding(folder() / EMBEDDINGS["text"], "text")
    compared = []
    for name in FEW:
        table = pd.read_parquet(folder() / f"more/{name}_response_coords.parquet")
        names = [np.array(part, dtype=object) for part in (table.index, table.columns)]
        for there in read(()).screens.values():
            common = table.index.isin(there.perturbations).sum()
            line = f"{name}, {common} knockdowns"
            here = Screen(line, table.to_numpy(np.float32), *names, "coordinate")
            lines = {screen.line: screen for screen in (here, there)}
            problem = Dataset("", lines, {text.name: text}).elsewhere(line)
            compared += experiments(problem, text.name)
    return scores(compared, ["mean", GAUSSIAN_PROCESS, "stack"], ("pearson_all", "mae_all"))


@click.command()
@click.option("--write", is_flag=True, help="Write the tables into the documentation, too.")
def main(write: bool) -> None:
    """Print the tables; finished fits are kept as in `python -m llmpert evaluate`."""
    for name, lines in (("lines", across()), ("few", few())):
        click.echo("\n".join(["", *lines]))
        if write:
            publish(f"benchmarks.elsewhere {name}", lines)


if __name__ == "__main__":
    main()
