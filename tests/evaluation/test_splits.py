import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmpert.errors import InputError
from llmpert.evaluation.splits import (
    cross_validation,
    learning_curve_sizes,
    split,
)

gene_names = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
    min_size=4,
    max_size=30,
    unique=True,
)
cases = gene_names.flatmap(
    lambda names: st.tuples(st.just(names), st.integers(2, len(names)), st.integers(0, 2**32 - 1))
)


def largest_training_size(perturbations: int, folds: int) -> int:
    return perturbations - math.ceil(perturbations / folds)


def of(names: list[str], rows: np.ndarray) -> set[str]:
    return {names[row] for row in rows}


@given(cases)
def test_every_perturbation_is_tested_exactly_once(case):
    names, folds, seed = case
    tests = cross_validation(names, folds, seed)
    assert len(tests) == folds
    assert sorted(np.concatenate(tests).tolist()) == list(range(len(names)))
    sizes = [len(test) for test in tests]
    assert max(sizes) - min(sizes) <= 1
    assert len(names) - max(sizes) == largest_training_size(len(names), folds)


@given(cases, st.data())
def test_training_never_meets_test(case, data):
    names, folds, seed = case
    fold = data.draw(st.integers(0, folds - 1))
    repeat = data.draw(st.integers(0, 5))
    size = data.draw(st.integers(2, largest_training_size(len(names), folds)))
    part = split(tuple(names), folds, seed, fold, repeat, size)
    everything = set(range(len(names)))
    assert set(part.train_pool) | set(part.test) == everything
    assert len(part.train_pool) + len(part.test) == len(names)
    assert set(part.train) <= set(part.train_pool)
    assert len(set(part.train)) == len(part.train) == size
    for rows in (part.train, part.train_pool, part.test):
        assert (np.diff(rows) > 0).all()
    assert (part.fold, part.repeat) == (fold, repeat)
    np.testing.assert_array_equal(part.test, cross_validation(names, folds, seed)[fold])


@given(cases, st.integers(0, 3))
def test_smaller_training_sets_are_part_of_larger_ones(case, repeat):
    names, folds, seed = case
    largest = largest_training_size(len(names), folds)
    sets = [
        set(split(tuple(names), folds, seed, 1, repeat, size).train)
        for size in range(2, largest + 1)
    ]
    assert all(small < large for small, large in pairwise(sets))


@given(cases, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(case, random):
    names, folds, seed = case
    shuffled = names.copy()
    random.shuffle(shuffled)
    for fold in range(folds):
        one = split(tuple(names), folds, seed, fold, 0, 2)
        other = split(tuple(shuffled), folds, seed, fold, 0, 2)
        for rows in ("train", "train_pool", "test"):
            assert of(names, getattr(one, rows)) == of(shuffled, getattr(other, rows))


def test_seeds_folds_and_repeats_draw_differently():
    names = [f"G{i}" for i in range(60)]

    def train(seed: int = 0, fold: int = 0, repeat: int = 0) -> set[str]:
        return of(names, split(tuple(names), 5, seed, fold, repeat, 20).train)

    drawn = [train(), train(seed=1), train(repeat=1), train(repeat=2), train(fold=1)]
    assert len({frozenset(s) for s in drawn}) == len(drawn)
    assert train() == train()
    tests = [tuple(t) for t in cross_validation(names, 5, 0)]
    assert tests != [tuple(t) for t in cross_validation(names, 5, 1)]
    # Repeats share the test set.
    np.testing.assert_array_equal(
        split(tuple(names), 5, 0, 2, 0, 20).test, split(tuple(names), 5, 0, 2, 7, 20).test
    )


def test_all_of_the_pool_is_drawn_sometimes():
    names = [f"G{i}" for i in range(20)]
    drawn = [split(tuple(names), 5, 0, 0, repeat, 4).train for repeat in range(60)]
    assert set(np.concatenate(drawn)) == set(split(tuple(names), 5, 0, 0, 0, 4).train_pool)


@pytest.mark.parametrize(
    ("count", "folds", "message"),
    [
        (10, 1, "at least 2 folds"),
        (10, 11, "found 11"),
        (10, 0, "found 0"),
        (3, 2, "at least 3 folds"),
        (2, 2, "at least 3 perturbations"),
        (0, 5, "at least 3 perturbations"),
    ],
)
def test_folds_that_cannot_be_are_refused(count, folds, message):
    with pytest.raises(InputError, match=message):
        cross_validation([f"G{i}" for i in range(count)], folds, 0)


def test_the_smallest_cross_validations_work():
    for count, folds in ((3, 3), (4, 2)):
        names = [f"G{i}" for i in range(count)]
        for fold in range(folds):
            assert len(split(tuple(names), folds, 0, fold, 0, 2).train) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_size": 1}, "between 2 and 8, found 1"),
        ({"train_size": 9}, "between 2 and 8, found 9"),
        ({"fold": 5}, "found fold 5"),
        ({"fold": -1}, "found fold -1"),
        ({"repeat": -1}, "repeat -1"),
        ({"seed": -1}, "seed of 0 or more"),
    ],
)
def test_splits_that_cannot_be_are_refused(change, message):
    asked = {"folds": 5, "seed": 0, "fold": 0, "repeat": 0, "train_size": 4, **change}
    with pytest.raises(InputError, match=message):
        split(tuple(f"G{i}" for i in range(10)), **asked)


@pytest.mark.parametrize(
    ("largest", "sizes"),
    [
        (80, [80]),
        (105, [100]),
        (1200, [100, 200, 400, 800, 1200]),
        (1419, [100, 200, 400, 800, 1400]),
        (2000, [100, 200, 400, 800, 1400, 2000]),
    ],
)
def test_learning_curves_end_where_the_data_do(largest, sizes):
    assert learning_curve_sizes(largest) == sizes
