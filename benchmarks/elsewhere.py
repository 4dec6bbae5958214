"""How well a line is predicted from what was measured in another, as a table of the documentation.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.elsewhere [--write]

Rank scores of K562 and RPE1: each line's knockdowns from six sources, from what the same knockdowns
did in the other line, and from both, beside copies of the other line. 5-fold cross-validation at
the largest training size, seed 0; of a test knockdown the other line's response is an input, and
its own is not.
"""

import click
from tqdm import tqdm

from benchmarks.page import markdown, publish, to_pages
from benchmarks.real import ALL, read
from llmpert.commands.evaluate import BASELINES, rows
from llmpert.embeddings.elsewhere import Elsewhere
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.results import NO_EMBEDDING, summarise
from llmpert.evaluation.scores import paper
from llmpert.models.registry import GAUSSIAN_PROCESS

MODELS = [*BASELINES, GAUSSIAN_PROCESS, "stack", "stack-copy"]
METRICS = ("pearson_all", "pearson_top20", "mae_all")


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
    words = {name: metric.label for name, metric in paper().items()} | {
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


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the table; finished fits are kept as in `python -m llmpert evaluate`."""
    publish("benchmarks.elsewhere", across(), write)


if __name__ == "__main__":
    main()
