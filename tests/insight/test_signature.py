"""Signatures as people paste them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmpert.errors import InputError
from llmpert.insight.signature import Signature
from llmpert.screens.cells.cluster import Cluster

GENES = np.array(["TP53", "MDM2", "CDKN1A", "SEPTIN9", "MYC", "ATF4", "HSPA5", "GATA1"], object)


def weights(signature):
    return {gene: w for gene, w in zip(signature.genes, signature.weights, strict=True) if w}


@pytest.mark.parametrize(
    "text", ["TP53, MDM2", "TP53\tMDM2", '"TP53"\n"MDM2"\n', "'TP53';MDM2", "TP53|MDM2 , TP53"]
)
def test_any_separator_and_quotes(text):
    assert weights(Signature.of_names(text, "", GENES)) == {"TP53": 1, "MDM2": 1}


def test_numbers_behind_names_are_weights_and_names_are_those_of_the_screen():
    found = Signature.of_names(
        "TP53 2.5\nSEPT9\t-1.5\nENSG00000136997, NOTCH1, NOSUCH", "ATF4", GENES
    )
    assert weights(found) == {"TP53": 2.5, "SEPTIN9": -1.5, "MYC": 1, "ATF4": -1}
    assert found.not_measured == ("NOTCH1",)
    assert found.unknown == ("NOSUCH",)
    assert found.used[0] == "TP53"
    assert weights(found.reversed) == {"TP53": -2.5, "SEPTIN9": 1.5, "MYC": -1, "ATF4": 1}


@pytest.mark.parametrize(
    ("up", "down", "message"),
    [
        ("", " \n", "found none"),
        ("NOSUCH, NEITHER", "", "None of the 2 genes is measured here"),
        ("TP53", "P53", "Expected different genes up and down"),
        (", ".join(GENES), "", "at most 50% of the 8 measured genes, found 8"),
        ("Trp53 Hspa1a Cdk9", "", "look like mouse genes"),
    ],
)
def test_what_singles_out_no_state_gets_a_sentence(up, down, message):
    with pytest.raises(InputError, match=message):
        Signature.of_names(up, down, GENES)


@given(
    response=st.lists(st.floats(-5, 5).filter(bool), min_size=8, max_size=8),
    count=st.integers(1, 8),
    raised_only=st.booleans(),
)
def test_of_a_response_the_strongest_are_taken(response, count, raised_only):
    values = np.array(response)
    if raised_only and (values < 0).all():
        with pytest.raises(InputError, match="changes none"):
            Signature.of_response(values, GENES, count, raised_only)
        return
    found = Signature.of_response(values, GENES, count, raised_only).weights
    for sign in (1, -1):
        of_sign = sorted((sign * values[sign * values > 0]).tolist(), reverse=True)
        taken = sorted((sign * values[found == sign]).tolist(), reverse=True)
        assert taken == (of_sign[:count] if sign > 0 or not raised_only else [])


def test_a_cluster_becomes_a_signature_of_the_genes_that_both_have():
    genes = np.array([f"OUT{n:03d}" for n in range(40)], dtype=object)
    names = np.array([f"OUT{n:03d}" for n in range(10, 70)], dtype=object)
    difference = np.linspace(3, -3, 60)
    found = Signature.of_cluster(Cluster(names, difference, 9, 9), genes)
    # 30 are shared, OUT010 to OUT039, all of them raised: 7 are taken.
    assert list(np.flatnonzero(found.weights == 1)) == list(range(10, 17))
    assert not (found.weights == -1).any()
    both = Cluster(names, difference - difference[15], 9, 9)
    lowered = np.flatnonzero(Signature.of_cluster(both, genes).weights == -1)
    assert list(lowered) == list(range(33, 40))
    assert set(Signature.of_cluster(both, genes, raised_only=True).weights) == {0, 1}
    with pytest.raises(InputError, match="20 or more genes that are measured here, found 3"):
        Signature.of_cluster(Cluster(names[:3], difference[:3], 9, 9), genes)
