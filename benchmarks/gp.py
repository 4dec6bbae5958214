"""Everything that is claimed about the Gaussian process's speed, in one run.

    python -m benchmarks.gp [--runs 5] [--quick] [--write]

Fit and prediction of one fold, beside the machine's matrix products, scikit-learn and GPyTorch; all
of Figure 1 for one simulated line; one gene's prediction; time and memory as the data grow. Each
part runs in a process of its own, which has nothing else in memory. It takes 20 minutes, most of
them for the largest data and the peers; nothing else should run meanwhile.
"""

import logging
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

from benchmarks import peers, scale
from benchmarks.fold import Fold, fit_and_predict, measure, simulated_fold
from benchmarks.machine import alone, describe, gemm_rate, timed
from benchmarks.page import markdown, publish, to_pages

FIGURE_MODELS = ("random", "mean", "gp")


@click.command()
@click.option("--runs", default=5, show_default=True, help="Runs, of which the median is shown.")
@click.option("--quick", is_flag=True, help="Leave out peers and growing data; writes nothing.")
@to_pages
def main(runs: int, quick: bool, write: bool) -> None:
    """Measure fit, prediction, Figure 1, peers and growth."""
    on = f"Measured on: {describe()}."
    fold = simulated_fold()
    table = [["what", "measured"], *of_fold(fold, runs), of_distribution(fold, runs)]
    table += [of_figure(), of_gene()]
    if not quick:
        table += peers.rows(fold, runs)
    publish("benchmarks.gp", [on, "", *markdown(table)], write and not quick)
    if not quick:
        publish("benchmarks.gp growth", markdown(scale.table()), write)


def of_fold(fold: Fold, runs: int) -> list[list[str]]:
    """Time and memory of both models, and how far they are from matrix products."""
    rates = {precision: gemm_rate(precision) for precision in ("float64", "float32")}
    rows = []
    for model in ("gp", "gp-paper"):
        cost = alone(measure, model, fold, runs)
        share = cost.work.seconds_at(rates) / cost.median
        rows.append(
            [
                f"`{model}`, hyper-parameters and prediction with variance of a fold: {fold}",
                f"{cost.median:.2f} s, {cost.peak / 1e9:.1f} GB; {share:.0%} of it is what its"
                " matrix algebra would take as plain matrix products",
            ]
        )
    return rows


def of_distribution(fold: Fold, runs: int) -> list[str]:
    """How much longer a fold takes because its predictive distribution is learnt."""
    learnt, without = (float(np.median(found)) for found in alone(with_and_without, fold, runs))
    return [
        "`gp`, the same fold with the predictive distribution and without",
        f"{learnt:.2f} s and {without:.2f} s: {learnt / without:.2f} times",
    ]


def with_and_without(fold: Fold, runs: int) -> tuple[list[float], list[float]]:
    """Seconds of fits and predictions with a distribution that is learnt, and without, in turn."""
    from llmpert.models.distribution import Distribution

    ways = Distribution.__dict__["of"], staticmethod(lambda *_: Distribution.normal())
    seconds: tuple[list[float], list[float]] = [], []
    fit_and_predict("gp", fold)
    for _ in range(runs):
        for way, found in zip(ways, seconds, strict=True):
            Distribution.of = way  # type: ignore[method-assign]
            found.append(timed(fit_and_predict, "gp", fold))
    return seconds


def of_figure() -> list[str]:
    """The time of Figure 1."""
    seconds, fits = alone(figure)
    what = f"all {fits} fits and scores of Figure 1, one simulated line, from nothing"
    return [what, f"{seconds:.0f} s"]


def figure() -> tuple[float, int]:
    """Seconds of all fits and scores behind Figure 1 of one line, and how many fits."""
    logging.getLogger("streamlit").setLevel(logging.ERROR)
    from llmpert.datasets import simulated_dataset
    from llmpert.evaluation.experiment import Experiment
    from llmpert.evaluation.grid import grid, run
    from llmpert.evaluation.results import summarise
    from llmpert.evaluation.splits import PAPER_SIZES
    from llmpert.evaluation.store import ResultsStore
    from llmpert.models.gp.regressor import GaussianProcess  # noqa: F401 - its import is not timed
    from llmpert.ui.common.cache import REPEATS

    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        data = simulated_dataset()
        line = next(iter(data.screens))
        store = ResultsStore(Path(folder))
        experiments = [
            Experiment(data.problem(line, embedding), store=store)
            for embedding in data.embedding_choices
        ]
        fits = grid(experiments, FIGURE_MODELS, PAPER_SIZES, REPEATS)
        summarise(run(fits).table)
        return time.perf_counter() - start, len(fits)


def of_gene() -> list[str]:
    """The time of one gene's prediction."""
    return ["one gene's prediction from a fitted model", f"{1000 * np.median(alone(gene)):.1f} ms"]


def gene() -> list[float]:
    """Seconds of the prediction of each of 100 genes by a model fitted to the others."""
    from llmpert.datasets import simulated_dataset
    from llmpert.evaluation.experiment import Experiment

    data = simulated_dataset()
    problem = data.problem(next(iter(data.screens)))
    genes = [str(name) for name in problem.screen.perturbations[:100]]
    model = Experiment(problem).fit_all("gp", held_out=genes)
    return [timed(model.predict, [name]) for name in genes]


if __name__ == "__main__":
    main()
