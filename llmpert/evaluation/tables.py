"""Table 1: every model's metrics at one training size, beside the published values."""

from collections.abc import Sequence

import pandas as pd

from llmpert.evaluation.metrics import Metric
from llmpert.evaluation.results import NO_EMBEDDING, pretty
from llmpert.models.registry import MODELS
from llmpert.storage import shipped

PUBLISHED_SOURCE = "Märtens et al. 2024, Table 1 (K562, 1,400 training perturbations)"
PUBLISHED_ONLY = {"gears": "GEARS"}
"""Models of the published table that this library does not run."""


def published() -> pd.DataFrame:
    """The paper's Table 1: columns model, embedding, metric, value."""
    return pd.read_csv(shipped() / "published_table1.csv", keep_default_na=False)


def table1(
    summary: pd.DataFrame, line: str, train_size: int, metrics: Sequence[Metric]
) -> pd.DataFrame:
    """Computed "mean ± standard error" and published values, a row a model and embedding.

    Parameters
    ----------
    summary:
        From `llmpert.evaluation.results.summarise`.
    line, train_size:
        Which results to show.

    Returns
    -------
    Index: model and embedding in words. Columns: (metric label, "computed" | "published"); "–"
    where there is no value.
    """
    cell = summary[(summary["line"] == line) & (summary["train_size"] == train_size)]
    computed = {
        (row["model"], row["embedding"], row["metric"]): _mean_and_error(row["mean"], row["se"])
        for row in cell.to_dict("records")
    }
    reported = {
        (row["model"], row["embedding"], row["metric"]): f"{row['value']:.3f}"
        for row in published().to_dict("records")
    }
    # The paper's order of rows: baselines, GEARS, then the models on embeddings.
    order = ["random", "mean", *PUBLISHED_ONLY, *(m for m in MODELS if m not in ("random", "mean"))]
    pairs = dict.fromkeys((model, embedding) for model, embedding, _ in [*reported, *computed])
    rows = sorted(pairs, key=lambda pair: order.index(pair[0]))
    return pd.DataFrame(
        {
            (metric.label, kind): [values.get((*row, metric.name), "–") for row in rows]
            for metric in metrics
            for kind, values in (("computed", computed), ("published", reported))
        },
        index=pd.Index([_label(*row) for row in rows], name="Model"),
    )


def _label(model: str, embedding: str) -> str:
    label = MODELS[model].label if model in MODELS else PUBLISHED_ONLY[model]
    return label if embedding == NO_EMBEDDING else f"{label}, {pretty(embedding)}"


def _mean_and_error(mean: float, error: float) -> str:
    if pd.isna(mean):
        return "not defined"
    if pd.isna(error):
        return f"{mean:.3f}"
    return f"{mean:.3f} ± {error:.3f}" if error >= 0.0005 else f"{mean:.3f} ± <0.001"
