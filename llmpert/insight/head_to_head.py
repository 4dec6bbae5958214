"""Two methods against each other, one perturbation at a time (the paper's Figure 3)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, rankdata, wilcoxon

from llmpert.errors import InputError
from llmpert.evaluation.metrics import Metric
from llmpert.evaluation.results import NO_EMBEDDING, pretty
from llmpert.models.registry import MODELS
from llmpert.screens.screen import Screen

OURS, RIVAL, TIE, UNDEFINED = "ours", "rival", "tie", "not defined"
"""Who wins a perturbation: nobody where the values are equal, or one of them is not defined."""

RIVALS = ("gears", "linear")
"""Models that `gp` is compared with at first, by preference."""

SMALLEST_SET = 6
"""Differences that a gene set needs: with fewer no outcome of the signed-rank test has p < 0.05."""

SAME_EFFECT = 1e-5
"""Effect sizes this close, relative to each other, are equal: in ranked responses many are."""


@dataclass(frozen=True)
class Method:
    """A model on an embedding; `NO_EMBEDDING` for a model that uses none."""

    model: str
    embedding: str

    @property
    def label(self) -> str:
        """For people: "Gaussian process, text + sequence"."""
        model = MODELS[self.model].label
        return model if self.embedding == NO_EMBEDDING else f"{model}, {pretty(self.embedding)}"


def methods(embeddings: Sequence[str]) -> list[Method]:
    """Every model on every embedding; models that use none once."""
    return [
        Method(name, embedding)
        for name, spec in MODELS.items()
        for embedding in (embeddings if spec.uses_embedding else [NO_EMBEDDING])
    ]


def default_pair(offered: Sequence[Method]) -> tuple[Method, Method]:
    """Ours and its rival for a first view: `gp` on the last embedding, and the first of `RIVALS`.

    A rival that uses an embedding has the same one.

    Raises
    ------
    InputError
        Fewer than two methods.
    """
    if len(offered) < 2:
        raise InputError(f"Expected at least two methods to compare, found {len(offered)}.")
    ours = next((m for m in reversed(offered) if m.model == "gp"), offered[-1])
    preferred = [
        method
        for model in RIVALS
        for method in offered
        if method.model == model and method.embedding in (ours.embedding, NO_EMBEDDING)
    ]
    return ours, next(m for m in [*preferred, *offered] if m != ours)


def short_labels(ours: Method, rival: Method) -> tuple[str, str]:
    """Names that tell two methods apart and say no more: the models', or the embeddings' too."""
    if ours.model != rival.model:
        return MODELS[ours.model].label, MODELS[rival.model].label
    return ours.label, rival.label


def effect_size(screen: Screen) -> pd.Series:
    """Root mean square of each perturbation's measured response, in the screen's unit."""
    squares = np.square(screen.response).mean(axis=1, dtype=np.float64)
    return pd.Series(np.sqrt(squares), index=pd.Index(screen.perturbations, dtype=object))


def pairs(
    results: pd.DataFrame,
    ours: Method,
    rival: Method,
    metric: Metric,
    effect: pd.Series,
    share: float = 1.0,
) -> pd.DataFrame:
    """Both methods' values for each of the strongest perturbations.

    Parameters
    ----------
    results:
        Tidy results (`llmpert.evaluation.results.COLUMNS`) of one line and training size, in which
        both methods have one value a perturbation.
    effect:
        Effect size by perturbation.
    share:
        Keep this share of the perturbations, the ones with the largest effect, at least one, and
        any others whose effect equals the smallest of theirs.

    Returns
    -------
    Columns perturbation, effect, ours, rival, difference (ours minus rival), winner (`OURS`,
    `RIVAL`, `TIE` or `UNDEFINED`); strongest effect first.
    """
    values = results[results["metric"] == metric.name]

    def of(method: Method) -> pd.Series:
        mine = values[(values["model"] == method.model) & (values["embedding"] == method.embedding)]
        return pd.Series(mine["value"].to_numpy(np.float64), mine["perturbation"].astype(object))

    table = pd.DataFrame({"ours": of(ours), "rival": of(rival)})
    table.insert(0, "effect", effect.reindex(table.index))
    table["difference"] = table["ours"] - table["rival"]
    ahead = table["difference"] if metric.best == "max" else -table["difference"]
    table["winner"] = np.select(
        [ahead > 0, ahead < 0, ahead == 0], [OURS, RIVAL, TIE], default=UNDEFINED
    )
    table = table.rename_axis("perturbation").reset_index()
    table = table.sort_values("effect", ascending=False, kind="stable", ignore_index=True)
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
    """In which gene sets one method beats the other.

    Wilcoxon's signed-rank test of the paired differences of a set's perturbations, two-sided, ties
    left out; false discovery rate after Benjamini and Hochberg over all sets tested. It asks
    whether the methods differ within the set, not whether the set differs from others.

    Parameters
    ----------
    table:
        From `pairs`.
    sets:
        Set name -> perturbations, in the table or not.

    Returns
    -------
    Columns set, perturbations (compared in the set), ours, rival (how many each wins), difference
    (median of ours minus rival), winner (`OURS`, `RIVAL` or `TIE`, by the rank sums), p, fdr;
    smallest p first. Sets with fewer than `SMALLEST_SET` differences are not tested and left out.
    """
    by_name = table[table["winner"] != UNDEFINED].set_index("perturbation")
    rows = []
    for name, members in sets.items():
        part = by_name[by_name.index.isin(members)]
        different = part.loc[part["winner"] != TIE, "difference"].to_numpy()
        if len(different) < SMALLEST_SET:
            continue
        ranks = rankdata(np.abs(different))
        ahead = different if metric.best == "max" else -different
        for_ours = ranks[ahead > 0].sum() - ranks[ahead < 0].sum()
        rows.append(
            {
                "set": name,
                "perturbations": len(part),
                "ours": int((part["winner"] == OURS).sum()),
                "rival": int((part["winner"] == RIVAL).sum()),
                "difference": float(part["difference"].median()),
                "winner": OURS if for_ours > 0 else RIVAL if for_ours < 0 else TIE,
                "p": float(wilcoxon(different).pvalue),
            }
        )
    columns = ["set", "perturbations", "ours", "rival", "difference", "winner", "p", "fdr"]
    if not rows:
        return pd.DataFrame(columns=columns)
    won = pd.DataFrame(rows)
    won["fdr"] = false_discovery_control(won["p"])
    return won.sort_values("p", kind="stable", ignore_index=True)[columns]
