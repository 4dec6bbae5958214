"""What files of trained models hold: size, accuracy and what they give away.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.trained [--write]

As `llmpert train` makes them of the rank-score benchmark, with the embeddings of human genes and
different largest numbers of response components: minutes.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks import real
from benchmarks.page import markdown, publish, to_pages
from llmpert.embeddings import BUILT_IN, built_in
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.insight.training import train

COMPONENTS = (64, 100)


def row(line: str, components: int, experiment: Experiment, file: Path) -> list[str]:
    """Train a model, save it, and describe it in the cells of a row."""
    model = train(experiment, components)
    model.save(file)
    revealed = 100 * model.reconstructed.quantile([0, 0.5, 1])
    return [
        line,
        f"{components}, {model.components}",
        f"{file.stat().st_size / 1e6:.1f} MB",
        f"{model.accuracy.mean():.3f}",
        ", ".join(f"{share:.0f}" for share in revealed) + " %",
    ]


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the table."""
    revealed = "variance that can be reconstructed: least, median, most"
    table = [["line", "components at most, kept", "file", "held out", revealed]]
    for line, screen in real.read(()).screens.items():
        problem = Problem.align(screen, [built_in(name) for name in BUILT_IN])
        experiment = Experiment(problem, Settings(n_hvgs=len(problem.screen.genes)))
        with TemporaryDirectory() as folder:
            for components in COMPONENTS:
                table.append(row(line, components, experiment, Path(folder) / "made.llmpert"))
    publish("benchmarks.trained", markdown(table), write)


if __name__ == "__main__":
    main()
