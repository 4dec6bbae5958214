"""Two methods against each other, one perturbation at a time (the paper's Figure 3)."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.results import NO_EMBEDDING, PUBLISHED, method_label
from llmpert.evaluation.scores import Metric, paper
from llmpert.models.registry import GAUSSIAN_PROCESS, MODELS, label
from llmpert.screens.screen import Screen

OURS, RIVAL, TIE, UNDEFINED = "ours", "rival", "tie", "not defined"
"""Who wins a perturbation: nobody where the values are equal, or one of them is not defined."""

RIVAL_MODELS = ("GEARS", "linear")
"""What `gp` is compared with at first: the first of these that there is, GEARS as in the paper."""

SMALLEST_SET = 6
"""Differences that a gene set needs: with fewer no outcome of the signed-rank test has p < 0.05."""

SAME_EFFECT = 1e-5
"""Effect sizes this close, relative to each other, are equal: in ranked responses many are."""


@dataclass(frozen=True)
class Method:
    """A model of the registry or another on an embedding; `NO_EMBEDDING` where it uses none."""

    model: str
    embedding: str = NO_EMBEDDING

    @property
    def published(self) -> bool:
        """Whether only its published values are known (`llmpert.methods.published`)."""
        return self.model.endswith(PUBLISHED)

    @property
    def external(self) -> bool:
        """Whether its predictions were imported (`llmpert.methods.predictions`)."""
        return self.model not in MODELS and not self.published

    @property
    def label(self) -> str:
        """For people: "Gaussian process, text + sequence"."""
        return method_label(self.model, self.embedding)

    @property
    def slug(self) -> str:
        """For file names: "gp-text+sequence"."""
        return re.sub(r"[^\w+.]+", "-", f"{self.model}-{self.embedding}")


def methods(embeddings: Sequence[str]) -> list[Method]:
    """Return every model on every embedding; models that use none once."""
    return [
        Method(name, embedding)
        for name, spec in MODELS.items()
        for embedding in (embeddings if spec.uses_embedding else [NO_EMBEDDING])
    ]


def methods_of(results: pd.DataFrame) -> list[Method]:
    """Return the external and published methods of these results, in their order."""
    return [Method(model) for model in results["model"].unique()]


def common_metrics(ours: Method, rival: Method, results: pd.DataFrame) -> list[str]:
    """Return the metrics that both have: a published method those in `results`, others all."""
    metrics = list(paper())
    for method in (ours, rival):
        if method.published:
            mine = results[results["model"] == method.model]
            metrics = [name for name in metrics if name in set(mine["metric"])]
    return metrics


def default_pair(offered: Sequence[Method]) -> tuple[Method, Method]:
    """Choose two methods for a first view: `gp` on the last embedding and one of `RIVAL_MODELS`.

    A rival that uses an embedding has the same one. No published method is among them where two
    others are. Raises `InputError` for fewer than two methods.
    """
    if len(offered) < 2:
        raise InputError(f"Expected at least two methods to compare, found {len(offered)}.")
    offered = sorted(offered, key=lambda method: method.published)
    ours = next((m for m in reversed(offered) if m.model == GAUSSIAN_PROCESS), offered[-1])
    rivals = [Method(m, e) for m in RIVAL_MODELS for e in (ours.embedding, NO_EMBEDDING)]
    preferred = [rival for rival in rivals if rival in offered]
    return ours, next(m for m in [*preferred, *offered] if m != ours)


def short_labels(ours: Method, rival: Method) -> tuple[str, str]:
    """Return distinct names of two methods: the models', and the embeddings' where needed."""
    if ours.model != rival.model:
        return label(ours.model), label(rival.model)
    return ours.label, rival.label


def effect_size(screen: Screen) -> pd.Series:
    """Return the root mean square of each perturbation's response, in the screen's unit."""
    squares = np.square(screen.response).mean(axis=1, dtype=np.float64)
    return pd.Series(np.sqrt(squares), index=pd.Index(screen.perturbations, dtype=object))


def pairs(
    results: pd.DataFrame, ours: Method, rival: Method, metric: Metric, effect: pd.Series
) -> pd.DataFrame:
    """Set both methods' values side by side for each perturbation that both were tested on.

    Args:
        results: Tidy results (`llmpert.evaluation.results.COLUMNS`) of one line and training size,
            in which a method has one value a perturbation.

    Returns:
        Columns perturbation, effect, ours, rival, difference (ours minus rival), winner (`OURS`,
        `RIVAL`, `TIE` or `UNDEFINED`); strongest effect first.

    Raises:
        InputError: No perturbation has a value of both.
    """
    values = results[results["metric"] == metric.name]

    def of(method: Method) -> pd.Series:
        mine = values[(values["model"] == method.model) & (values["embedding"] == method.embedding)]
        return pd.Series(mine["value"].to_numpy(np.float64), mine["perturbation"].astype(object))

    table = pd.concat({"ours": of(ours), "rival": of(rival)}, axis=1, join="inner")
    if table.empty:
        raise InputError(
            f"Expected perturbations that {ours.label} and {rival.label} were both tested on,"
            " found none."
        )
    table.insert(0, "effect", effect.reindex(table.index))
    table["difference"] = table["ours"] - table["rival"]
    ahead = table["difference"] if metric.best == "max" else -table["difference"]
    table["winner"] = np.select(
        [ahead > 0, ahead < 0, ahead == 0], [OURS, RIVAL, TIE], default=UNDEFINED
    )
    table = table.rename_axis("perturbation").reset_index()
    return table.sort_values("effect", ascending=False, kind="stable", ignore_index=True)


def largest_effects(table: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return this share of a table of `pairs`: the perturbations with the largest effect.

    At least one, and any others whose effect equals the smallest of theirs.
    """
    smallest = table["effect"].iloc[max(1, ceil(share * len(table))) - 1]
    return table[table["effect"] >= smallest * (1 - SAME_EFFECT)]


@dataclass(frozen=True)
class Tally:
    """How many perturbations each side wins, how many are ties, how many have no winner."""

    ours: int
    rival: int
    ties: int
    undefined: int

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Tally":
        """Count the winners in a table of `pairs`."""
        counts = table["winner"].value_counts()
        return cls(*(int(counts.get(who, 0)) for who in (OURS, RIVAL, TIE, UNDEFINED)))

    @property
    def compared(self) -> int:
        """Perturbations for which both values are defined, ties included."""
        return self.ours + self.rival + self.ties

    @property
    def share(self) -> float:
        """The share of those compared that ours wins; NaN where there are none."""
        return self.ours / self.compared if self.compared else float("nan")


def sets_won(
    table: pd.DataFrame, sets: Mapping[str, Collection[str]], metric: Metric
) -> pd.DataFrame:
    """Find the gene sets in which one method beats the other.

    Wilcoxon's signed-rank test of the paired differences in a table of `pairs`, two-sided, ties
    left out, asks whether the methods differ within the set, not whether the set differs from
    others. False discovery rates are over all sets tested (Benjamini & Hochberg 1995).

    Returns:
        Columns set, perturbations (compared in the set), ours, rival (how many each wins),
        difference (median of ours minus rival), winner (`OURS`, `RIVAL` or `TIE`, by the rank
        sums), p, fdr; smallest p first. Sets with fewer than `SMALLEST_SET` differences are not
        tested and left out.
    """
    from scipy.stats import false_discovery_control, rankdata, wilcoxon  # takes half a second

    decided = table[table["winner"] != UNDEFINED]
    at = {name: row for row, name in enumerate(decided["perturbation"])}
    difference, winner = decided["difference"].to_numpy(), decided["winner"].to_numpy()
    rows = []
    for name, members in sets.items():
        # Arrays: there are thousands of sets.
        found = sorted(at[member] for member in members if member in at)
        part, won_by = difference[found], winner[found]
        different = part[won_by != TIE]
        if len(different) < SMALLEST_SET:
            continue
        ahead = different if metric.best == "max" else -different
        for_ours = np.sign(ahead) @ rankdata(np.abs(ahead))
        ours, rival = np.count_nonzero(won_by == OURS), np.count_nonzero(won_by == RIVAL)
        better = OURS if for_ours > 0 else RIVAL if for_ours < 0 else TIE
        median, p = float(np.median(part)), float(wilcoxon(different).pvalue)
        rows.append((name, len(part), ours, rival, median, better, p))
    columns = ["set", "perturbations", "ours", "rival", "difference", "winner", "p"]
    won = pd.DataFrame(rows, columns=columns)
    won["fdr"] = false_discovery_control(won["p"]) if rows else []
    return won.sort_values("p", kind="stable", ignore_index=True)
