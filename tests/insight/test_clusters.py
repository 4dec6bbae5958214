"""Sets that hold together on a map, and their labels, against cases worked by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import linkage, to_tree
from scipy.spatial.distance import cdist

from llmpert.insight.clusters import LETTER, LINE, holding_together, labels, leaf_order, spread

# Five points at distance 1 around (10, 0), five at distance 10 around (0, 0).
AROUND = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]], dtype=float)
POINTS = np.vstack([AROUND + np.array([10, 0]), 10 * AROUND])
NAMES = [f"g{number}" for number in range(10)]


def test_spread_is_the_median_distance_as_a_share_of_that_of_all():
    # The median of all is (5, 0): x are 10, 11, 9, 10, 10 and 0, 10, -10, 0, 0; of these the middle
    # two are 9 and 10. From (9.5, 0): 0.5, 1.5, 0.5, 1.12, 1.12 and 9.5, 0.5, 19.5, 13.8, 13.8.
    distances = [0.5, 1.5, 0.5, 1.25**0.5, 1.25**0.5, 9.5, 0.5, 19.5, 190.25**0.5, 190.25**0.5]
    assert spread(POINTS, np.arange(5)) == pytest.approx(1 / np.median(distances))
    assert spread(POINTS, np.arange(10)) == 1
    assert spread(np.zeros((4, 2)), np.arange(2)) == 0


def test_sets_hold_together_that_are_tight_and_large_enough():
    points, names = np.vstack([POINTS, 20 * AROUND]), [f"g{number}" for number in range(15)]
    sets = {"tight": names[:5], "wide": names[5:], "few": names[:4], "elsewhere": ["other"] * 9}
    assert holding_together(points, names, sets) == ["tight"]


def test_labels_stand_at_the_median_and_make_way_for_each_other():
    points = np.array([[0, 0], [2, 0], [4, 9], [0, 0], [2, 0.1], [4, 9], [100, 100]], dtype=float)
    groups = ["one", "one", "one", "two", "two", "two", ""]
    found = labels(points, groups, ["one", "two", "absent"])
    assert list(found["group"]) == ["one", "two"]
    assert found.loc[0, ["x", "y"]].tolist() == [2, 0]
    # "two" would stand at (2, 0.1), on "one": it moves up by its height, a line of 100.
    assert found.loc[1, ["x", "y"]].tolist() == pytest.approx([2, 0.1 + 100 * LINE])
    found = labels(points, groups, ["one"], [False, True, *5 * [False]])
    assert found["y"][0] == pytest.approx(-100 * LINE)  # at it and above there is another name
    text = labels(points, ["a name of many words that is longer than three lines of it"] * 7, [
        "a name of many words that is longer than three lines of it"
    ])["text"][0]  # fmt: skip
    assert text == "a name of many<br>words that is<br>longer than …"


def test_where_the_map_is_narrow_the_first_of_labels_that_overlap_stands():
    # Of a width of 100 five letters take 4 and, on a telephone, 10.8.
    points = np.array([[0, 0], [8, 0], [20, 0], [100, 100]], dtype=float)
    groups = ["first", "other", "third", ""]
    found = labels(points, groups, groups[:3])
    assert found["narrow"].tolist() == [True, False, True]


def test_names_of_points_stay_at_them_and_the_first_of_those_that_overlap_stand():
    # Of a width of 100 two letters take 1.6, and 3.2 of a map of half the usual width.
    points = np.array([[0, 0], [2, 0], [6, 0], [100, 100]], dtype=float)
    names = ["g1", "g2", "g3", ""]
    order = ["g2", "g1", "g3"]
    assert list(labels(points, names, order, shifts=[0])["group"]) == order
    assert list(labels(points, names, order, shifts=[0], width=0.5)["group"]) == ["g2", "g3"]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 7)), min_size=2))
def test_no_two_labels_overlap(drawn):
    points = np.array([(x, y) for x, y, _ in drawn], dtype=float)
    names = [f"set {number} " + "of some genes" * (number % 3) for number in range(8)]
    found = labels(points, [names[of] for *_, of in drawn], names)
    wide, high = np.ptp(points, axis=0)
    boxes = []
    for row in found.itertuples():
        lines = row.text.split("<br>")
        width, height = max(map(len, lines)) * LETTER * wide, len(lines) * LINE * high
        boxes.append((row.x - width / 2, row.x + width / 2, row.y - height / 2, row.y + height / 2))
    for at, (left, right, low, high) in enumerate(boxes):
        for left2, right2, low2, high2 in boxes[:at]:
            across = min(right, right2) - max(left, left2)
            up = min(high, high2) - max(low, low2)
            assert across <= 1e-9 or up <= 1e-9


def orders(tree) -> list[list[int]]:
    """All orders of leaves that a tree allows."""
    if tree.is_leaf():
        return [[tree.id]]
    pairs = [(a, b) for a in orders(tree.left) for b in orders(tree.right)]
    return [order for a, b in pairs for order in (a + b, b + a)]


@pytest.mark.parametrize("seed", range(3))
def test_rows_beside_each_other_are_as_near_as_their_tree_allows(seed):
    rows = np.random.default_rng(seed).normal(size=(7, 3))
    apart = cdist(rows, rows)

    def length(order: list[int]) -> float:
        return sum(apart[a, b] for a, b in pairwise(order))

    every = orders(to_tree(linkage(rows, "average")))
    assert length(list(leaf_order(rows))) == pytest.approx(min(map(length, every)))


def test_two_rows_stay_as_they_are():
    assert list(leaf_order(np.array([[2.0], [1.0]]))) == [0, 1]
    assert list(leaf_order(np.empty((0, 4)))) == []
