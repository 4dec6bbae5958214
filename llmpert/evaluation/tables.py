"""Table 1: every model's metrics at one training size, beside the published values."""

import math
from collections.abc import Sequence

import pandas as pd

from llmpert.evaluation.metrics import Metric
from llmpert.evaluation.results import NO_EMBEDDING, method_label
from llmpert.io.paths import shipped
from llmpert.models.registry import MODELS

PUBLISHED_SOURCE = "Märtens et al. 2024, Table 1 (K562, 1,400 training perturbations)"


def published() -> pd.DataFrame:
    """Return the paper's Table 1: columns model, embedding, metric, value; GEARS by that name."""
    return pd.read_csv(shipped() / "published_table1.csv", keep_default_na=False)


def table1(
    summary: pd.DataFrame,
    line: str,
    train_size: int,
    metrics: Sequence[Metric],
    imported: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return computed "mean ± standard error" and published values, a row a model and embedding.

    A method run elsewhere has a row by its name; where the paper has a value of that name, as of
    GEARS, it stands in the same row.

    Args:
        summary: From `llmpert.evaluation.results.summarise`.
        imported: Further published values of the line, a row a perturbation, of which the mean is
            shown: columns model (such as "GEARS (published)"), metric and value.

    Returns:
        Columns (metric label, "computed" | "published"); "–" where there is no value.
    """
    cell = summary[(summary["line"] == line) & (summary["train_size"] == train_size)]
    computed = {
        (row["model"], row["embedding"], row["metric"]): _mean_and_error(row["mean"], row["se"])
        for row in cell.to_dict("records")
    }
    others = []
    if imported is not None and len(imported):
        means = imported.groupby(["model", "metric"], as_index=False, sort=False)["value"].mean()
        others = [means.assign(embedding=NO_EMBEDDING)]
    reported = {
        (row["model"], row["embedding"], row["metric"]): _mean_and_error(row["value"], math.nan)
        for row in pd.concat([published(), *others]).to_dict("records")
    }
    pairs = dict.fromkeys((model, embedding) for model, embedding, _ in [*reported, *computed])
    rows = sorted(pairs, key=lambda pair: _place(pair[0]))
    return pd.DataFrame(
        {
            (metric.label, kind): [values.get((*row, metric.name), "–") for row in rows]
            for metric in metrics
            for kind, values in (("computed", computed), ("published", reported))
        },
        index=pd.Index([method_label(*row) for row in rows], name="Model"),
    )


def _place(model: str) -> tuple[int, int]:
    """Order rows as the paper: baselines, GEARS and the like, then the models on embeddings."""
    if model not in MODELS:
        return 1, 0
    return 2 * MODELS[model].uses_embedding, list(MODELS).index(model)


def _mean_and_error(mean: float, error: float) -> str:
    if pd.isna(mean):
        return "not defined"
    if pd.isna(error):
        return f"{mean:.3f}"
    return f"{mean:.3f} ± {error:.3f}" if error >= 0.0005 else f"{mean:.3f} ± <0.001"
