"""How many knockdowns a new line needs, as a table of the documentation.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.lines [--write]

Rank scores of K562 and RPE1, six sources: a line is predicted from 0, 25, 50 and more of its
knockdowns, with the help of the other line or without. What is tested was measured in the other
line or in none. 5 folds, seed 0.
"""

from collections.abc import Sequence

import click
import pandas as pd
from tqdm import tqdm

from benchmarks.page import markdown, publish, to_pages
from benchmarks.real import ALL, read
from llmpert.commands.evaluate import decimals, mean_and_error
from llmpert.datasets import Dataset
from llmpert.evaluation import lines
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import Fit, grid, run
from llmpert.evaluation.results import COLUMNS, summarise
from llmpert.evaluation.scores import registry

SIZES = (25, 50, 100, 228)
"""Up to half of what five folds offer."""
SCORES = ("pearson_all", "pearson_top20", "mae_all")


def scored(fits: Sequence[Fit], metrics: Sequence[str]) -> pd.DataFrame:
    """Return some scores of fits, made now where they are not kept."""
    with tqdm(total=len(fits), unit="fit", leave=False) as bar:
        found = run(fits, lambda done, total, label: bar.update(done - bar.n), metrics=metrics)
    return found.table


def curve(data: Dataset, line: str, sizes: Sequence[int] = SIZES) -> pd.DataFrame:
    """Return the scores of one line at these training sizes, and of the line unseen."""
    (other,) = (one for one in data.screens if one != line)
    whole = data.elsewhere(line)
    alone, both = Experiment(whole.only(*data.embeddings)), Experiment(whole)
    folds = lines.hidden(alone, [data.problem(other)])
    fits = grid([alone], ["mean", "gp"], sizes)
    fits += grid([both], ["copy-shrunk", "gp", "gp-copy"], sizes)
    fits += lines.hidden_fits(folds, ["gp", "gp-copy"], sizes)
    unseen = [lines.unseen_line(one) for one in ([both] * len(folds), folds)]
    table = pd.concat([scored(fits, SCORES), *unseen], ignore_index=True)
    return table[table["metric"].isin(SCORES)]


def shown(table: pd.DataFrame, metrics: Sequence[str]) -> list[list[str]]:
    """Return a table of means, a row a line, setting, size, model and what it was given."""
    summary = summarise(table[list(COLUMNS)])
    pairs = zip(summary["embedding"].astype(str), summary["train_size"], strict=True)
    summary["setting"] = [lines.setting(given, size) for given, size in pairs]
    digits = {name: decimals(part["se"]) for name, part in summary.groupby("metric", observed=True)}
    labels = [registry()[name].label for name in metrics]
    rows = [["line", "tested", "size", "model", "given", *labels]]
    order = summary.sort_values(["line", "setting", "train_size"], kind="stable")
    cell = ["line", "setting", "train_size", "model", "embedding"]
    for key, part in order.groupby(cell, observed=True, sort=False):
        values = {e["metric"]: mean_and_error(e, digits[e["metric"]]) for e in
                  part.to_dict("records")}  # fmt: skip
        *head, given = map(str, key)
        given = given.replace(ALL, "all six").replace("+", " + ").replace("none", "–")
        rows.append([*head, given, *(values[name] for name in metrics)])
    return rows


def learning_curves() -> list[str]:
    """Return the table of K562 and RPE1."""
    data = read()
    return markdown(shown(pd.concat([curve(data, line) for line in data.screens]), SCORES))


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the table; finished fits are kept as in `python -m llmpert evaluate`."""
    publish("benchmarks.lines", learning_curves(), write)


if __name__ == "__main__":
    main()
