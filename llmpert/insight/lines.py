"""What knockdowns do in two lines: where they disagree beyond noise, and what holds in both."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.ceiling import standard_errors
from llmpert.evaluation.experiment import FittedModel
from llmpert.evaluation.metrics import pearson
from llmpert.genes import GeneTable
from llmpert.screens import common_perturbations
from llmpert.screens.screen import Screen

NOISE = "noise"
"""The layer of a screen that holds the standard deviation of each response's noise."""

SMALLEST_SET = 5
"""Strong knockdowns that a gene set needs to be tested."""

HOLDS, OWN = "holds in both", "is a line's own"


def with_noise(screen: Screen, fit: Callable[[], FittedModel]) -> tuple[Screen, str]:
    """Return a screen with the layer `NOISE`, and what tells the noise in words.

    Of the screen's cells where these tell it (`standard_errors`). Else of a Gaussian process, and
    at its genes alone: to a model all is noise that genes with like vectors do not share, so that
    it is measurement noise and more.

    Args:
        fit: Gives the model; not called where the cells tell the noise.
    """
    error, words = standard_errors(screen)
    if error is None:
        fitted = fit()
        screen = screen.select(genes=list(fitted.genes))
        error = np.broadcast_to(np.sqrt(fitted.model.noise_variance_), screen.response.shape)
        words = (
            f"the model's estimate, which is noise and more: {words}; to the model all is noise"
            " that similar genes do not share"
        )
    return replace(screen, layers={NOISE: error}, provenance={}), words


def common(one: Screen, other: Screen, table: GeneTable | None = None) -> tuple[Screen, Screen]:
    """Cut two screens to the perturbations and measured genes that both have, in one order.

    Names meet where they are spelt alike, else where they mean the same gene in `table`.

    Raises:
        InputError: They have no perturbation or no measured gene in common, fewer than two of the
            former, or their units differ, so that differences mean nothing.
    """
    if one.unit != other.unit:
        raise InputError(
            f"{one.line} is measured in {one.unit} and {other.line} in {other.unit}: their"
            " differences mean nothing."
        )
    table = table or GeneTable.shipped()
    (one, other), _ = common_perturbations([one, other], table)
    spelt = table.spelt_as(map(str, one.genes), map(str, other.genes))
    spelt = {mine: theirs for theirs, mine in {t: m for m, t in spelt.items()}.items()}
    if not spelt or len(one.perturbations) < 2:
        what = "no measured gene" if not spelt else "a single perturbation"
        raise InputError(f"{one.line} and {other.line} have {what} in common.")
    return one.select(genes=list(spelt)), other.select(genes=list(spelt.values()))


def disagreements(one: Screen, other: Screen) -> pd.DataFrame:
    """Return how far each perturbation's responses in two lines are apart, the furthest first.

    Responses are relative to the line's mean response to these perturbations: what all do alike in
    a line is no perturbation's own. Differences are counted in standard deviations of the noise of
    both; their root mean square over genes is 1 where there is noise alone.

    Args:
        one, other: From `common`, with the layer `NOISE`.

    Returns:
        Columns perturbation, disagreement, r (Pearson correlation over genes; NaN where it is not
        defined), and strength_a and strength_b: root mean square of either response in standard
        deviations of its noise.
    """
    away = [np.asarray(of.response, np.float64) - of.response.mean(axis=0) for of in (one, other)]
    noise = [np.asarray(of.layers[NOISE], np.float64) for of in (one, other)]
    table = pd.DataFrame(
        {
            "perturbation": one.perturbations,
            "disagreement": _in_noise(away[0] - away[1], np.hypot(*noise)),
            "r": pearson(*away),
            "strength_a": _in_noise(away[0], noise[0]),
            "strength_b": _in_noise(away[1], noise[1]),
        }
    )
    return table.sort_values("disagreement", ascending=False, kind="stable", ignore_index=True)


def _in_noise(values: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the root mean square of each row in units of the noise, where there is any."""
    scaled = np.divide(values, noise, out=np.full_like(values, np.nan), where=noise > 0)
    counted = np.isfinite(scaled).sum(axis=1)
    squares = np.nansum(np.square(scaled), axis=1)
    return np.sqrt(np.divide(squares, counted, out=np.full(len(values), np.nan), where=counted > 0))


def sets_across(table: pd.DataFrame, sets: Mapping[str, Collection[str]]) -> pd.DataFrame:
    """Find gene sets whose knockdowns do the same in both lines, and those that do not.

    Among strong knockdowns, half of all, by the stronger of the two responses: weak ones agree with
    nothing. Two-sided Mann-Whitney test of the correlation between lines, of a set's knockdowns
    against all others; false discovery rates over all sets tested (Benjamini & Hochberg 1995).

    Args:
        table: From `disagreements`.

    Returns:
        Columns set, which (`HOLDS` or `OWN`), knockdowns (strong ones of the set), r, others
        (medians of the correlation), p, fdr; smallest p first.
    """
    from scipy.stats import false_discovery_control, mannwhitneyu  # takes half a second

    strength = table[["strength_a", "strength_b"]].max(axis=1)
    strong = table[strength >= strength.median()].dropna(subset="r")
    r = strong["r"].to_numpy()
    at = {name: row for row, name in enumerate(strong["perturbation"])}
    rows = []
    for name, members in sets.items():
        inside = np.zeros(len(r), bool)
        inside[[at[member] for member in members if member in at]] = True
        if not SMALLEST_SET <= inside.sum() <= len(r) - SMALLEST_SET:
            continue
        of_set, others = r[inside], r[~inside]
        tested = mannwhitneyu(of_set, others, method="asymptotic")
        which = HOLDS if tested.statistic >= of_set.size * others.size / 2 else OWN
        medians = float(np.median(of_set)), float(np.median(others))
        rows.append((name, which, len(of_set), *medians, float(tested.pvalue)))
    columns = ["set", "which", "knockdowns", "r", "others", "p"]
    found = pd.DataFrame(rows, columns=columns)
    found["fdr"] = false_discovery_control(found["p"]) if rows else []
    return found.sort_values("p", kind="stable", ignore_index=True)
