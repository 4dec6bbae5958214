"""The import report: what was read, what meets, and what is left out."""

from dataclasses import replace

import pytest

from llmpert.datasets import DatasetStore, Parts
from llmpert.datasets.report import coverage, report
from llmpert.errors import InputError
from tests.support import small


def test_coverage_says_who_has_no_vector_and_why():
    text, sequence = small.embedding("text"), small.embedding("sequence", genes=35, seed=2)
    found = coverage([small.screen()], [text, sequence])
    assert [(c.embedding, c.found, c.total) for c in found] == [
        ("text", 40, 40), ("sequence", 35, 40), ("text+sequence", 35, 40),
    ]  # fmt: skip
    assert "KD036" in found[1].left_out


def test_what_shares_nothing_is_refused_in_words():
    strange = small.embedding("text")
    strange = type(strange)("text", [f"X{i}" for i in range(45)], strange.vectors)
    (found,) = coverage([small.screen()], [strange])
    assert (found.found, found.total) == (0, 40)
    assert "at least 2 are needed" in found.refusal


@pytest.mark.parametrize("count", [4, 5])
def test_too_few_to_test_models_on_are_refused(count):
    (found,) = coverage([small.screen(perturbations=count)], [small.embedding()])
    assert found.found == count
    assert bool(found.refusal) == (count < 5)


@pytest.mark.parametrize(
    ("screens", "embeddings", "words"),
    [
        (["A"], ["text", "text"], "embeddings with different names"),
        (["A", "A"], ["text"], "different cell lines"),
    ],
)
def test_two_of_one_name_are_refused(screens, embeddings, words):
    with pytest.raises(InputError, match=words):
        coverage([small.screen(s) for s in screens], [small.embedding(e) for e in embeddings])


def named(line: str, *names: str):
    screen = small.screen(line, perturbations=len(names) + 20)
    others = list(screen.perturbations[:20])
    return replace(screen, perturbations=[*others, *names])


def test_lines_that_spell_a_gene_differently_meet_and_what_does_not_is_named():
    symbols = named("K562", "SEPT9", "TP53", "GATA1", "MYC")
    others = named("RPE1", "ENSG00000141510", "SEPTIN9", "KRAS", "ENSG00000000000")
    embedding = small.embedding(genes=22)
    embedding = replace(embedding, genes=[*embedding.genes[:20], "SEPT9", "TP53"])
    added = Parts([symbols, others], [embedding])
    data = small.add("mine", added.screens, added.embeddings)
    assert data.embedding_choices == ["text"]
    for line in ("K562", "RPE1"):
        problem = DatasetStore().load("mine").problem(line, "text")
        assert list(problem.screen.perturbations[-2:]) == ["SEPTIN9", "TP53"]
    lines = report(data, added)
    assert "K562, RPE1 have 22 perturbations in common" in lines
    assert "  2 of K562 are not in all: GATA1, MYC" in lines
    assert "  2 of RPE1 are not in all: KRAS, ENSG00000000000" in lines
    assert "22 of 22 perturbations have a vector in text" in lines
