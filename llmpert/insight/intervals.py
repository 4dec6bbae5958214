"""Whether intervals hold, and how good predictions are, where people look."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from llmpert.evaluation.calibration import (
    BINS,
    BY_SD,
    HISTOGRAM,
    LEVEL,
    OTHER,
    QUARTERS,
    SD_QUARTERS,
    STRONGEST,
    TENTHS,
    ZERO,
)
from llmpert.evaluation.metrics import TOP

EVERY, SD, DISTANCE, EFFECT = "all measurements", "predicted sd", "distance", "effect size"
STRONG, MEASURED = f"top {TOP} predicted", "measured"
"""By what measurements are grouped."""

ORDERS = ("smallest", "second", "third", "largest")

HOLDS = (0.75, 0.85)
"""Between these shares an 80 % interval counts as one that holds."""

KEPT = np.arange(1, 21) / 20
"""Shares of knockdowns that are kept where the least certain are dropped."""

BEST, ANY = "by accuracy itself, known afterwards", "random order"
"""Orders of knockdowns between which those by signs lie: by accuracy itself, and by chance."""


def coverage(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return which share of measurements their intervals of `LEVEL` hold, by groups of these.

    Quarters of distance and of effect size are of knockdowns, those of predicted standard deviation
    of single measurements. Groups without any are left out.

    Args:
        outcomes: From `llmpert.evaluation.calibration.outcomes`, of one or more folds.

    Returns:
        Columns by, group, inside, share (of all measurements).
    """
    rows: list[tuple[str, str, pd.DataFrame, Sequence[str]]] = [
        (EVERY, "all", outcomes, SD_QUARTERS)
    ]
    rows += [(SD, word, outcomes, [x]) for word, x in zip(ORDERS, SD_QUARTERS, strict=True)]
    for by, column in ((DISTANCE, "distance"), (EFFECT, "effect")):
        order = np.argsort(outcomes[column].to_numpy(), kind="stable")
        parts = map(outcomes.iloc.__getitem__, np.array_split(order, QUARTERS))
        rows += [(by, word, part, SD_QUARTERS) for word, part in zip(ORDERS, parts, strict=True)]
    rows += [
        (STRONG, "all", outcomes, [STRONGEST]),
        (MEASURED, "zero", outcomes, [ZERO]),
        (MEASURED, "not zero", outcomes, [OTHER]),
    ]
    table = pd.DataFrame(
        [(by, group, *_inside(part, names, len(outcomes))) for by, group, part, names in rows],
        columns=["by", "group", "inside", "share"],
    )
    # Where no measurement is zero, or all are, these groups are all or none.
    same = (table["by"] == MEASURED) & (table["share"] == 1)
    return table[table["inside"].notna() & ~same].reset_index(drop=True)


def _inside(outcomes: pd.DataFrame, names: Sequence[str], of: int) -> tuple[float, float]:
    """Return which share of groups' measurements is inside, and what share of all these are."""
    shares = outcomes[[f"share {name}" for name in names]].to_numpy()
    inside = np.nan_to_num(outcomes[[f"inside {name}" for name in names]].to_numpy())
    total = shares.sum()
    return (float((inside * shares).sum() / total) if total else np.nan), float(total / of)


def levels(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return which share of all measurements intervals hold: columns level, inside."""
    bins = outcomes[[*HISTOGRAM]].mean().to_numpy()
    outer = range(BINS // 2 - 1, 0, -1)
    rows = [(1 - 2 * out / BINS, bins[out : BINS - out].sum()) for out in outer]
    return pd.DataFrame(rows, columns=["level", "inside"])


def histogram(outcomes: pd.DataFrame, bins: int = BINS // 2) -> pd.DataFrame:
    """Return the PIT histogram: columns from, to (probabilities), share of measurements."""
    shares = outcomes[[*HISTOGRAM]].mean().to_numpy().reshape(bins, -1).sum(axis=1)
    edges = np.arange(bins + 1) / bins
    return pd.DataFrame({"from": edges[:-1], "to": edges[1:], "share": shares})


def certainty(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return signs of how certain each knockdown's prediction is, more where it is larger."""
    return pd.DataFrame(
        {
            "narrow intervals": -outcomes["sd"],
            "near training genes": -outcomes["distance"],
            "far from the mean response": outcomes["departure"],
        }
    )


def risk_coverage(accuracy: pd.Series, signs: pd.DataFrame) -> pd.DataFrame:
    """Return the mean accuracy of the most certain knockdowns, by each sign.

    Args:
        accuracy: A value a knockdown; those without are left out.
        signs: A row a knockdown, a column a sign, larger for more certain predictions.

    Returns:
        Columns sign, kept (share of the knockdowns), knockdowns (their number), accuracy. The first
        sign is `ANY`, the last is `BEST`.
    """
    known = accuracy.notna().to_numpy()
    values, signs = accuracy.to_numpy(np.float64)[known], signs[known]
    counts = np.ceil(KEPT * len(values) - 1e-9).astype(int)
    orders = {str(name): sign.to_numpy(np.float64) for name, sign in signs.items()}
    found = {ANY: np.full(len(counts), values.mean() if len(values) else np.nan)}
    for name, sign in (orders | {BEST: values}).items():
        running = np.cumsum(values[np.argsort(-sign, kind="stable")])
        found[name] = running[counts - 1] / counts if len(values) else found[ANY]
    parts = [
        pd.DataFrame({"sign": name, "kept": KEPT, "knockdowns": counts, "accuracy": curve})
        for name, curve in found.items()
    ]
    return pd.concat(parts, ignore_index=True)


def errors_of_kept_genes(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the mean absolute error of each knockdown's genes of the narrowest predictions.

    Returns:
        Columns kept (share of the genes), error (of the median).
    """
    kept = np.arange(1, TENTHS + 1) / TENTHS
    return pd.DataFrame({"kept": kept, "error": outcomes[[*BY_SD]].mean().to_numpy()})


def sentence(found: pd.DataFrame) -> str:
    """Return what `coverage` says in Markdown: whether intervals hold, and where they do not."""
    rows = found.set_index(["by", "group"])["inside"]
    low, high = HOLDS
    # As they are written, so that words and numbers agree.
    rows = rows.round(2)
    known = rows.drop([EFFECT, MEASURED], level="by", errors="ignore")
    misses = known[(known < low) | (known > high)].drop(EVERY, level="by", errors="ignore")
    quarters = known[[SD, DISTANCE]]
    every = rows[EVERY, "all"]
    if not low <= every <= high:
        head = f"**No**: {LEVEL:.0%} intervals hold {every:.0%}".replace("%", " %")
        return f"{head} of the measurements of held-out knockdowns."
    head = "**Yes**" if misses.empty else "**On average, yes**"
    words = (
        f"{head}: 80 % intervals hold {_percent(every)} of held-out measurements, and"
        f" {_range(quarters)} in every quarter of predicted sd and of distance"
    )
    less = {}
    if (STRONG, "all") in rows:
        less[f"of the {TOP} strongest predicted genes"] = rows[STRONG, "all"]
    if (MEASURED, "not zero") in rows:
        less["of measurements that are not zero"] = rows[MEASURED, "not zero"]
    words += "".join(f"; **{_percent(share)}** {of}" for of, share in less.items())
    effects = rows[EFFECT]
    if not effects.between(low, high).all():
        words += f". By measured effect size, which is known only afterwards, {_range(effects)}"
    return words + "."


def _percent(share: float) -> str:
    return f"{round(100 * share)} %"


def _range(shares: pd.Series) -> str:
    low, high = (round(100 * share) for share in (shares.min(), shares.max()))
    return f"{low} %" if low == high else f"{low} to {high} %"
