"""Cross-validation folds and the growing training sets of learning curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from llmpert.errors import InputError

PAPER_SIZES = (100, 200, 400, 800, 1400)
"""Training sizes of Märtens et al. 2024, figure 1."""


@dataclass(frozen=True, eq=False)
class Split:
    """One training and test set, as sorted rows.

    `train_pool` is the fold's whole training part, of which `train` is a random sample, one a
    `repeat`. Genes are chosen on it, so that all sizes of a curve are scored on the same genes.
    """

    fold: int
    repeat: int
    train: np.ndarray
    train_pool: np.ndarray
    test: np.ndarray


def cross_validation(names: Sequence[str], folds: int, seed: int) -> list[np.ndarray]:
    """Return the test rows of each fold; every perturbation is in exactly one.

    Folds depend on the set of names and the seed alone, not on the order of rows: two cell lines
    with the same perturbations are split alike.

    Raises:
        InputError: Fewer than 2 folds, more folds than perturbations, a fold that leaves fewer than
            2 to train on, or a negative seed.
    """
    if len(names) < 3:
        raise InputError(
            f"Cross-validation needs at least 3 perturbations (2 to train on, 1 to test), found"
            f" {len(names)}."
        )
    fewest = 2 if len(names) > 3 else 3
    if not fewest <= folds <= len(names):
        few = folds > len(names)
        nearest, most = (len(names), "most") if few else (fewest, "least")
        raise InputError(
            f"Expected at {most} {nearest} folds for {len(names)} perturbations, found {folds}: use"
            f" --folds {nearest}."
        )
    if seed < 0:
        raise InputError(f"Expected a seed of 0 or more, found {seed}.")
    # scikit-learn takes a second to import, which pages that only show data need not wait for.
    from sklearn.model_selection import KFold

    order = np.argsort(np.asarray(names, dtype=str), kind="stable")
    splitter = KFold(folds, shuffle=True, random_state=seed)
    return [np.sort(order[test]) for _, test in splitter.split(order)]


def nearest_size(size: int, sizes: Sequence[int]) -> int:
    """Return which training size another one counts as: the nearest within a tenth, or itself."""
    near = [other for other in sizes if abs(size - other) <= other / 10]
    return min(near, key=lambda other: abs(size - other), default=size)


def learning_curve_sizes(largest: int) -> list[int]:
    """Return the paper's sizes as far as the data go, then the largest unless it counts as one."""
    sizes = [size for size in PAPER_SIZES if size <= largest]
    return sizes if nearest_size(largest, sizes) in sizes else [*sizes, largest]


# A grid asks for the same split once a model and embedding.
@lru_cache(maxsize=1024)
def split(
    names: tuple[str, ...], folds: int, seed: int, fold: int, repeat: int, train_size: int
) -> Split:
    """Return one fold with its training part downsampled to `train_size`.

    For one fold and repeat, a smaller training set is part of every larger one.

    Raises:
        InputError: `train_size` is below 2 or above what the fold offers, there is no such fold, or
            the perturbations cannot be split into folds.
    """
    tests = cross_validation(names, folds, seed)
    if not 0 <= fold < folds or repeat < 0:
        raise InputError(
            f"Expected a fold from 0 to {folds - 1} and a repeat from 0, found fold {fold} and"
            f" repeat {repeat}."
        )
    test = tests[fold]
    order = np.argsort(np.asarray(names, dtype=str), kind="stable")
    pool = order[~np.isin(order, test)]
    if not 2 <= train_size <= len(pool):
        raise InputError(f"Expected a training size between 2 and {len(pool)}, found {train_size}.")
    drawn = np.random.default_rng([seed, fold, repeat]).permutation(pool)[:train_size]
    parts = np.sort(drawn), np.sort(pool), test
    for part in parts:
        part.setflags(write=False)
    return Split(fold, repeat, *parts)
