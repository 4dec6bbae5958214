"""The report card of a screen: what it is worth for predictions, finding by finding.

Thresholds are constants. Where one is explained by real data, its numbers were measured with this
code: THP-1 (Papalexi et al. 2021, single cells, 25 knockouts), L1000 (LITMUS shRNA, 85 knockdowns),
K562 and RPE1 (Replogle et al. 2022, ranks of raised genes, 585 knockdowns).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from llmpert.evaluation.metrics import standardised
from llmpert.genes import GeneTable
from llmpert.insight.answer import changed_alike
from llmpert.insight.findings import Finding, Grade, ReportCard
from llmpert.io.names import preview
from llmpert.screens import Screen
from llmpert.screens.agreement import expected_agreement, sum_of_squares
from llmpert.screens.values import LARGEST_LOG

LOWERED, HARDLY = 0.8, 0.6
"""Shares of targets lowered in their own knockdown: fine, and hardly more than the half that chance
lowers. THP-1: 9 of 9, L1000: 80 of 81."""
FEWEST_TARGETS = 5
"""Measured targets; fewer prove nothing: chance lowers all of four in one screen of sixteen."""
FEW_CELLS = 30
"""Six strong knockouts of THP-1 would be repeated with r = 0.17 to 0.71 if they had 30 cells, with
0.66 to 0.96 if they had 300."""
NO_EFFECT = 0.25
"""Expected agreement up to which a response may be noise: 99 % of random groups of 25 to 600
control cells of THP-1 are below."""
REPEATED = 0.5
"""Expected agreement from which more of a response is signal than noise."""
WEAK = 1 / 3
"""Of the median size: what is smaller does hardly anything. The smallest of THP-1 is 0.58, of L1000
0.56."""
LARGE = 8.0
"""Times the median size, of an outlier. The largest of THP-1 is 5.4, of L1000 1.9."""
ALONE = 0.1
"""Correlation with the most similar other knockdown, relative to the mean response: less is what
noise gives. Of the larger half of responses 1 in K562 is below, none in RPE1, L1000 and THP-1."""
FEWEST_ROWS = 20
"""Knockdowns that it takes to say what is usual among them."""
COMPARED = 2000
"""Genes that similarities are computed over, at most: those that vary most."""
BLOCK = 256
"""Knockdowns compared with all others at once: bounds the memory."""
COMMON = 0.5
"""Share of squared responses that is the mean response: RPE1 0.32, K562 0.20, THP-1 0.15."""
MANY, MOST = 0.25, 0.75
"""Shares of knockdowns that are to be looked at, and that are a problem."""
MOST_IDLE = 0.5
"""Share of values that are 0 where small ones were not cut off."""


def report_card(screen: Screen) -> ReportCard:
    """Look at a screen before predictions rest on it.

    Returns:
        Findings, each with what it means for predictions, and a table of the knockdowns. A finding
        that the screen's data do not allow is graded unknown.
    """
    look = _Look(screen)
    findings = [
        look.values(), look.targets(), look.repeats(), look.effects(), look.outliers(),
        look.common(), look.cells(),
    ]  # fmt: skip
    order = list(Grade)
    findings.sort(key=lambda one: order.index(one.grade))
    return ReportCard(screen.line, tuple(findings), look.table())


class _Look:
    """A screen that is looked at, and what was remarked of its knockdowns."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.names = screen.perturbations
        self.size = np.sqrt(sum_of_squares(screen.response) / len(screen.genes))
        self.median = float(np.median(self.size))
        self.agreement, self.basis = expected_agreement(screen)
        spelt = GeneTable.shipped().spelt_as(self.names, screen.genes)
        self.target = pd.Index(screen.genes).get_indexer([spelt.get(x, "") for x in self.names])
        rows = np.arange(len(self.names))
        self.own = np.where(self.target >= 0, screen.response[rows, self.target], np.nan)
        self.closest = np.full(len(rows), -1)
        self.similarity = np.full(len(rows), np.nan)
        self.remarks: list[list[str]] = [[] for _ in rows]

    def table(self) -> pd.DataFrame:
        """Return the table of knockdowns, as far as they were looked at."""

        def named(names: np.ndarray, at: np.ndarray) -> list[str]:
            return [str(names[place]) if place >= 0 else "" for place in at]

        cells = self.screen.cells
        return pd.DataFrame(
            {
                "perturbation": self.names.astype(str),
                "cells": np.full(len(self.names), np.nan) if cells is None else cells,
                "target": named(self.screen.genes, self.target),
                "target_response": self.own,
                "size": self.size,
                "agreement": self.agreement,
                "closest": named(self.names, self.closest),
                "similarity": self.similarity,
                "remarks": ["; ".join(words) for words in self.remarks],
            }
        )

    def _mark(self, which: np.ndarray, worst: np.ndarray, remark: str) -> tuple[str, ...]:
        """Remark on some knockdowns and name them: largest of `worst` first, then by name."""
        rows = sorted(np.flatnonzero(which), key=lambda row: (-worst[row], self.names[row]))
        for row in rows:
            self.remarks[row].append(remark)
        return tuple(str(self.names[row]) for row in rows)

    def targets(self) -> Finding:
        what, measured = "Targets", int((self.target >= 0).sum())
        known = np.isfinite(self.own) & (self.own != 0)
        total, lowered = int(known.sum()), int((self.own < 0).sum())
        if not measured:
            found = "None of the knocked-down genes is among the measured genes."
            return Finding(what, Grade.UNKNOWN, found, UNTESTED)
        if self.screen.raised_only:
            raised = float((self.screen.response > 0).mean())
            found = (
                f"No value is negative, so lowering does not show. {_of(total, measured)} measured"
                f" targets are raised in their own knockdown, and {_percent(raised)} of all values."
            )
            grade = Grade.LOOK if 2 * total > measured else Grade.UNKNOWN
            return Finding(what, grade, found, UNTESTED)
        names = self._mark(self.own > 0, self.own, "target not lowered")
        unmeasured = len(self.own) - measured
        others = f" (not: {preview(names)})" if names else ""
        found = f"{_of(lowered, total)} targets are lowered in their own knockdown{others}."
        found += f" {unmeasured:,} more are not measured." * (unmeasured > 0)
        found += f" {measured - total:,} more are exactly 0." * (measured > total)
        if total < FEWEST_TARGETS:
            return Finding(what, Grade.UNKNOWN, found, UNTESTED, names)
        share = lowered / total
        if share >= LOWERED:
            meaning = "Rows match their names: models learn from the right genes."
            return Finding(what, Grade.FINE, found, meaning, names)
        if share < 1 - HARDLY:
            meaning = (
                "Most targets are raised: either the sign is turned (control minus knockdown), and"
                " every prediction with it, or genes were activated (CRISPRa)."
            )
            return Finding(what, Grade.PROBLEM, found, meaning, names)
        grade = Grade.LOOK if share >= HARDLY else Grade.PROBLEM
        meaning = "Wrong names and failed guides mislead models: check these rows."
        return Finding(what, grade, found, meaning, names)

    def cells(self) -> Finding:
        what, cells = "Cells", self.screen.cells
        meaning = (
            "A mean of few cells is mostly noise: models learn little from it, and scores on it are"
            " low whatever the model."
        )
        if cells is None:
            return Finding(what, Grade.UNKNOWN, "Cells per knockdown are not known.", meaning)
        names = self._mark(cells < FEW_CELLS, -cells, "few cells")
        found = (
            f"{cells.min():,.0f} to {cells.max():,.0f} cells a knockdown, median"
            f" {np.median(cells):,.0f}. {_of(len(names), len(cells))} have fewer than"
            f" {FEW_CELLS}{_listed(names)}."
        )
        share = len(names) / len(cells)
        if share <= MANY:
            meaning = "Most means are of enough cells to learn from."
        return Finding(what, _by_share(share), found, meaning, names)

    def repeats(self) -> Finding:
        what, known = "Agreement", self.agreement[np.isfinite(self.agreement)]
        if not len(known):
            found = (
                "The file has no single cells, guides or control SD from which to estimate how well"
                " a repeat would agree."
            )
            meaning = "The best possible accuracy is not known."
            return Finding(what, Grade.UNKNOWN, found, meaning)
        low, median, high = np.quantile(known, (0.25, 0.5, 0.75))
        of = f", known of {len(known):,}" if len(known) < len(self.names) else ""
        found = (
            f"A repeat would agree with r = {median:.2f} for the median knockdown (middle half"
            f" {low:.2f} to {high:.2f}), by {self.basis}{of}."
        )
        meaning = (
            "Even a perfect prediction would correlate with the median response by no more than"
            f" {np.sqrt(median):.2f}."
        )
        grade = Grade.PROBLEM if high < NO_EFFECT else Grade.LOOK
        grade = Grade.FINE if median >= REPEATED else grade
        return Finding(what, grade, found, meaning)

    def effects(self) -> Finding:
        what, known = "No effect", len(self.size)
        meaning = "Models learn only noise from such rows, and scores on them mean nothing."
        unseen = "Rows of noise, if any, lower all scores unnoticed."
        if self.basis:
            names = self._mark(self.agreement <= NO_EFFECT, -self.size, "no effect")
            known = int(np.isfinite(self.agreement).sum())
            found = (
                f"{_of(len(names), known)} responses are hardly larger than noise, by"
                f" {self.basis}{_listed(names)}."
            )
        elif not self.median:
            names = self._mark(self.size == 0, -self.size, "no effect")
            found = f"{_of(len(names), known)} responses are 0 for all genes{_listed(names)}."
        elif self.size.min() > 0.999 * self.size.max():
            found = "All responses are equally large, as ranks are: missing effects do not show."
            return Finding(what, Grade.UNKNOWN, found, unseen)
        else:
            names = self._mark(self.size < WEAK * self.median, -self.size, "weak")
            found = (
                f"Noise is not known. {_of(len(names), known)} responses are smaller than a third"
                f" of the screen's median{_listed(names)}."
            )
            if not names:
                return Finding(what, Grade.UNKNOWN, found, unseen)
        share = len(names) / max(known, 1)
        if share <= MANY:
            meaning = "Most rows have a response to learn from."
        return Finding(what, _by_share(share), found, meaning, names)

    def outliers(self) -> Finding:
        what, count = "Outliers", len(self.size)
        if count < FEWEST_ROWS:
            found = f"{count:,} knockdown(s) are too few to find unusual ones."
            meaning = "One odd row among so few changes every prediction."
            return Finding(what, Grade.UNKNOWN, found, meaning)
        large = self._mark(self.size > LARGE * self.median, self.size, "far larger than others")
        usual = self.size >= 0.999 * self.median
        effect = np.nan_to_num(self.agreement) > NO_EFFECT if self.basis else usual
        self._compare(np.flatnonzero(effect & (self.size > 0)))
        alone = self._mark(self.similarity < ALONE, self.size, "unlike all others")
        names = tuple(dict.fromkeys([*large, *alone]))
        copies = self._copies()
        compared = int(np.isfinite(self.similarity).sum())
        found = (
            f"{_of(len(large), count)} responses are more than {LARGE:.0f} times as large as the"
            f" median one{_listed(large)}."
        )
        if compared:
            which = "with an effect" if self.basis else "in the larger half"
            found += f" {_of(len(alone), compared)} {which} are unlike all others{_listed(alone)}."
        if copies:
            found += f" {len(copies):,} are the same as another to the last digit{_listed(copies)}."
            meaning = (
                "A model that trains on one of two copies has seen the other: scores are too high."
            )
            return Finding(
                what, Grade.PROBLEM, found, meaning, tuple(dict.fromkeys([*copies, *names]))
            )
        if large:
            weight = np.square(self.size / self.size.max())
            meaning = (
                "The largest responses dominate what models learn, and squared errors"
                f" ({large[0]} alone has {_percent(1 / weight.sum())} of all): check them first."
            )
        elif alone:
            meaning = "No other knockdown is like it: its response cannot be predicted."
        else:
            meaning = "No single row dominates what models learn."
        bad = bool(large) or len(alone) > MANY * compared
        return Finding(what, Grade.LOOK if bad else Grade.FINE, found, meaning, names)

    def _copies(self) -> tuple[str, ...]:
        """Name knockdowns whose response is that of another."""
        content = pd.Series([hash(row.tobytes()) for row in self.screen.response])
        same = content.duplicated(keep=False).to_numpy() & (self.size > 0)
        return self._mark(same, self.size, "the same as another")

    def _compare(self, rows: np.ndarray) -> None:
        """Find the most similar other knockdown of some, by responses relative to the mean."""
        response = self.screen.response
        if response.shape[1] > COMPARED:
            variance = response.var(axis=0, dtype=np.float64)
            response = response[:, np.sort(np.argsort(-variance, kind="stable")[:COMPARED])]
        unit = standardised(response - response.mean(axis=0, dtype=np.float64)).astype(np.float32)
        constant = np.isnan(unit[:, 0])
        unit[constant], rows = 0, rows[~constant[rows]]  # it is similar to none
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            similar = unit[block] @ unit.T
            similar[np.arange(len(block)), block] = -np.inf
            self.closest[block] = similar.argmax(axis=1)
            self.similarity[block] = similar.max(axis=1)

    def common(self) -> Finding:
        what, response, genes = "In common", self.screen.response, self.screen.genes
        if len(response) < 2 or not self.size.any():
            found = "Fewer than two responses: there is nothing to compare."
            return Finding(what, Grade.UNKNOWN, found, "Models have nothing to generalise from.")
        mean = response.mean(axis=0, dtype=np.float64)
        share = float(np.square(mean).mean() / np.square(self.size).mean())
        alike = sorted(
            np.flatnonzero(changed_alike(response)), key=lambda at: (-abs(mean[at]), genes[at])
        )
        signs = [f"{genes[at]} {'↑' if mean[at] > 0 else '↓'}" for at in alike]
        found = (
            f"The mean response is {_percent(share)} of all squared responses."
            f" {_of(len(alike), len(genes))} genes change alike in most knockdowns{_listed(signs)}."
        )
        names = tuple(str(genes[at]) for at in alike)
        if share < COMMON:
            meaning = "Most of a response is specific to its knockdown."
            return Finding(what, Grade.FINE, found, meaning, names)
        meaning = (
            "Predicting the mean for every gene scores well: judge by correlations relative to the"
            " mean. Few control cells, or control cells of another batch, have the same effect."
        )
        grade = Grade.PROBLEM if share >= MOST else Grade.LOOK
        return Finding(what, grade, found, meaning, names)

    def values(self) -> Finding:
        what, values, unit = "Values", self.screen.response, self.screen.unit
        zeros, idle = float((values == 0).mean()), int((~values.any(axis=0)).sum())
        low, q1, q3, high = np.quantile(_some(values), (0.01, 0.25, 0.75, 0.99))
        found = (
            f"{unit}, from {values.min():.3g} to {values.max():.3g}: 98 % within {low:.3g} and"
            f" {high:.3g}, half within {q1:.3g} and {q3:.3g}; {_percent(zeros)} are 0."
        )
        found += f" {idle:,} gene(s) never change." * (idle > 0)
        if zeros == 1:
            return Finding(what, Grade.PROBLEM, found, "There is nothing to learn.")
        if np.abs(values).max() > LARGEST_LOG and "log" in unit:
            meaning = "No logarithm changes by so much: these values dominate all errors."
            return Finding(what, Grade.PROBLEM, found, meaning)
        if self.screen.raised_only:
            meaning = "Predictions rank genes that go up; the data do not show what goes down."
            return Finding(what, Grade.LOOK, found, meaning)
        if zeros > MOST_IDLE:
            meaning = "Small values seem to be set to 0: models learn from strong genes only."
            return Finding(what, Grade.LOOK, found, meaning)
        return Finding(what, Grade.FINE, found, "Genes that go up and down are predicted alike.")


UNTESTED = "The names of rows cannot be checked: a wrong label would not show."


def _by_share(share: float) -> Grade:
    if share <= MANY:
        return Grade.FINE
    return Grade.LOOK if share <= MOST else Grade.PROBLEM


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.{0 if share >= 0.095 else 1}f} %" if share else "none"


def _of(count: int, total: int) -> str:
    return f"{count:,} of {total:,}" if count else f"None of {total:,}"


def _listed(names: Sequence[str]) -> str:
    return f" ({preview(names)})" if names else ""


def _some(values: np.ndarray) -> np.ndarray:
    """Return a million of the values at most: every n-th."""
    flat = values.ravel()
    return flat[:: max(1, flat.size // 1_000_000)]
