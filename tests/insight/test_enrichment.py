import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from llmpert.genes.sets import GeneSets
from llmpert.insight.enrichment import COLUMNS, enrichment

GENES = [f"G{i}" for i in range(60)]


def sets(**members):
    return GeneSets("test", "made up", {name: frozenset(genes) for name, genes in members.items()})


def test_a_case_worked_by_hand():
    # Of 10 genes 4 are in the set and 3 are chosen, all of the set: 4C3 / 10C3 = 4 / 120.
    found = enrichment(GENES[:3], GENES[:10], sets(ribosome=[*GENES[:4], "OUTSIDE"]))
    row = found.iloc[0]
    assert (row["set"], row["overlap"], row["size"]) == ("ribosome", 3, 4)
    assert row["expected"] == pytest.approx(1.2)
    assert row["fold"] == pytest.approx(2.5)
    assert row["p"] == pytest.approx(1 / 30)
    assert row["genes"] == "G0 G1 G2"


subset = st.frozensets(st.sampled_from(GENES))


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(subset, st.lists(subset, min_size=1, max_size=6))
def test_every_p_value_is_fisher_s_exact_test(chosen, groups):
    background = GENES[:50]
    found = enrichment(
        chosen, background, sets(**{f"s{i}": g for i, g in enumerate(groups)}), 1, 500
    )
    drawn = chosen & set(background)
    for row in found.itertuples():
        group = groups[int(row.set[1:])] & set(background)
        inside, rest = len(group & drawn), len(drawn - group)
        counts = [[inside, rest], [len(group - drawn), len(set(background) - drawn - group)]]
        assert row.p == pytest.approx(stats.fisher_exact(counts, "greater").pvalue, abs=1e-9)
        assert row.overlap == inside
    assert list(found["p"]) == sorted(found["p"])


def test_q_is_benjamini_and_hochberg_s_step_up():
    groups = {f"s{i}": GENES[i : i + 5 + i] for i in range(10)}
    found = enrichment(GENES[:12], GENES, sets(**groups))
    p, tests = found["p"].to_numpy(), len(found)
    by_hand = np.minimum.accumulate((p * tests / np.arange(1, tests + 1))[::-1])[::-1]
    np.testing.assert_allclose(found["q"], np.minimum(by_hand, 1))


def test_sets_too_small_or_too_large_in_the_background_are_not_tested():
    groups = sets(two=[*GENES[:2], "OUTSIDE", "OTHER"], three=GENES[:3], many=GENES[:21])
    assert list(enrichment(GENES[:3], GENES, groups, 3, 20)["set"]) == ["three"]


def test_nothing_to_test_is_an_empty_table():
    found = enrichment(GENES[:3], GENES, sets(two=GENES[:2]))
    assert found.empty
    assert tuple(found.columns) == COLUMNS


def test_nothing_chosen_enriches_nothing():
    found = enrichment([], GENES, sets(three=GENES[:3]))
    assert found["p"].tolist() == [1.0]
    assert found["fold"].isna().all()
