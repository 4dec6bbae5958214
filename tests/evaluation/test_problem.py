from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from llmpert.embeddings import Embedding
from llmpert.embeddings.joined import JoinedInput
from llmpert.errors import InputError
from llmpert.evaluation.problem import Problem
from llmpert.screens import Screen
from tests.support import small

TABLE = small.gene_table(
    {"SEPTIN9": "SEPT9|MSF", "CENATAC": "CCDC84", "TP53": "P53", "QARS1": "QARS", "EPRS1": "QARS"}
)


def screen(*perturbations: str) -> Screen:
    """Row p responds with p + 1 in every gene."""
    response = np.arange(1.0, len(perturbations) + 1)[:, None] * np.ones(3)
    return Screen("K562", response, np.array(perturbations), np.array(["X", "Y", "Z"]), "Δ")


def embedding(*genes: str, name: str = "text") -> Embedding:
    """Row g is (g, 1), plus 100 for other sources."""
    shift = 0 if name == "text" else 100
    return Embedding(name, np.array(genes), [[row + shift, 1] for row in range(len(genes))])


def align(measured: Screen, *embeddings: Embedding) -> Problem:
    return Problem.align(measured, embeddings, TABLE)


def test_rows_meet_by_name_and_by_alias():
    problem = align(
        screen("TP53", "SEPT9", "Invented1", "CENATAC"),
        embedding("CCDC84", "Invented1", "Unused", "SEPTIN9", "TP53"),
    )
    # Names stay as the screen spells them, in its order.
    assert problem.screen.perturbations.tolist() == ["TP53", "SEPT9", "Invented1", "CENATAC"]
    np.testing.assert_array_equal(problem.vectors["text"][:, 0], [4, 3, 1, 0])
    np.testing.assert_array_equal(problem.screen.response[:, 0], [1, 2, 3, 4])
    assert problem.left_out == {}


def test_what_is_left_out_is_named_with_its_reason():
    problem = align(
        screen("TP53", "QARS", "CENATAC", "Unheard", "SEPT9", "P53"),
        embedding("TP53", "SEPTIN9", "CENATAC", "QARS1"),
        embedding("TP53", "SEPTIN9", name="sequence"),
    )
    assert problem.screen.perturbations.tolist() == ["TP53", "SEPT9"]
    np.testing.assert_array_equal(problem.screen.response[:, 0], [1, 5])
    np.testing.assert_array_equal(problem.vectors["sequence"][:, 0], [100, 101])
    assert problem.left_out == {
        "QARS": "QARS could be EPRS1 or QARS1",
        "CENATAC": "CENATAC has no sequence embedding",
        "Unheard": ("Unheard is not a known gene symbol, alias, Ensembl id or UniProt accession"),
        "P53": "P53 names the same gene as TP53",
    }


@pytest.mark.parametrize(
    "known",
    [
        ("SEPTIN9", "TP53"),
        ("SEPT9", "TP53"),
        # Rows of its own for each name, as embeddings of mixed age have.
        ("SEPT9", "MSF", "SEPTIN9", "TP53"),
    ],
)
def test_two_names_of_one_gene_are_never_split(known):
    problem = align(screen("TP53", "MSF", "SEPT9", "SEPTIN9"), embedding(*known))
    assert problem.screen.perturbations.tolist() == ["TP53", "MSF"]
    assert problem.left_out == {
        name: f"{name} names the same gene as MSF" for name in ("SEPT9", "SEPTIN9")
    }


def test_a_vector_under_the_current_symbol_wins_over_one_under_an_alias():
    for genes in (("SEPT9", "SEPTIN9", "TP53"), ("SEPTIN9", "SEPT9", "TP53")):
        problem = align(screen("MSF", "TP53"), embedding(*genes))
        assert problem.vectors["text"][0, 0] == genes.index("SEPTIN9")


def test_too_little_in_common_is_said_with_an_example():
    with pytest.raises(InputError, match=r"share 0 gene\(s\) of 2.*Unheard is not a known"):
        align(screen("Unheard", "TP53"), embedding("CENATAC", "SEPTIN9"))
    with pytest.raises(InputError, match=r"share 1 gene\(s\) of 2.*TP53 has no text embedding"):
        align(screen("TP53", "SEPT9"), embedding("SEPTIN9"))
    with pytest.raises(InputError, match="single perturbation"):
        align(screen("TP53"), embedding("TP53"))


def test_embeddings_need_names_of_their_own():
    with pytest.raises(InputError, match="found: none"):
        align(screen("TP53", "SEPT9"))
    with pytest.raises(InputError, match=r"different names, found: .*text"):
        align(screen("TP53", "SEPT9"), embedding("TP53"), embedding("TP53"))


def test_a_screen_that_is_covered_stays_as_it_is():
    measured = screen("TP53", "SEPT9")
    assert align(measured, embedding("TP53", "SEPTIN9")).screen is measured


names = st.lists(
    st.sampled_from([f"Gene{i}" for i in range(12)]), min_size=1, max_size=12, unique=True
)


@settings(deadline=None)
@given(names, names, names)
def test_rows_are_those_of_a_plain_look_up(measured, first, second):
    shared = [name for name in measured if name in first and name in second]
    parts = screen(*measured), embedding(*first), embedding(*second, name="sequence")
    if len(shared) < 2:
        with pytest.raises(InputError, match=f"share {len(shared)} gene"):
            align(*parts)
        return
    problem = align(*parts)
    assert problem.screen.perturbations.tolist() == shared
    assert set(problem.left_out) == set(measured) - set(shared)
    assert problem.embedding_name == "text+sequence"
    for name, source in (("text", parts[1]), ("sequence", parts[2])):
        np.testing.assert_array_equal(problem.vectors[name], source.rows(shared))
    np.testing.assert_array_equal(
        problem.screen.response, parts[0].select(perturbations=shared).response
    )


@pytest.fixture
def both() -> Problem:
    return align(
        screen("TP53", "SEPT9", "CENATAC", "Invented1"),
        embedding("SEPTIN9", "TP53", "CENATAC", "QARS1"),
        embedding("CENATAC", "TP53", "SEPTIN9", name="sequence"),
    )


def test_some_sources_keep_the_same_perturbations(both):
    one = both.only("sequence")
    assert one.embedding_name == "sequence"
    assert one.screen is both.screen
    assert one.left_out == both.left_out
    np.testing.assert_array_equal(one.vectors["sequence"], both.vectors["sequence"])
    np.testing.assert_array_equal(one.find("MSF")["sequence"], [[102, 1]])
    assert list(one.find("MSF")) == ["sequence"]
    assert both.only("sequence", "text").embedding_name == "text+sequence"
    assert both.only("text", "text").embedding_name == "text"
    for chosen in (("other",), ("text", "other"), ()):
        with pytest.raises(InputError, match="among text, sequence, found"):
            both.only(*chosen)


def test_fingerprints_follow_vectors_sources_and_rows(both):
    again = align(both.screen, *both.embeddings)
    assert again.fingerprint == both.fingerprint
    others = [
        both.only("text"),
        both.only("sequence"),
        align(both.screen, *both.embeddings[::-1]),
        align(both.screen, both.embeddings[0], replace(both.embeddings[1], name="other")),
        align(
            both.screen,
            both.embeddings[0],
            replace(both.embeddings[1], vectors=both.embeddings[1].vectors + 1),
        ),
        align(both.screen.select(perturbations=["TP53", "SEPT9"]), *both.embeddings),
        align(both.screen.select(perturbations=both.screen.perturbations[::-1]), *both.embeddings),
    ]
    assert len({both.fingerprint, *(other.fingerprint for other in others)}) == 1 + len(others)
    # The responses are no part of it: screens have a fingerprint of their own.
    other = replace(both.screen, response=both.screen.response + 1)
    assert align(other, *both.embeddings).fingerprint == both.fingerprint


def test_any_gene_with_vectors_is_found_by_any_name(both):
    np.testing.assert_array_equal(both.find("P53")["text"], [[1, 1]])
    np.testing.assert_array_equal(both.find("P53")["sequence"], [[101, 1]])
    with pytest.raises(InputError, match=r"^QARS1 has no sequence embedding\.$"):
        both.find("QARS1")
    with pytest.raises(InputError, match=r"^QARS could be EPRS1 or QARS1\.$"):
        both.find("QARS")
    with pytest.raises(InputError, match=r"^Nothing is not a known"):
        both.find("Nothing")


def test_perturbations_are_found_by_any_name(both):
    assert both.perturbation("SEPTIN9") == "SEPT9"
    assert both.perturbations_of(["MSF", "P53", "QARS1", "Nothing"]) == ["TP53", "SEPT9"]
    assert both.perturbations_of([]) == []
    assert both.only("text").perturbation("QARS1") is None


def test_anything_simulated_marks_the_problem(both):
    assert not both.simulated
    marked = {"simulated": True}
    assert replace(both, screen=replace(both.screen, provenance=marked)).simulated
    first, second = both.embeddings
    assert replace(both, embeddings=(first, replace(second, provenance=marked))).simulated


def test_inputs_are_the_components_of_each_source_side_by_side():
    rng = np.random.default_rng(0)
    sources = {"text": rng.normal(size=(20, 9)) * 50 + 3, "sequence": rng.normal(size=(20, 4))}
    genes = [f"G{i}" for i in range(20)]
    embeddings = [Embedding(name, genes, vectors) for name, vectors in sources.items()]
    inputs, joined = align(screen(*genes), *embeddings).inputs(6)
    assert joined.parts == {"text": slice(0, 6), "sequence": slice(6, 10)}
    assert inputs.shape == (20, 10)
    for name, vectors in sources.items():
        part = inputs[:, joined.parts[name]]
        stored = vectors.astype(np.float32).astype(np.float64)
        expected = PCA(part.shape[1]).fit_transform(normalize(stored))
        # Signs are free; the unit makes the mean squared length 1.
        scale = np.sqrt((expected**2).sum(axis=1).mean())
        np.testing.assert_allclose(np.abs(part), np.abs(expected) / scale, atol=1e-6)
        assert (part**2).sum(axis=1).mean() == pytest.approx(1)
    # New genes go through the same projection, whatever the order of sources.
    new = {name: vectors[3:5] for name, vectors in reversed(sources.items())}
    np.testing.assert_allclose(joined.transform(new), inputs[3:5], atol=1e-4)


def test_a_source_without_information_is_named():
    same = Embedding("flat", ["TP53", "SEPT9"], np.ones((2, 3)))
    with pytest.raises(InputError, match=r"Embedding flat: .*all of the 2 given are equal"):
        align(screen("TP53", "SEPT9"), embedding("TP53", "SEPT9"), same).inputs()
    with pytest.raises(InputError, match="at least 1 principal component, found 0"):
        JoinedInput(0).fit({"text": np.eye(3)})
