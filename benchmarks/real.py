"""Accuracy on the rank-score benchmark, as the Markdown tables of the README.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.real

All models on both lines, with text, sequence and both, on the perturbations that have both; then on
all perturbations that have text. 5-fold cross-validation at the largest training size, seed 0.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import click
from tqdm import tqdm

from llmpert.commands.evaluate import rows
from llmpert.datasets import Dataset
from llmpert.embeddings import read_embedding
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.results import summarise
from llmpert.models.registry import MODELS
from llmpert.screens import read_screen

COMMAND = "LLMPERT_REAL_DATA=FOLDER python -m benchmarks.real"
SCREENS = ("k562_rank_response.h5ad", "rpe1_rank_response.h5ad")
EMBEDDINGS = {
    "text": "embeddings/text_genept_minilm.pickle",
    "sequence": "embeddings/per-protein.h5",
}


@click.command()
def main() -> None:
    """Print the tables; finished fits are kept as in `python -m llmpert evaluate`."""
    folder = Path(os.environ.get("LLMPERT_REAL_DATA", "../shared/real"))
    if not (folder / SCREENS[0]).is_file():
        raise click.ClickException(
            f"expected the rank-score benchmark ({SCREENS[0]} and others) in the folder that"
            f" LLMPERT_REAL_DATA names, found none in {folder}."
        )
    screens = {s.line: s for s in (read_screen(folder / name) for name in SCREENS)}
    sources = {name: read_embedding(folder / path, name) for name, path in EMBEDDINGS.items()}
    click.echo(f"From `{COMMAND}`; mean ± standard error over 5 folds.")
    for data in (
        Dataset("both", screens, sources),
        Dataset("text", screens, {"text": sources["text"]}),
    ):
        print_table(data)


def print_table(data: Dataset) -> None:
    """Evaluate everything on a data set and print it."""
    experiments = [
        Experiment(data.problem(line, embedding))
        for line in data.screens
        for embedding in data.embedding_choices
    ]
    fits = grid(experiments, list(MODELS), [])
    with tqdm(total=len(fits), unit="fit", leave=False) as bar:
        results = run(fits, lambda done, total, label: bar.update(done - bar.n))
    screen = experiments[0].problem.screen
    click.echo(
        f"\n{len(screen.perturbations):,} perturbations with a vector in"
        f" {' and '.join(data.embeddings)}, {screen.unit}:\n"
    )
    header, *body = rows(summarise(results.table), list(MODELS))
    for line in markdown([header, ["---"] * len(header), *body]):
        click.echo(line)


def markdown(table: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines of a Markdown table."""
    return [f"| {' | '.join(row)} |" for row in table]


if __name__ == "__main__":
    main()
