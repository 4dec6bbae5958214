"""Which knockdowns give a state, or reverse it: measured ones, and any gene with a vector."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.experiment import FittedModel
from llmpert.genes import GeneTable
from llmpert.insight.connectivity import wtcs, xsum
from llmpert.insight.signature import Signature
from llmpert.screens.screen import Screen

ROWS, CELLS = 4096, 2**18
"""Candidates predicted, and correlations found, in one go."""

NULL = 2000
"""Candidates whose correlations with random signatures are computed, at most."""

REFERENCES = 1000
"""Known responses that candidates are compared with, at most."""

PERMUTATIONS = 1000
"""Random signatures."""

TOP = 20
"""Rank up to which a known response counts as finding a knockdown."""

RESCORED = 500
"""Best knockdowns that have other scores besides."""

BEHIND = 5
"""Genes named for each knockdown."""

Z95 = 1.959963984540054


@dataclass(frozen=True, eq=False)
class Profiles:
    """Responses to knockdowns, relative to the mean response of the training knockdowns.

    A response is `components @ axes.T`, or the components themselves where there are no axes.

    Attributes:
        names: Knocked-down genes, M.
        genes: Measured genes, D.
        components: M x k.
        axes: D x k, or None.
        variances: Of the components, M x k; None for measurements.
        own: Where each knocked-down gene is among the measured ones, M; -1 where nowhere.
    """

    names: np.ndarray
    genes: np.ndarray
    components: np.ndarray
    axes: np.ndarray | None
    variances: np.ndarray | None
    own: np.ndarray

    @classmethod
    def measured(cls, screen: Screen, genes: np.ndarray) -> "Profiles":
        """Return the measured responses of a screen in some of its genes."""
        part = screen.select(list(screen.perturbations), list(genes))
        relative = part.response - part.response.mean(axis=0)
        own = _own(part.perturbations, part.genes)
        return cls(part.perturbations, part.genes, relative, None, None, own)

    @classmethod
    def predicted(cls, fitted: FittedModel, names: Sequence[str]) -> "Profiles":
        """Predict the responses to knocking down genes that no training perturbation is of.

        Raises:
            InputError: As `FittedModel.predict`.
        """
        starts = range(0, len(names), ROWS)
        inputs = (fitted.inputs(names[start : start + ROWS]) for start in starts)
        found = [fitted.model.components_of(part) for part in inputs]
        components, variances = (np.concatenate(part) for part in zip(*found, strict=True))
        return cls._of(fitted, np.array(names, dtype=object), components, variances)

    @classmethod
    def left_out(cls, fitted: FittedModel) -> "Profiles":
        """Predict each training perturbation from all others."""
        return cls._of(fitted, fitted.trained_on, *fitted.model.components_of())

    @classmethod
    def _of(
        cls, fitted: FittedModel, names: np.ndarray, components: np.ndarray, variances: np.ndarray
    ) -> "Profiles":
        own = _own(names, fitted.genes)
        return cls(names, fitted.genes, components, fitted.model.axes, variances, own)

    def select(self, rows: slice | np.ndarray) -> "Profiles":
        """Return some of the knockdowns."""
        variances = None if self.variances is None else self.variances[rows]
        return replace(
            self, names=self.names[rows], components=self.components[rows], variances=variances,
            own=self.own[rows],
        )  # fmt: skip

    def rows(self, wanted: np.ndarray) -> np.ndarray:
        """Return the responses of some knockdowns, rows x D."""
        part = self.components[wanted]
        return part if self.axes is None else part @ self.axes.T


def _own(names: Iterable[str], genes: np.ndarray) -> np.ndarray:
    """Return the column of each knocked-down gene's own expression, -1 where it is not measured."""
    spelt = GeneTable.shipped().spelt_as(map(str, names), map(str, genes))
    place = {str(gene): column for column, gene in enumerate(genes)}
    return np.array([place.get(spelt.get(str(name), ""), -1) for name in names])


def correlations(profiles: Profiles, weights: np.ndarray) -> np.ndarray:
    """Return how alike responses and signatures are: correlations over the measured genes.

    The knocked-down gene itself is left out: it gives every target away. NaN where a signature or
    a response is constant.

    Args:
        weights: Of P signatures, P x D.

    Returns:
        M x P.
    """
    return np.concatenate([found for found, _ in _compared(profiles, weights)])


def _compared(profiles: Profiles, weights: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield correlations and what covariances were divided by for them, some candidates x P.

    A few at a time, so that what is computed of them stays in the processor's cache.
    """
    size, has, components = weights.shape[1], profiles.own >= 0, profiles.components
    if profiles.axes is None:
        along = weights.T
        own = components[np.arange(len(has)), profiles.own]
        total, squares = components.sum(axis=1), np.square(components).sum(axis=1)
    else:
        along = profiles.axes.T @ weights.T
        own = (components * profiles.axes[profiles.own]).sum(axis=1)
        total = components @ profiles.axes.sum(axis=0)
        squares = ((components @ (profiles.axes.T @ profiles.axes)) * components).sum(axis=1)
    own = np.where(has, own, 0)
    count, squares = size - has, squares - np.square(own)
    mean = (total - own) / count
    length = _root(squares - np.square(mean) * count, squares)
    weight_total, weight_squares = weights.sum(axis=1), np.square(weights).sum(axis=1)
    weight_length = _root(weight_squares - np.square(weight_total) / size, weight_squares)
    step = max(1, CELLS // max(1, len(weights)))
    for start in range(0, len(has), step):
        part = slice(start, start + step)
        found, both = components[part] @ along, length[part, None] * weight_length
        found -= mean[part, None] * weight_total
        rows = np.flatnonzero(has[part])
        at = rows + start
        left_out = weights.T[profiles.own[at]]
        found[rows] -= (own[at] - mean[at])[:, None] * left_out
        others = np.square(weight_total - left_out) / (size - 1)
        both[rows] = length[at, None] * _root(
            weight_squares - np.square(left_out) - others, weight_squares
        )
        found /= both
        yield found, both


def _root(squares: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return the roots of sums of squares; NaN where all but nothing is left `of` larger ones."""
    return np.sqrt(np.where(squares > 1e-12 * of, squares, np.nan))


@dataclass(frozen=True, eq=False)
class Candidates:
    """Knockdowns to choose from, and how alike they are to known responses.

    Attributes:
        profiles: Their responses.
        known: Magnitudes of their correlations with signatures of known responses, M x R.
        often: Share of these that have each among their `TOP` best, M.
    """

    profiles: Profiles
    known: np.ndarray
    often: np.ndarray

    @classmethod
    def of(cls, profiles: Profiles, references: np.ndarray) -> "Candidates":
        """Compare profiles with signatures of known responses, R x D."""
        known = correlations(profiles, references).astype(np.float32)
        known[np.isnan(known)] = -2
        top = min(TOP, len(known))
        best = np.argpartition(-known.T, top - 1, axis=1)[:, :top]
        often = np.bincount(best.ravel(), minlength=len(known)) / max(1, known.shape[1])
        return cls(profiles, np.abs(known, out=known), often)


def search(
    candidates: Candidates, signature: Signature, permutations: int = PERMUTATIONS, seed: int = 0
) -> pd.DataFrame:
    """Rank knockdowns by how alike their responses and a signature are, the most alike first.

    `p` says how often a signature of as many random genes is as alike, to any of the candidates;
    it is never 0. It takes genes for independent, which they are not: `tau` and `often` hold the
    score against known responses instead, so that knockdowns that resemble everything stand out.

    Args:
        permutations: Random signatures, each the signature with its genes exchanged.

    Returns:
        Columns gene; score, the correlation; low95 and high95, of the response's uncertainty
        (missing for measurements); p and fdr (Benjamini & Hochberg 1995); tau, the share of known
        responses that are less alike to this knockdown, in percent with the score's sign; often,
        the share of known responses that have it among their 20 best; wtcs and xsum of the 500 best
        (`llmpert.insight.connectivity`). The index is the candidate's row.

    Raises:
        InputError: The signature is of other genes than the candidates.
    """
    from scipy.stats import false_discovery_control  # takes a second to import

    profiles = candidates.profiles
    if len(signature.genes) != len(profiles.genes) or (signature.genes != profiles.genes).any():
        raise InputError("Expected a signature of the genes that the model predicts.")
    weights = signature.weights[None]
    score, both = (np.concatenate(p)[:, 0] for p in zip(*_compared(profiles, weights), strict=True))
    low = high = np.full(len(score), np.nan)
    if profiles.variances is not None:
        sd = np.sqrt(profiles.variances @ np.square(_centred(weights, profiles))[0])
        half = Z95 * np.divide(sd, both, out=np.zeros_like(sd), where=both > 0)
        low, high = np.clip(score - half, -1, 1), np.clip(score + half, -1, 1)
    p = _p_values(profiles, signature.weights, score, permutations, seed)
    less = (candidates.known < np.abs(score)[:, None]).mean(axis=1)
    table = pd.DataFrame(
        {
            "gene": profiles.names, "score": score, "low95": low, "high95": high, "p": p,
            "fdr": false_discovery_control(p), "tau": 100 * np.sign(score) * less,
            "often": candidates.often,
        }
    )  # fmt: skip
    table = table.loc[table["score"].sort_values(ascending=False, kind="stable").dropna().index]
    best = table.index[:RESCORED]
    responses, own = profiles.rows(best.to_numpy()), profiles.own[best]
    for name, other in (("wtcs", wtcs), ("xsum", xsum)):
        table[name] = pd.Series(other(responses, own, weights)[:, 0], best)
    return table


@dataclass(frozen=True, eq=False)
class Library:
    """All knockdowns that one model can search: known ones, and genes that nobody knocked down.

    Scores of the two are not comparable: predicted responses are smooth and resemble more.

    Attributes:
        known: The training knockdowns: as measured, or each predicted from all others.
        measured: Whether responses of `known` are measured.
        raised_only: Whether responses know of raised genes alone.
        fitted, names, references: What predicts genes that nobody knocked down, these, and the
            known responses' signatures, R x D.
    """

    known: Candidates
    measured: bool
    raised_only: bool
    fitted: FittedModel
    names: Sequence[str]
    references: np.ndarray

    @classmethod
    def of(
        cls, fitted: FittedModel, unseen: Sequence[str], screen: Screen | None, raised_only: bool
    ) -> "Library":
        """Hold known knockdowns against signatures of known responses.

        Args:
            fitted: A Gaussian process trained on all perturbations.
            unseen: Genes that none of them is of.
            screen: Their responses; None where only the model is at hand.
        """
        known = (
            Profiles.left_out(fitted)
            if screen is None
            else Profiles.measured(screen.select(list(fitted.trained_on)), fitted.genes)
        )
        some = np.arange(len(known.names))[:: -(-len(known.names) // REFERENCES)]
        references = np.stack(
            [
                Signature.of_response(response, fitted.genes, raised_only=raised_only).weights
                for response in known.rows(some)
            ]
        )
        held = Candidates.of(known, references)
        return cls(held, screen is not None, raised_only, fitted, unseen, references)

    @cached_property
    def unseen(self) -> Candidates | None:
        """Genes that nobody knocked down, predicted when first asked for; None without any."""
        if not len(self.names):
            return None
        return Candidates.of(Profiles.predicted(self.fitted, self.names), self.references)

    @property
    def genes(self) -> np.ndarray:
        """Measured genes, D."""
        return self.known.profiles.genes

    def signature_of(self, knockdown: str) -> Signature:
        """Return the signature of a known knockdown's response, relative to the mean response.

        Raises:
            InputError: It is not among the known knockdowns.
        """
        row = np.flatnonzero(self.known.profiles.names == knockdown)
        if not len(row):
            raise InputError(f"Expected a knockdown of this data set, found {knockdown!r}.")
        (response,) = self.known.profiles.rows(row[:1])
        return Signature.of_response(response, self.genes, raised_only=self.raised_only)


def _centred(weights: np.ndarray, profiles: Profiles) -> np.ndarray:
    """Return signatures less their mean, along the components."""
    centred = weights - weights.mean(axis=1, keepdims=True)
    return centred if profiles.axes is None else centred @ profiles.axes


def _p_values(
    profiles: Profiles, weights: np.ndarray, score: np.ndarray, permutations: int, seed: int
) -> np.ndarray:
    """Return one-sided p-values by random signatures, pooled over the candidates.

    A correlation with a permuted signature has mean 0 and the same variance for every response, so
    that the candidates' own nulls are one; `NULL` of them are enough to know it.
    """
    random = np.random.default_rng(seed)
    some = profiles.select(slice(None, None, -(-len(score) // NULL)))
    blocks = np.array_split(np.arange(permutations), -(-permutations // 100))
    found = [
        correlations(some, np.stack([random.permutation(weights) for _ in block]))
        for block in blocks
    ]
    null = np.sort(np.hstack(found).ravel())
    null = null[np.isfinite(null)]
    above = len(null) - np.searchsorted(null, np.nan_to_num(score, nan=-2))
    return (1 + above) / (1 + len(null))


def genes_behind(profiles: Profiles, signature: Signature, rows: Sequence[int]) -> list[list[str]]:
    """Return the genes that make each of these knockdowns alike to the signature, most first."""
    responses = profiles.rows(np.asarray(rows, dtype=int))
    centred = responses - responses.mean(axis=1, keepdims=True)
    shares = centred * (signature.weights - signature.weights.mean())
    found = []
    for row, share in zip(rows, shares, strict=True):
        if profiles.own[row] >= 0:
            share[profiles.own[row]] = -np.inf
        share = np.where(signature.weights != 0, share, -np.inf)
        best = np.argsort(-share, kind="stable")[:BEHIND]
        found.append([str(profiles.genes[gene]) for gene in best if share[gene] > 0])
    return found


def retrieval(found: np.ndarray, names: Sequence[str], truths: Sequence[str]) -> pd.Series:
    """Return at which rank each signature finds the knockdown it is of, 1 the best, by its name.

    Candidates that are exactly as alike count as half before it.

    Args:
        found: How alike M candidates and P signatures are, M x P.
        names: Of the candidates.
        truths: The knockdown that each signature is of.
    """
    place = {str(name): row for row, name in enumerate(names)}
    ranks = []
    for column, truth in enumerate(truths):
        own = found[place[truth], column]
        before = (found[:, column] > own).sum()
        ranks.append(1 + before + (np.sum(found[:, column] == own) - 1) / 2)
    return pd.Series(ranks, index=list(truths), dtype=float)


def partners(
    found: np.ndarray,
    names: Sequence[str],
    truths: Sequence[str],
    sets: Iterable[Collection[str]],
    first: int,
) -> pd.DataFrame:
    """Return whether each signature's first hits have a partner of the knockdown it is of.

    The knockdown itself is no hit. Knockdowns without a partner among the candidates are left out.

    Args:
        found, names, truths: As of `retrieval`.
        sets: Of genes; those of one set are partners.
        first: How many hits count.

    Returns:
        By knockdown: found, and chance, how probable that is of hits in a random order.
    """
    from scipy.stats import hypergeom  # takes a second to import

    place = {str(name): row for row, name in enumerate(names)}
    others: dict[str, set[int]] = {}
    for members in sets:
        inside = [name for name in members if name in place]
        for name in inside:
            others.setdefault(name, set()).update(place[one] for one in inside if one != name)
    rows = {}
    for column, truth in enumerate(truths):
        if partner := others.get(truth):
            scores = found[:, column].copy()
            scores[place[truth]] = -np.inf
            best = np.argsort(-scores, kind="stable")[:first]
            chance = hypergeom.sf(0, len(scores) - 1, len(partner), first)
            rows[truth] = (bool(partner.intersection(best.tolist())), float(chance))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["found", "chance"])
