"""How far to trust a prediction, told from signs that need no measurement.

Which signs tell good predictions from bad ones is not assumed: it is looked up among the
perturbations that the same fitted model did not train on and that were measured. A sign that does
not go with accuracy there is shown and not used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr

from llmpert.evaluation.experiment import FittedModel
from llmpert.evaluation.metrics import pearson
from llmpert.evaluation.prediction import Prediction

NEIGHBOURS = 10
"""Training knockdowns taken for "like it"."""

NEAREST = 5
"""Training genes whose mean distance in a source says how well known its surroundings are."""

ENOUGH = 20
"""Held-out perturbations from which signs are judged; fewer say nothing."""

BANDS = ((0.5, "well"), (0.3, "moderately well"), (0.1, "weakly"), (-1.0, "hardly at all"))
"""Lowest correlation for each word."""

Third = Literal["lower", "middle", "upper"]


@dataclass(frozen=True)
class Sign:
    """One thing known about a prediction before any measurement.

    Attributes
    ----------
    name, label:
        Column of the tables, and for people.
    better:
        Whether a larger (+1) or smaller (-1) value should mean a better prediction.
    """

    name: str
    label: str
    better: Literal[1, -1]


def signs_of(sources: Sequence[str]) -> list[Sign]:
    """All signs, for models on these sources."""
    return [
        *(
            Sign(f"distance {source}", f"Distance to the nearest training genes, {source}", -1)
            for source in sources
        ),
        Sign("width", "Width of its intervals", -1),
        Sign("departure", "How far it departs from the mean response", 1),
        Sign("neighbours", "Accuracy for the knockdowns most like it", 1),
    ]


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What a fitted model's held-out perturbations teach about trusting it.

    Attributes
    ----------
    fitted:
        A fitted Gaussian process.
    left_out:
        For each training perturbation: correlation over all genes of its response with what the
        others predict for it.
    signs:
        Perturbations the model did not train on x names of `signs_of`.
    accuracy:
        Their measured accuracy: Pearson correlation over all predicted genes, missing where it is
        not defined.
    """

    fitted: FittedModel
    left_out: pd.Series
    signs: pd.DataFrame
    accuracy: pd.Series

    @classmethod
    def of(cls, fitted: FittedModel, held_out: Sequence[str]) -> "Yardstick":
        """From a fitted Gaussian process and measured perturbations it was not trained on."""
        screen = fitted.problem.screen
        genes = list(screen.genes[fitted.columns])
        measured = screen.select(list(fitted.trained_on), genes).response
        errors, _ = fitted.model.leave_one_out()
        left_out = pd.Series(pearson(measured - errors, measured), index=fitted.trained_on)
        test = screen.select(held_out, genes)
        predicted = fitted.predict(held_out)
        accuracy = pd.Series(pearson(predicted.mean, test.response), index=list(held_out))
        return cls(fitted, left_out, _signs(fitted, predicted, left_out), accuracy)

    @cached_property
    def kinds(self) -> list[Sign]:
        """The signs there are."""
        return signs_of(list(self.fitted.joined.parts))

    @cached_property
    def correlations(self) -> pd.Series:
        """Spearman correlation of each sign with accuracy over the held-out perturbations.

        Missing where there are too few of them, or a sign is the same for all.
        """
        known = self.accuracy.notna()
        if known.sum() < ENOUGH:
            return pd.Series(np.nan, index=self.signs.columns)
        signs, accuracy = self.signs[known.to_numpy()], self.accuracy[known]
        return pd.Series(
            {
                name: spearmanr(values, accuracy).statistic if values.nunique() > 1 else np.nan
                for name, values in signs.items()
            }
        )

    @cached_property
    def counting(self) -> list[Sign]:
        """The signs that go with accuracy the way they should, beyond two standard errors."""
        limit = 2 / np.sqrt(max(int(self.accuracy.notna().sum()) - 1, 1))
        found = self.correlations
        return [sign for sign in self.kinds if sign.better * found[sign.name] > limit]

    def signs_of_gene(self, gene: str) -> pd.Series:
        """The signs of one gene, in the screen or not.

        Raises
        ------
        InputError
            As `FittedModel.predict`.
        """
        if gene in self.signs.index:
            return self.signs.T[gene]
        return _signs(self.fitted, self.fitted.predict([gene]), self.left_out).T[gene]

    def neighbours(self, gene: str, count: int = NEIGHBOURS) -> pd.DataFrame:
        """The training perturbations nearest to a gene by the fitted kernel.

        Returns
        -------
        Columns perturbation, similarity, accuracy (each predicted from the others), nearest first.
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

    def _without(self, gene: str) -> "Yardstick":
        """The same without one of the held-out perturbations."""
        if gene not in self.signs.index:
            return self
        signs, accuracy = self.signs.drop(index=gene), self.accuracy.drop(index=gene)
        return replace(self, signs=signs, accuracy=accuracy)

    def judge(self, gene: str) -> "Verdict":
        """What the signs of one gene say; its own measurement is not used.

        Raises
        ------
        InputError
            As `FittedModel.predict`.
        """
        others, own = self._without(gene), self.signs_of_gene(gene)
        below = {sign.name: _below(own[sign.name], others.signs[sign.name]) for sign in self.kinds}
        table = pd.DataFrame(
            {
                "sign": [sign.label for sign in self.kinds],
                "value": [own[sign.name] for sign in self.kinds],
                "typical": [others.signs[sign.name].dropna().median() for sign in self.kinds],
                "percentile": [100 * below[sign.name] for sign in self.kinds],
                "correlation": [others.correlations[sign.name] for sign in self.kinds],
                "counts": [sign in others.counting for sign in self.kinds],
            },
            index=[sign.name for sign in self.kinds],
        )
        accuracy = others.accuracy
        if not others.counting:
            return Verdict(gene, table, accuracy, accuracy, None)
        weights = others.correlations[[sign.name for sign in others.counting]]
        standing = (others.signs.rank(pct=True)[weights.index] * weights).sum(axis=1)
        mine = float(sum(weight * below[str(name)] for name, weight in weights.items()))
        low, high = standing.quantile([1 / 3, 2 / 3])
        third: Third = "lower" if mine < low else "upper" if mine > high else "middle"
        within = {
            "lower": standing < low,
            "middle": (standing >= low) & (standing <= high),
            "upper": standing > high,
        }[third]
        return Verdict(gene, table, accuracy, accuracy[within], third)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is to be said about trusting one prediction.

    Attributes
    ----------
    gene:
        The gene.
    signs:
        A row a sign: sign (in words), value, typical (median of held-out perturbations), percentile
        among them, correlation of the sign with accuracy, counts (whether it is used).
    accuracy:
        Of all held-out perturbations but the gene itself.
    alike:
        Of those whose signs are like the gene's: in the same third, by the sum of ranks of the
        signs that count, each times its correlation with accuracy. All where no sign counts.
    third:
        Which third; None where no sign counts.
    """

    gene: str
    signs: pd.DataFrame
    accuracy: pd.Series
    alike: pd.Series
    third: Third | None

    @property
    def standing(self) -> Literal["more", "less", "average"]:
        """Compared with the usual prediction.

        "more" or "less" where the signs stand in the upper or lower third and perturbations there
        were indeed predicted better or worse: their median accuracy differs from that of all by
        more than two standard errors (of a median, 1.25 standard deviations / √n).
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
        """The verdict in one sentence, in Markdown.

        The words for accuracy are those of `BANDS`, for the median correlation.
        """
        known = self.alike.dropna()
        if known.empty:
            return "**Nothing to go by**: no other held-out knockdown has a defined accuracy."
        middle = round(known.median(), 2)  # the word fits the number shown
        word = next(word for lowest, word in BANDS if middle >= lowest)
        low, high = known.quantile([0.25, 0.75])
        numbers = f"median r = {middle:.2f}, middle half {low:.2f} to {high:.2f}"
        if self.third is None:
            return (
                "**About as much as any other prediction here**: nothing known beforehand tells"
                " good predictions from bad ones in this screen, and all"
                f" {len(known):,} held-out knockdowns were predicted {word} ({numbers})."
            )
        head = {
            "more": "More than most",
            "less": "Less than most",
            "average": "About as much as the usual prediction here",
        }[self.standing]
        return (
            f"**{head}**: the {len(known):,} held-out knockdowns with signs like these were"
            f" predicted {word} ({numbers}; all {self.accuracy.notna().sum():,}: median r ="
            f" {self.accuracy.median():.2f})."
        )

    def words(self) -> pd.DataFrame:
        """The signs for people: a row a sign, all as text.

        Columns: this gene (its value, and the median of held-out knockdowns), among them (what
        share has less), and does it tell? (whether the sign goes with accuracy).
        """
        rows = {}
        for row in self.signs.to_dict("records"):
            # Blanks that do not break keep numbers whole in a narrow table.
            found = f"ρ\u00a0=\u00a0{row['correlation']:+.2f}".replace("-", "−")
            if np.isnan(row["correlation"]):
                tells = "cannot be said: too few to tell, or the same for all"
            else:
                tells = f"{'yes, used' if row['counts'] else 'no, not used'} ({found})"
            if np.isnan(row["value"]):
                rows[row["sign"]] = ("not defined", "–", tells)
                continue
            rows[row["sign"]] = (
                f"{row['value']:.3g} (usually {row['typical']:.3g})",
                f"more than {row['percentile']:.0f}\u00a0% of them",
                tells,
            )
        columns = ["This gene", "Among held-out knockdowns", "Does it tell good from bad?"]
        table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
        return table.rename_axis("Sign")


def _signs(fitted: FittedModel, predicted: Prediction, left_out: pd.Series) -> pd.DataFrame:
    """The signs of genes that the model predicts and did not train on: genes x `signs_of`."""
    genes = [str(gene) for gene in predicted.perturbations]
    inputs, trained = fitted.inputs(genes), fitted.inputs(list(fitted.trained_on))
    found: dict[str, np.ndarray] = {}
    for source, columns in fitted.joined.parts.items():
        distances = cdist(inputs[:, columns], trained[:, columns])
        count = min(NEAREST, distances.shape[1])
        nearest = np.partition(distances, count - 1, axis=1)[:, :count]
        found[f"distance {source}"] = nearest.mean(axis=1)
    width = predicted.half_width(0.95)
    if width is None:
        raise ValueError(f"{fitted.spec.label} gives no intervals")
    found["width"] = width.mean(axis=1)
    departure = predicted.mean - fitted.model.mean_
    found["departure"] = np.sqrt(np.square(departure).mean(axis=1))
    order = np.argsort(-fitted.model.similarity(inputs), axis=1, kind="stable")[:, :NEIGHBOURS]
    near = pd.DataFrame(left_out.to_numpy()[order])
    found["neighbours"] = near.mean(axis=1).to_numpy()  # of those that are defined
    return pd.DataFrame(found, index=genes)


def _below(value: float, others: pd.Series) -> float:
    """Share of the others below a value; half of those that equal it count."""
    return float(((others < value) + 0.5 * (others == value)).mean())
