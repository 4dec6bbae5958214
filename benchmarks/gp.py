"""Everything that is claimed about the Gaussian process's speed, in one run.

    python -m benchmarks.gp [--runs 5] [--quick]

Fit and prediction of one fold, beside the machine's matrix products, scikit-learn and GPyTorch; all
of Figure 1 for one simulated line; one gene's prediction; time and memory as the data grow. Each
part runs in a process of its own, which has nothing else in memory. It takes about an hour, most of
it for the largest data and the peers; nothing else should run meanwhile.
"""

import logging
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

from benchmarks import peers, scale
from benchmarks.fold import Fold, fit_and_predict, measure, simulated_fold
from benchmarks.machine import alone, describe, gemm_rate, timed, times, verdict

TARGET_SECONDS = {"fold": 1.5, "figure": 120.0, "gene": 0.005}
TARGET_RATIO = 1.2
"""Of a fold's time with its predictive distribution to that without."""
TARGET_BYTES = 1.5e9
FIGURE_MODELS = ("random", "mean", "gp")


@click.command()
@click.option("--runs", default=5, show_default=True, help="Runs, of which the median is told.")
@click.option("--quick", is_flag=True, help="Leave out peers and growing data.")
def main(runs: int, quick: bool) -> None:
    """Measure fit, prediction, Figure 1, peers and growth."""
    click.echo(f"measured on: {describe()}\n")
    fold = simulated_fold()
    report_fold(fold, runs)
    report_distribution(fold, runs)
    report_figure()
    report_gene()
    if not quick:
        click.echo("\nPeers, on the first D genes of the same fold")
        peers.report(fold, runs)
        click.echo(
            f"\nGrowth, on random data with {scale.SOURCES} sources of {scale.COLUMNS} inputs"
        )
        scale.report()


def report_fold(fold: Fold, runs: int) -> None:
    """Print time and memory of both models, and how far they are from matrix products."""
    rates = {precision: gemm_rate(precision) for precision in ("float64", "float32")}
    click.echo(f"Gaussian process, {fold}")
    for model, target in (("gp", TARGET_SECONDS["fold"]), ("gp-paper", None)):
        cost = alone(measure, model, fold, runs)
        click.echo(f"{model}: {times(cost.seconds, target)}")
        click.echo(
            f"  processor time, all cores: {np.median(cost.processor):.2f} s (much less than"
            " seconds x cores: other programs were running)"
        )
        click.echo(
            f"  peak memory: {cost.peak / 1e9:.2f} GB; target < {TARGET_BYTES / 1e9:g} GB:"
            f" {verdict(cost.peak, TARGET_BYTES)}"
        )
        work, ideal = cost.work, cost.work.seconds_at(rates)
        rate = sum(work.operations.values()) / cost.median / 1e9
        operations = ", ".join(f"{n / 1e9:.0f} GFLOP in {p}" for p, n in work.operations.items())
        factorised = ", ".join(f"{n} of {size:,}" for size, n in sorted(work.factorised.items()))
        click.echo(
            f"  matrix algebra: {operations}, {rate:.0f} GFLOP/s; as matrix products at the"
            f" machine's rate it would take {ideal:.2f} s, {ideal / cost.median:.0%} of the time"
        )
        click.echo(f"  likelihoods by number of perturbations: {factorised}")


def report_distribution(fold: Fold, runs: int) -> None:
    """Print how much longer a fold takes because its predictive distribution is learnt."""
    learnt, without = (np.median(seconds) for seconds in alone(with_and_without, fold, runs))
    ratio = learnt / without
    click.echo(
        f"predictive distribution: a fold takes {ratio:.2f} times as long as without"
        f" ({learnt:.2f} s, {without:.2f} s); target < {TARGET_RATIO:g}:"
        f" {verdict(ratio, TARGET_RATIO)}"
    )


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


def report_figure() -> None:
    """Print the time of Figure 1."""
    seconds, fits = alone(figure)
    click.echo(
        f"Figure 1 of one simulated line, {', '.join(FIGURE_MODELS)}, {fits} fits scored from"
        f" nothing: {seconds:.0f} s; target < {TARGET_SECONDS['figure']:g} s:"
        f" {verdict(seconds, TARGET_SECONDS['figure'])}"
    )


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


def report_gene() -> None:
    """Print the time of one gene's prediction."""
    for what, seconds in zip(("", ", with its 95 % interval"), alone(gene), strict=True):
        words = times(seconds, TARGET_SECONDS["gene"], "ms")
        click.echo(f"one gene from a fitted model{what}: {words}")


def gene() -> tuple[list[float], list[float]]:
    """Seconds of the prediction of each of 100 genes by a model fitted to the others.

    Then those of the prediction and its interval.
    """
    from llmpert.datasets import simulated_dataset
    from llmpert.evaluation.experiment import Experiment

    data = simulated_dataset()
    problem = data.problem(next(iter(data.screens)))
    genes = [str(name) for name in problem.screen.perturbations[:100]]
    model = Experiment(problem).fit_all("gp", held_out=genes)
    plain = [timed(model.predict, [name]) for name in genes]
    return plain, [timed(lambda name=name: model.predict([name]).interval(0.95)) for name in genes]


if __name__ == "__main__":
    main()
