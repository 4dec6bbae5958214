"""The graph of shared terms, against sets counted one by one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.genes.sets import GeneSets
from llmpert.methods.gears.run import NEIGHBOURS, THRESHOLD, edges, jaccard, neighbour_mean

GENES = [f"G{number:02d}" for number in range(30)]
term_sets = st.lists(st.frozensets(st.sampled_from(GENES), min_size=1), min_size=1, max_size=12)


def terms(sets) -> GeneSets:
    return GeneSets("terms", "test", {f"T{k}": members for k, members in enumerate(sets)})


@given(term_sets)
@settings(max_examples=settings().max_examples // 2, deadline=None)
def test_jaccard_is_shared_over_all_terms(sets):
    found = jaccard(terms(sets), GENES)
    carried = {gene: {k for k, members in enumerate(sets) if gene in members} for gene in GENES}
    for row, a in enumerate(GENES):
        for column, b in enumerate(GENES):
            either = carried[a] | carried[b]
            expected = len(carried[a] & carried[b]) / len(either) if either else 0
            assert np.isclose(found[row, column], expected)


def test_members_that_are_not_asked_for_do_not_count():
    both = terms([frozenset({"G00", "G01", "elsewhere"}), frozenset({"elsewhere"})])
    assert jaccard(both, ["G00", "G01"]).tolist() == [[1, 1], [1, 1]]


@given(term_sets)
@settings(max_examples=settings().max_examples // 2, deadline=None)
def test_edges_are_the_nearest_above_the_threshold_and_the_gene_itself(sets):
    similarity = jaccard(terms(sets), GENES)
    found = edges(similarity, GENES)
    for column, target in enumerate(GENES):
        sources = [(source, weight) for source, to, weight in found if to == target]
        eligible = [row for row in range(len(GENES)) if similarity[row, column] > THRESHOLD]
        assert len(sources) == min(len(eligible), NEIGHBOURS + 1)
        assert (target, 1.0) in sources or similarity[column, column] == 0
        kept = [weight for _, weight in sources]
        left = sorted((similarity[row, column] for row in eligible), reverse=True)[len(kept) :]
        assert not left or min(kept) >= max(left)


def test_the_neighbour_mean_by_hand():
    similarity = np.array([[0.5, 0.09, 0.2], [0.0, 0.05, 0.1]])
    responses = np.array([[1.0, 2.0], [10.0, 10.0], [3.0, 6.0]])
    predicted = neighbour_mean(similarity, responses)
    # Only what is more similar than 0.1 counts; with nothing, all training responses do.
    np.testing.assert_allclose(predicted, [[2, 4], [14 / 3, 6]], rtol=1e-6)


def test_the_neighbour_mean_takes_no_more_than_the_nearest():
    similarity = np.linspace(0.9, 0.2, 40)[None]
    responses = np.arange(40.0)[:, None]
    assert neighbour_mean(similarity, responses).item() == np.arange(NEIGHBOURS).mean()
