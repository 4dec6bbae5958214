"""How accurate models become, by how the knockdowns they learn from are chosen.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.campaign [--strategy NAME] [--write]

K562 and RPE1 of the rank-score benchmark, all six sources: a fifth is held out, knockdowns are
chosen from the others step by step, and a fit to them predicts the fifth. Hyper-parameters are
those of what was chosen before. Finished strategies are kept in the data folder, so that they can
be made one by one; the last one writes the tables.
"""

import click
import pandas as pd

from benchmarks.page import markdown, publish, to_pages
from benchmarks.real import ALL, read
from llmpert.evaluation.experiment import Experiment
from llmpert.insight.campaign import RANDOM, SIZES, STRATEGIES, campaign, summary
from llmpert.io.paths import home

LINES = ("K562", "RPE1")


def made(line: str, strategy: str) -> pd.DataFrame:
    """Return the campaigns of one strategy, made now where they are not kept."""
    path = home() / "campaigns" / f"{line} {strategy}.csv"
    if not path.is_file():
        experiment = Experiment(read().problem(line, ALL))
        found = campaign(experiment, [strategy], SIZES)
        path.parent.mkdir(parents=True, exist_ok=True)
        found.to_csv(path, index=False)
    return pd.read_csv(path)


def rows(line: str) -> list[list[str]]:
    """Return a row for each strategy: accuracy by number of knockdowns."""
    table = summary(pd.concat([made(line, strategy) for strategy in STRATEGIES]))
    found = [["chosen by", *map(str, SIZES), "standard error", "50 are worth, at random"]]
    for strategy, part in table.groupby("strategy", sort=False):
        worth = part.set_index("knockdowns").loc[50, "as_random"]
        found.append(
            [
                str(strategy), *(f"{r:.3f}" for r in part["r"]), f"{part['se'].max():.3f}",
                "50" if strategy == RANDOM else f"{worth:.0f}" if worth == worth else "–",
            ]
        )  # fmt: skip
    return found


@click.command()
@click.option("--line", type=click.Choice(LINES), help="This line alone, without a table.")
@click.option("--strategy", type=click.Choice(STRATEGIES), help="This one alone, without a table.")
@to_pages
def main(line: str | None, strategy: str | None, write: bool) -> None:
    """Print the tables."""
    for one in [line] if line else LINES:
        if strategy:
            click.echo(summary(made(one, strategy)).to_string())
        elif not line:
            publish(f"benchmarks.campaign {one}", markdown(rows(one)), write)


if __name__ == "__main__":
    main()
