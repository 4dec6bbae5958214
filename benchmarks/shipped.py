"""The tables of scores that come with llmpert, as the README and the documentation have them.

    python -m benchmarks.shipped [--write]

Of real screens from `data/replogle-2022-ranks/results.parquet`, which `data/build_rank_results.py`
makes; of simulated ones from `data/simulated_results.parquet` (`data/build_shipped_results.py`) and
from what GEARS predicted of them (`data/build_gears_results.py`). Nothing is fitted: seconds.
"""

import click
import pandas as pd

from benchmarks.page import PAGE, README, markdown, publish, to_pages
from llmpert.commands.evaluate import rows
from llmpert.datasets import RANKS, SIMULATED
from llmpert.embeddings import BUILT_IN
from llmpert.evaluation.results import NO_EMBEDDING, ResultsSummary, on_embeddings
from llmpert.evaluation.scores import paper
from llmpert.evaluation.tables import published, table1
from llmpert.io.paths import shipped
from llmpert.models.registry import EVERY, GAUSSIAN_PROCESS, MODELS, label
from llmpert.ui.common import cache

PAPER, MEAN = "gp-paper", "mean"
OURS = "+".join(BUILT_IN)
METRICS = paper()


Tables = dict[tuple[str, str], list[str]]
"""The lines of each table by page and marker."""


def real() -> Tables:
    """Return the tables of real screens."""
    every = ResultsSummary.load(shipped() / RANKS / "results.parquet").table
    every = every[every["metric"].isin(list(METRICS))]
    built_in = on_embeddings(every, [*BUILT_IN, OURS])
    largest = built_in[built_in["train_size"] == built_in["train_size"].max()]
    theirs = every[every["embedding"].str.startswith("benchmark ")].assign(
        embedding=lambda t: t["embedding"].str.removeprefix("benchmark ")
    )
    growing = built_in[
        built_in["embedding"].isin([NO_EMBEDDING, OURS])
        & built_in["model"].isin([MEAN, "knn", PAPER, GAUSSIAN_PROCESS])
    ]
    return {
        (README, "benchmarks.shipped headlines"): headlines(on_embeddings(largest, [OURS])),
        (PAGE, "benchmarks.shipped built-in"): scores(largest),
        (PAGE, "benchmarks.shipped six"): scores(theirs),
        (PAGE, "benchmarks.shipped growing"): scores(growing, sizes=True),
    }


def headlines(summary: pd.DataFrame) -> list[str]:
    """Return a table of the Gaussian process beside others by each metric, the best in bold."""
    lines = list(dict.fromkeys(summary["line"]))
    of = summary.dropna(subset="mean").set_index(["metric", "line", "model"])["mean"]
    shown, body = (GAUSSIAN_PROCESS, PAPER, MEAN), []
    for metric in METRICS.values():
        known = [of[metric.name, line] for line in lines]
        first = [v.idxmax() if metric.best == "max" else v.idxmin() for v in known]
        cells = [
            [
                f"**{v[m]:.3f}**" if m == f else f"{v[m]:.3f}"
                for v, f in zip(known, first, strict=True)
            ]
            for m in shown
        ]
        others = dict.fromkeys(label(f) for f in first if f not in shown)
        values = (
            "–" if f in shown else f"**{v[f]:.3f}**" for v, f in zip(known, first, strict=True)
        )
        cells.append([" / ".join(values) + f" ({', '.join(others)})" if others else "–"])
        body.append([metric.label, *(" / ".join(cell) for cell in cells)])
    header = [" / ".join(lines), "`gp`", "the paper's GP", "mean response", "better than these"]
    return markdown([header, *body])


def scores(summary: pd.DataFrame, sizes: bool = False) -> list[str]:
    """Return a table of every model's scores, a row a line, embedding and model."""
    table = rows(summary, list(EVERY))
    leave = () if sizes else (table[0].index("size"),)
    labels = {name: metric.label for name, metric in METRICS.items()}
    kept = [[labels.get(c, c) for i, c in enumerate(row) if i not in leave] for row in table]
    return markdown([["–" if cell == NO_EMBEDDING else cell for cell in row] for row in kept])


def simulated() -> Tables:
    """Return Table 1 of the simulated K562-like line, beside the published values."""
    data = cache.load(SIMULATED)
    line, size = next(iter(data.screens)), max(cache.training_sizes(data))
    summary, _ = cache.summary(data, [line], list(MODELS), size)
    table = table1(summary, line, size, list(METRICS.values()), [published()])
    header = ["model", *(name if kind == "computed" else kind for name, kind in table.columns)]
    body = zip(table.index, table.values.tolist(), strict=True)
    lines = markdown([header, *([name, *row] for name, row in body)])
    return {(PAGE, "benchmarks.shipped simulated"): lines}


@click.command()
@to_pages
def main(write: bool) -> None:
    """Print the tables."""
    for (page, name), lines in (real() | simulated()).items():
        publish(name, lines, write, page)


if __name__ == "__main__":
    main()
