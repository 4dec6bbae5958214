"""How far to trust a prediction, judged by indicators that need no measurement.

The measured perturbations that the same model did not train on show which indicators separate good
predictions from bad ones. One that is unrelated to accuracy there is shown and not used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from llmpert.errors import InputError
from llmpert.evaluation.experiment import FittedModel
from llmpert.evaluation.metrics import pearson
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.trained import TrainedModel
from llmpert.io.names import preview
from llmpert.models.distribution import INTERVAL
from llmpert.screens.screen import Screen

NEIGHBOURS = 10
"""Training knockdowns taken for "like it"."""

NEAREST = 5
"""Training genes whose mean distance in a source says how well known its surroundings are."""

ENOUGH = 20
"""Held-out perturbations from which indicators are judged; fewer say nothing."""

FEWEST = 5
"""Held-out perturbations from which trust is judged: a median of fewer is an anecdote."""

BANDS = ((0.5, "well"), (0.3, "moderately well"), (0.1, "weakly"), (-1.0, "hardly at all"))
"""Lowest correlation for each word."""

Third = Literal["lower", "middle", "upper"]
Trust = Literal["high", "fair", "low", "unknown"]

EXPRESSED = 0.02
"""Mean log-normalised expression in control below which a gene counts as not expressed: fewer than
one molecule in 50 cells of 10,000."""


@dataclass(frozen=True)
class Indicator:
    """One thing known about a prediction before any measurement.

    `better` says whether a larger (+1) or smaller (-1) value should mean a better prediction.
    """

    name: str
    label: str
    better: Literal[1, -1]


@dataclass(frozen=True, eq=False)
class ReliabilityReference:
    """What a fitted Gaussian process's held-out perturbations teach about trusting it.

    Attributes:
        left_out: For each training perturbation: correlation over all genes of its response with
            what the others predict for it.
        values: Perturbations the model did not train on x names of `indicators`.
        accuracy: Their Pearson correlations over all predicted genes, missing if not defined.
    """

    fitted: FittedModel
    left_out: pd.Series
    values: pd.DataFrame
    accuracy: pd.Series

    @classmethod
    def of(
        cls, fitted: FittedModel, screen: Screen, held_out: Sequence[str]
    ) -> "ReliabilityReference":
        """Judge a fitted Gaussian process by perturbations of its screen it did not train on."""
        left_out = left_out_accuracy(fitted, screen)
        test = screen.select(held_out, list(fitted.genes))
        predicted = fitted.predict(held_out)
        accuracy = pd.Series(pearson(predicted.mean, test.response), index=list(held_out))
        return cls(fitted, left_out, _values(fitted, predicted, left_out), accuracy)

    @classmethod
    def of_trained(cls, model: TrainedModel, fitted: FittedModel) -> "ReliabilityReference":
        """Return what a trained model's file teaches about trusting what one `behind` it predicts.

        Raises:
            InputError: Other signs are in the file.
        """
        left_out = model.left_out[list(fitted.trained_on)]
        found = cls(fitted, left_out, model.signs, model.accuracy)
        expected = [one.name for one in found.indicators]
        if list(model.signs) != expected:
            raise InputError.of_file(
                f"Model of {model.line}",
                f"the signs {', '.join(expected)}",
                preview([*model.signs]),
            )
        return found

    @cached_property
    def indicators(self) -> list[Indicator]:
        """The indicators there are, in the order of `values`."""
        nearest = "Distance to the nearest training genes"
        return [
            *(Indicator(f"distance {s}", f"{nearest}, {s}", -1) for s in self.fitted.joined.parts),
            Indicator("width", "Width of its intervals", -1),
            Indicator("departure", "Departure from the mean response", 1),
            Indicator("neighbours", "Accuracy for the knockdowns most like it", 1),
        ]

    @cached_property
    def correlations(self) -> pd.Series:
        """Spearman correlation of each indicator with accuracy over the held-out perturbations.

        Missing where there are too few of them, or an indicator is the same for all.
        """
        from scipy.stats import spearmanr  # takes half a second

        known = self.accuracy.notna().to_numpy()
        values, accuracy = self.values[known], self.accuracy[known]
        enough = len(accuracy) >= ENOUGH
        return pd.Series(
            {
                name: spearmanr(column, accuracy).statistic
                if enough and column.nunique() > 1
                else np.nan
                for name, column in values.items()
            }
        )

    @cached_property
    def informative(self) -> list[Indicator]:
        """The indicators that go with accuracy the way they should, by over two standard errors."""
        limit = 2 / np.sqrt(max(int(self.accuracy.notna().sum()) - 1, 1))
        found = self.correlations
        return [one for one in self.indicators if one.better * found[one.name] > limit]

    def values_of(self, gene: str) -> pd.Series:
        """Return a gene's indicators, in the screen or not; raise as `FittedModel.predict`."""
        if gene in self.values.index:
            return self.values.T[gene]
        return self.values_of_all([gene]).T[gene]

    def values_of_all(self, genes: Sequence[str]) -> pd.DataFrame:
        """Return the indicators of genes outside the screen, a row each; raise as `values_of`."""
        return _values(self.fitted, self.fitted.predict(genes), self.left_out)

    def neighbours(self, gene: str, count: int = NEIGHBOURS) -> pd.DataFrame:
        """Return the training perturbations nearest to a gene by the fitted kernel, nearest first.

        Columns perturbation, similarity, accuracy (each predicted from the others).
        """
        similarity = self.fitted.model.similarity(self.fitted.inputs([gene]))[0]
        order = np.argsort(-similarity, kind="stable")[:count]
        return pd.DataFrame(
            {
                "perturbation": self.fitted.trained_on[order],
                "similarity": similarity[order],
                "accuracy": self.left_out.to_numpy()[order],
            }
        )

    def judge(self, gene: str, own: pd.Series | None = None) -> "Verdict":
        """Return what a gene's indicators say, not its measurement; raise as `values_of`.

        Args:
            own: Its indicators, where they are known already.
        """
        own, others = self.values_of(gene) if own is None else own, self
        if gene in self.values.index:
            others = replace(
                self, values=self.values.drop(index=gene), accuracy=self.accuracy.drop(index=gene)
            )
        # The share of the others below the gene's own value; half of those that equal it count.
        below = ((others.values < own) + 0.5 * (others.values == own)).mean()
        table = pd.DataFrame(
            {
                "indicator": [one.label for one in self.indicators],
                "value": own,
                "typical": others.values.median(),
                "percentile": 100 * below,
                "correlation": others.correlations,
                "informative": [one in others.informative for one in self.indicators],
            },
            index=[one.name for one in self.indicators],
        )
        accuracy = others.accuracy
        if not others.informative:
            return Verdict(gene, table, accuracy, accuracy, None)
        weights, thirds, (low, high) = others._standing
        mine = float((below[weights.index] * weights).sum())
        third: Third = "lower" if mine < low else "upper" if mine > high else "middle"
        return Verdict(gene, table, accuracy, accuracy[thirds == third], third)

    def trust_in(self, own: pd.DataFrame) -> "list[Trust]":
        """Return how far to trust genes outside the screen, as `judge` does one by one.

        Args:
            own: Their indicators (`values_of_all`), genes x names of `indicators`.
        """
        if not self.informative:
            return [_trust(self.accuracy)] * len(own)
        weights, thirds, (low, high) = self._standing
        mine = np.zeros(len(own))
        for name, weight in weights.items():
            others = np.sort(self.values[name].to_numpy())
            ends = [np.searchsorted(others, own[name], side) for side in ("left", "right")]
            mine += weight * np.mean(ends, axis=0) / len(others)
        trust = {third: _trust(self.accuracy[thirds == third]) for third in thirds.unique()}
        found = np.where(mine < low, "lower", np.where(mine > high, "upper", "middle"))
        return [trust.get(third, "unknown") for third in found]

    @cached_property
    def _standing(self) -> tuple[pd.Series, pd.Series, tuple[float, float]]:
        """Weights of the informative indicators, each perturbation's third, and the thirds' ends.

        A perturbation stands where its ranks, each times its weight, add up to.
        """
        weights = self.correlations[[one.name for one in self.informative]]
        standing = (self.values.rank(pct=True)[weights.index] * weights).sum(axis=1)
        low, high = standing.quantile([1 / 3, 2 / 3])
        thirds = pd.Series("middle", standing.index)
        thirds[standing < low], thirds[standing > high] = "lower", "upper"
        return weights, thirds, (low, high)


@dataclass(frozen=True, eq=False)
class Verdict:
    """A judgement of how far to trust one prediction.

    Attributes:
        indicators: A row an indicator: indicator (in words), value, typical (median of held-out
            perturbations), percentile among them, correlation with accuracy, informative (whether
            it is used).
        accuracy: Of all held-out perturbations but the gene itself.
        alike: Of those whose indicators are like the gene's: in the same third, by the sum of ranks
            of the informative ones, each times its correlation with accuracy. All where none is
            informative.
        third: Which third; None where no indicator is informative.
        expression: The gene's own mean in control, where it is known and log-normalised.
    """

    gene: str
    indicators: pd.DataFrame
    accuracy: pd.Series
    alike: pd.Series
    third: Third | None
    expression: float | None = None

    @property
    def expressed(self) -> bool:
        """Whether the gene is expressed in the line, as far as is known."""
        return self.expression is None or self.expression >= EXPRESSED

    @property
    def trust(self) -> Trust:
        """How far to trust it: by the median accuracy of those like it, in the terms of `BANDS`."""
        return _trust(self.alike) if self.expressed else "low"

    def because(self) -> str:
        """Return the reason for `trust` in plain words."""
        if self.expression is not None and not self.expressed:
            return (
                f"{self.gene} is not expressed in these cells (mean in control"
                f" {self.expression:.2f}), so there is little to knock down"
            )
        known = self.alike.dropna()
        if len(known) < FEWEST:
            return _too_few(len(known))
        word, numbers = self._accuracy_of_alike()
        if self.third is None:
            return f"all {len(known):,} held-out knockdowns were predicted {word} ({numbers})"
        return (
            f"the {len(known):,} held-out knockdowns with signs like these were predicted {word}"
            f" ({numbers}; all {self.accuracy.notna().sum():,}: {self.accuracy.median():.2f})"
        )

    def _accuracy_of_alike(self) -> tuple[str, str]:
        """Return the word of `BANDS` for the median of those like it, and the numbers."""
        known = self.alike.dropna()
        middle = round(known.median(), 2)  # the word fits the number shown
        word = next(word for lowest, word in BANDS if middle >= lowest)
        low, high = known.quantile([0.25, 0.75])
        return word, f"median r = {middle:.2f}, middle half {low:.2f} to {high:.2f}"

    @property
    def standing(self) -> Literal["more", "less", "average"]:
        """How far to trust it compared with the usual prediction.

        "more" or "less" where the indicators stand in the upper or lower third and perturbations
        there were indeed predicted better or worse: their median accuracy differs from that of all
        by more than two standard errors (of a median, 1.25 standard deviations / √n).
        """
        known = self.alike.dropna()
        above = known.median() - self.accuracy.median()
        if abs(above) > 2 * 1.25 * known.std() / np.sqrt(max(len(known), 1)):
            if self.third == "upper" and above > 0:
                return "more"
            if self.third == "lower" and above < 0:
                return "less"
        return "average"

    def sentence(self) -> str:
        """Return the verdict in a sentence of Markdown, with the word of `BANDS` for its median."""
        known = self.alike.dropna()
        if len(known) < FEWEST:
            return f"**Unknown**: {_too_few(len(known))}."
        word, numbers = self._accuracy_of_alike()
        if self.third is None:
            return (
                "**Like any other prediction in this screen**: no sign known beforehand separates"
                " good predictions from bad ones. All"
                f" {len(known):,} held-out knockdowns were predicted {word} ({numbers})."
            )
        usual = "Like the usual prediction in this screen"
        head = {"more": "More than most", "less": "Less than most"}.get(self.standing, usual)
        return (
            f"**{head}**: the {len(known):,} held-out knockdowns with signs like these were"
            f" predicted {word} ({numbers}; all {self.accuracy.notna().sum():,}: median r ="
            f" {self.accuracy.median():.2f})."
        )

    def words(self) -> pd.DataFrame:
        """Return the indicators for people, a row each, all as text."""
        rows = {}
        for row in self.indicators.to_dict("records"):
            # Blanks that do not break keep numbers whole in a narrow table.
            found = f"ρ\u00a0=\u00a0{row['correlation']:+.2f}".replace("-", "−")
            if np.isnan(row["correlation"]):
                tells = "unknown: too few held-out knockdowns, or the same for all"
            else:
                tells = f"{'yes, used' if row['informative'] else 'no, not used'} ({found})"
            this, among = "not defined", "–"
            if not np.isnan(row["value"]):
                this = f"{row['value']:.3g} (usually {row['typical']:.3g})"
                among = f"more than {row['percentile']:.0f}\u00a0% of them"
            rows[row["indicator"]] = (this, among, tells)
        columns = ["This gene", "Among held-out knockdowns", "Predicts accuracy?"]
        table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
        return table.rename_axis("Sign")


def _too_few(held_out: int) -> str:
    """Say that fewer than `FEWEST` held-out perturbations are like a gene."""
    if not held_out:
        return "no other held-out knockdown has a defined accuracy"
    have = " has" if held_out == 1 else "s have"
    return f"only {held_out} held-out knockdown{have} a defined accuracy, too few to judge by"


def _trust(alike: pd.Series) -> Trust:
    """Return how far to trust a prediction, by the accuracy of those that are like it."""
    known = alike.dropna()
    if len(known) < FEWEST:
        return "unknown"
    (well, _), (fairly, _), *_ = BANDS
    middle = round(known.median(), 2)
    return "high" if middle >= well else "fair" if middle >= fairly else "low"


def expression(
    genes: np.ndarray, control_mean: np.ndarray | None, unit: str, gene: str
) -> float | None:
    """Return a gene's mean expression in control; None where it is not known, or not as logs.

    Args:
        genes, control_mean, unit: Of the screen, as in `Screen`.
    """
    if control_mean is None or "log-normalised" not in unit:
        return None
    at = np.flatnonzero(genes == gene)
    return float(control_mean[at[0]]) if len(at) else None


def left_out_accuracy(fitted: FittedModel, screen: Screen) -> pd.Series:
    """Return each training perturbation's correlation with what the others predict for it."""
    measured = screen.select(list(fitted.trained_on), list(fitted.genes)).response
    errors, _ = fitted.model.leave_one_out()
    return pd.Series(pearson(measured - errors, measured), index=fitted.trained_on)


def _values(fitted: FittedModel, predicted: Prediction, left_out: pd.Series) -> pd.DataFrame:
    """Return genes x names of indicators, for genes that the model did not train on."""
    genes = [str(gene) for gene in predicted.perturbations]
    inputs, trained = fitted.inputs(genes), fitted.inputs(list(fitted.trained_on))
    found: dict[str, np.ndarray] = {}
    for source, columns in fitted.joined.parts.items():
        distances = cdist(inputs[:, columns], trained[:, columns])
        count = min(NEAREST, distances.shape[1])
        nearest = np.partition(distances, count - 1, axis=1)[:, :count]
        found[f"distance {source}"] = nearest.mean(axis=1)
    interval = predicted.interval(INTERVAL)
    if interval is None:
        raise ValueError(f"{fitted.spec.label} gives no intervals")
    found["width"] = (interval[1] - interval[0]).mean(axis=1) / 2
    departure = predicted.mean - fitted.model.mean_
    found["departure"] = np.sqrt(np.square(departure).mean(axis=1))
    order = np.argsort(-fitted.model.similarity(inputs), axis=1, kind="stable")[:, :NEIGHBOURS]
    near = pd.DataFrame(left_out.to_numpy()[order])
    found["neighbours"] = near.mean(axis=1).to_numpy()  # of those that are defined
    return pd.DataFrame(found, index=genes)
