"""Which model is best, by which score: ranks, calibrated values, differences between two."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from llmpert.evaluation.results import at_sizes, method_label
from llmpert.evaluation.scores import Metric

NO_SKILL = "mean"
"""The model without skill: it tells no perturbation from another."""

DRAWS = 1000
"""Sets of perturbations drawn for an interval."""

QUARTERS = ("most like the mean", "second quarter", "third quarter", "least like the mean")


def board(
    summary: pd.DataFrame,
    line: str,
    size: int,
    metrics: Sequence[Metric],
    ceiling: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return how methods of a line and training size compare by each score.

    Calibrated is (value - no skill) / (ceiling - no skill), not clipped: 0 is what the mean of
    training responses scores, 1 the ceiling, below 0 is worse than the mean. Where noise is unknown
    the ceiling is the score of the measurement itself.

    Args:
        summary: From `llmpert.evaluation.results.summarise`.
        ceiling: Metric name -> what a model scores that knew the truth, as far as it is known.

    Returns:
        Columns method, metric (its name), score (its label), value, ci95, rank (1 is best, equals
        share the better place), calibrated (NaN where there is no mean).
    """
    cell = at_sizes(summary[summary["line"] == line], [size]).dropna(subset="mean")
    parts = []
    for metric in metrics:
        part = cell[cell["metric"] == metric.name]
        if part.empty:
            continue
        pairs = zip(part["model"], part["embedding"], strict=True)
        value = part["mean"].to_numpy(np.float64)
        none = part.loc[part["model"] == NO_SKILL, "mean"]
        parts.append(
            pd.DataFrame(
                {
                    "method": [method_label(*pair) for pair in pairs],
                    "metric": metric.name,
                    "score": metric.label,
                    "value": value,
                    "ci95": part["ci95"].to_numpy(),
                    "rank": pd.Series(value).round(9).rank(
                        method="min", ascending=metric.best == "min"
                    ),
                    "calibrated": calibrated(
                        value,
                        float(none.iloc[0]) if len(none) else np.nan,
                        (ceiling or {}).get(metric.name, metric.perfect),
                    ),
                }
            )
        )  # fmt: skip
    columns = ["method", "metric", "score", "value", "ci95", "rank", "calibrated"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def calibrated(values: np.ndarray, no_skill: float, ceiling: float) -> np.ndarray:
    """Return values on the scale from no skill (0) to the ceiling (1), not clipped.

    NaN where the ceiling is no better than no skill.
    """
    if not abs(ceiling - no_skill) > 1e-12:
        return np.full(np.shape(values), np.nan)
    return (np.asarray(values, np.float64) - no_skill) / (ceiling - no_skill)


def by_perturbation(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return one score of every method: perturbations x methods, NaN where it has none.

    Args:
        results: Tidy, of one line and training size (`llmpert.evaluation.results.COLUMNS`).
    """
    rows = results[results["metric"] == metric]
    pairs = rows[["model", "embedding"]].drop_duplicates().itertuples(index=False, name=None)
    labels = {pair: method_label(*pair) for pair in pairs}
    named = [labels[pair] for pair in zip(rows["model"], rows["embedding"], strict=True)]
    table = pd.DataFrame(
        {"perturbation": rows["perturbation"].astype(object), "method": named, "v": rows["value"]}
    )
    table = table.groupby(["perturbation", "method"], sort=False)["v"].mean().unstack("method")
    return table[list(dict.fromkeys(named))]


def differences(
    results: pd.DataFrame, ours: str, rival: str, metrics: Sequence[Metric], seed: int = 0
) -> pd.DataFrame:
    """Return by how much one method is better than another by each score, knockdown by knockdown.

    In units of the mean's distance to a perfect score, so that scores can stand side by side; above
    0 `ours` is better. Intervals hold 95 % of the means over drawn sets of perturbations.

    Args:
        ours, rival: Labels of methods (`method_label`).

    Returns:
        Columns metric, score, difference, low, high, perturbations (that both have).
    """
    rng, rows = np.random.default_rng(seed), []
    nothing = method_label(NO_SKILL, "none")
    for metric in metrics:
        table = by_perturbation(results, metric.name)
        if not {ours, rival, nothing} <= set(table):
            continue
        gap = abs(metric.perfect - table[nothing].mean())
        both = table[[ours, rival]].dropna()
        if both.empty or not gap > 1e-12:
            continue
        sign = 1 if metric.best == "max" else -1
        ahead = sign * (both[ours] - both[rival]).to_numpy() / gap
        low, high = bootstrap(ahead, rng)
        rows.append((metric.name, metric.label, ahead.mean(), low, high, len(ahead)))
    columns = ["metric", "score", "difference", "low", "high", "perturbations"]
    return pd.DataFrame(rows, columns=columns)


def bootstrap(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval of the mean of values, over sets of as many drawn of them."""
    drawn = rng.integers(len(values), size=(DRAWS, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def by_unlikeness(results: pd.DataFrame, metric: Metric, unlike: pd.Series) -> pd.DataFrame:
    """Return each method's mean score by quarter of how unlike the mean responses are.

    Args:
        unlike: Perturbation -> how unlike (`unlikeness`).

    Returns:
        Columns method, quarter (of `QUARTERS`), value, perturbations.
    """
    table = by_perturbation(results, metric.name)
    place = unlike.reindex(table.index).rank(pct=True, method="first").to_numpy()
    quarter = np.minimum((place * 4 - 1e-9).astype(int), 3)
    rows = [
        (method, QUARTERS[at], float(part[method].mean()), int(part[method].count()))
        for at, part in table.groupby(quarter)
        for method in table.columns
        if part[method].notna().any()
    ]
    return pd.DataFrame(rows, columns=["method", "quarter", "value", "perturbations"])


def unlikeness(response: np.ndarray, perturbations: Sequence[str]) -> pd.Series:
    """Return 1 minus the correlation of each response with the mean response."""
    from llmpert.evaluation.metrics import pearson

    mean = np.broadcast_to(response.mean(axis=0, dtype=np.float64), response.shape)
    found = 1 - np.nan_to_num(pearson(mean, response))
    return pd.Series(found, index=np.array(perturbations, dtype=object))


def disagreement(table: pd.DataFrame) -> str:
    """Say which methods are best by which scores, in a table of `board`, as a sentence."""
    first = table[table["rank"] == 1].drop_duplicates("metric")
    if first.empty:
        return "There are no scores to compare by."
    won = first.groupby("method", sort=False)["score"].agg(list)
    order = won.map(len).sort_values(ascending=False, kind="stable").index
    total = len(first)
    words = [f"**{name}** is best by {len(won[name])} of {total} scores" for name in order[:1]]
    for name in order[1:3]:
        scores = won[name]
        shown = ", ".join(scores[:2]) + (" and others" if len(scores) > 2 else "")
        words.append(f"**{name}** by {shown}")
    return "; ".join(words) + "."
