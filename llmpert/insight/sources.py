"""Does a source help here? Each by itself, all together, and all but one."""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, FittedModel
from llmpert.evaluation.grid import Fit, grid
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.results import NO_EMBEDDING
from llmpert.evaluation.scores import Metric
from llmpert.insight.head_to_head import OURS, RIVAL, Method, pairs, sets_won
from llmpert.insight.scoreboard import NO_SKILL, bootstrap
from llmpert.models.registry import GAUSSIAN_PROCESS

TOGETHER = "all together"
GAINS, LOSES, SAME = "gains", "loses", "same"
"""What becomes of a gene set's knockdowns when a source is added."""


def choices(problem: Problem) -> dict[str, str]:
    """Return what is given to models: each source alone, all, and all without each.

    Returns:
        Name in results ("text+go") -> the source that it is without; "" for others.

    Raises:
        InputError: There is one source alone.
    """
    names = [embedding.name for embedding in problem.embeddings]
    if len(names) < 2:
        raise InputError(f"Expected two sources or more to compare, found {names[0]} alone.")
    without = {"+".join(name for name in names if name != one): one for one in names}
    return {**dict.fromkeys(names, ""), problem.embedding_name: "", **without}


def source_fits(
    problem: Problem, experiment: Callable[[str], Experiment], size: int | None = None
) -> list[Fit]:
    """Return the fits that tell what each source is worth, by default at the largest training size.

    Args:
        experiment: Makes the experiment of one of `choices`.
    """
    experiments = [experiment(choice) for choice in choices(problem)]
    return grid(experiments, [NO_SKILL, GAUSSIAN_PROCESS], [] if size is None else [size])


def weights(fitted: FittedModel) -> dict[str, float]:
    """Return the share of each source's kernel in the signal of a Gaussian process.

    The kernel over all sources side by side is called `TOGETHER`.
    """
    ratios, names = fitted.model.signal_to_noise_, [*fitted.joined.components_]
    signal = sum(ratios.values())
    return {name if name in names else TOGETHER: of / signal for name, of in ratios.items()}


def worth(
    problem: Problem, results: pd.DataFrame, metric: Metric, fitted: FittedModel
) -> pd.DataFrame:
    """Return what each source is worth by a score, the one that adds most first.

    Differences are taken knockdown by knockdown; intervals hold 95 % of their means over drawn sets
    of knockdowns. Above 0 a source helps, whichever way the score runs.

    Args:
        results: Tidy, of `source_fits`.
        fitted: The Gaussian process with all sources, for the weights.

    Returns:
        Columns source, genes (with a vector), alone (mean score), over_mean with low_alone and
        high_alone (by how much it is better than the mean response), adds, low, high (what it adds
        to all others together), weight (share of its kernel in the signal, without the kernel over
        all sources side by side). The last row is `TOGETHER`.
    """
    rng, sign = np.random.default_rng(0), 1 if metric.best == "max" else -1
    of = {
        key: part.groupby("perturbation", observed=True)["value"].mean()
        for key, part in results[results["metric"] == metric.name].groupby(
            "embedding", observed=True
        )
    }
    together = of[problem.embedding_name]
    known, rows = choices(problem), []
    lacking = {one: name for name, one in known.items() if one}
    weight = weights(fitted)

    def ahead(one: pd.Series, other: pd.Series) -> tuple[float, float, float]:
        gain = sign * (one - other).dropna().to_numpy()
        return float(gain.mean()), *bootstrap(gain, rng)

    for source in problem.embeddings:
        alone = of[source.name]
        adds = ahead(together, of[lacking[source.name]])
        over = ahead(alone, of[NO_EMBEDDING])
        about = source.name, len(source.genes), alone.mean()
        rows.append((*about, *over, *adds, weight[source.name]))
    columns = [
        "source", "genes", "alone", "over_mean", "low_alone", "high_alone", "adds", "low", "high",
        "weight",
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns).sort_values("adds", ascending=False, kind="stable")
    over, unknown = ahead(together, of[NO_EMBEDDING]), (np.nan, np.nan, np.nan)
    last = (TOGETHER, np.nan, together.mean(), *over, *unknown, weight[TOGETHER])
    return pd.concat([table, pd.DataFrame([last], columns=columns)], ignore_index=True)


def sets_helped(
    problem: Problem,
    results: pd.DataFrame,
    metric: Metric,
    sets: Mapping[str, Collection[str]],
) -> pd.DataFrame:
    """Find the gene sets whose knockdowns each source helps, or harms, beside all others.

    Wilcoxon's signed-rank test within each set (`head_to_head.sets_won`) of all sources against all
    but one; false discovery rates are over the sets tested of a source.

    Args:
        results: Tidy, of `source_fits`.
        sets: Gene set -> its perturbations.

    Returns:
        Columns set, source, which (`GAINS`, `LOSES` or `SAME`), perturbations, gain (median, above
        0 better), p, fdr; smallest p first.
    """
    sign, words = 1 if metric.best == "max" else -1, {OURS: GAINS, RIVAL: LOSES}
    together, parts = Method(GAUSSIAN_PROCESS, problem.embedding_name), []
    size = pd.Series(dtype=np.float64)  # of effects, by which nothing is chosen here
    for choice, source in choices(problem).items():
        if source:
            without = Method(GAUSSIAN_PROCESS, choice)
            found = sets_won(pairs(results, together, without, metric, size), sets, metric)
            parts.append(found.assign(source=source))
    table = pd.concat(parts, ignore_index=True)
    table["gain"] = sign * table["difference"]
    table["which"] = table["winner"].map(words).fillna(SAME)
    columns = ["set", "source", "which", "perturbations", "gain", "p", "fdr"]
    return table[columns].sort_values("p", kind="stable", ignore_index=True)


def covered(perturbations: Sequence[str], problem: Problem) -> dict[str, int]:
    """Return how many of a screen's perturbations have a vector in each source."""
    found = {}
    for embedding in problem.embeddings:
        of = problem.only(embedding.name)
        found[embedding.name] = sum(_has(of, str(name)) for name in perturbations)
    return found


def _has(problem: Problem, name: str) -> bool:
    try:
        problem.find(name)
    except InputError:
        return False
    return True
