"""Table 1: every model's metrics at one training size, beside the published values."""

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from llmpert.evaluation.results import at_sizes, method_label
from llmpert.evaluation.scores import Metric
from llmpert.io.paths import shipped
from llmpert.models.registry import EVERY

PUBLISHED_SOURCE = "Märtens et al. 2024, Table 1 (K562, 1,400 training perturbations)"


def published() -> pd.DataFrame:
    """Return the paper's Table 1: columns model, embedding, metric, value; GEARS by that name."""
    return pd.read_csv(shipped() / "published_table1.csv", keep_default_na=False)


def table1(
    summary: pd.DataFrame,
    line: str,
    train_size: int,
    metrics: Sequence[Metric],
    reported: Iterable[pd.DataFrame] = (),
) -> pd.DataFrame:
    """Return computed "mean ± standard error" and published values, a row a model and embedding.

    A method run elsewhere has a row by its name; where a value of that name was published, as of
    GEARS, it stands in the same row.

    Args:
        summary: From `llmpert.evaluation.results.summarise`.
        reported: Published values, such as `published()` and those of perturbations, of which the
            mean is shown: columns model (such as "GEARS (published)"), embedding, metric and value.

    Returns:
        Columns (metric label, "computed" | "published"), without the latter where none are
        reported; "–" where there is no value.
    """
    cell = at_sizes(summary[summary["line"] == line], [train_size])
    computed = {
        (row["model"], row["embedding"], row["metric"]): _mean_and_error(row["mean"], row["se"])
        for row in cell.to_dict("records")
    }
    cells = ["model", "embedding", "metric"]
    printed = {
        (row["model"], row["embedding"], row["metric"]): _mean_and_error(row["value"], math.nan)
        for one in reported
        if len(one)
        for row in one.groupby(cells, sort=False)["value"].mean().reset_index().to_dict("records")
    }
    pairs = dict.fromkeys((model, embedding) for model, embedding, _ in [*printed, *computed])
    kinds = {"computed": computed} | ({"published": printed} if printed else {})
    rows = sorted(pairs, key=lambda pair: _place(pair[0]))
    return pd.DataFrame(
        {
            (metric.label, kind): [values.get((*row, metric.name), "–") for row in rows]
            for metric in metrics
            for kind, values in kinds.items()
        },
        index=pd.Index([method_label(*row) for row in rows], name="Model"),
    )


def best(
    summary: pd.DataFrame, line: str, train_size: int, metrics: Sequence[Metric]
) -> dict[str, tuple[str, float]]:
    """Return which method has the best mean by each metric, baselines among them: label -> both.

    Args:
        summary: From `llmpert.evaluation.results.summarise`.
    """
    cell = at_sizes(summary[summary["line"] == line], [train_size]).dropna(subset="mean")
    found = {}
    for metric in metrics:
        rows = cell[cell["metric"] == metric.name].sort_values("mean", kind="stable")
        if len(rows):
            first = rows.iloc[-1 if metric.best == "max" else 0]
            found[metric.label] = method_label(first["model"], first["embedding"]), first["mean"]
    return found


def _place(model: str) -> tuple[int, int]:
    """Order rows as the paper: baselines, GEARS and the like, then the models on embeddings."""
    if model not in EVERY:
        return 1, 0
    return 2 * EVERY[model].uses_embedding, list(EVERY).index(model)


def _mean_and_error(mean: float, error: float) -> str:
    if pd.isna(mean):
        return "not defined"
    if pd.isna(error):
        return f"{mean:.3f}"
    return f"{mean:.3f} ± {error:.3f}" if error >= 0.0005 else f"{mean:.3f} ± <0.001"
