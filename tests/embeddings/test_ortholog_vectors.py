"""Embeddings of human genes for mouse genes."""

from dataclasses import replace

import numpy as np
import pytest

from llmpert.embeddings import Embedding, lacks_mouse, through_orthologs
from llmpert.errors import InputError
from llmpert.evaluation.problem import Problem
from llmpert.genes.orthologs import Orthologs
from tests.support import small

HUMAN = Embedding(
    "text", np.array(["TP53", "GARS", "MYC"]), np.eye(3), {"identity": "x", "notes": ["Old."]}
)
ORTHOLOGS = Orthologs(
    "o.csv", {"Gars1": "GARS1", "Trp53": "TP53", "Xkr4": "XKR4"}, ("Hba-a1", "Hba-a2")
)


def test_mouse_genes_have_the_vectors_of_their_orthologs():
    found = through_orthologs(HUMAN, ORTHOLOGS)
    assert list(found.genes) == ["Gars1", "Trp53"]
    np.testing.assert_array_equal(found.vectors, np.eye(3)[[1, 0]])
    assert found.provenance["notes"] == [
        "Old.",
        "2 mouse genes have the vectors of human orthologs (o.csv). 1 orthologs have none. 2 mouse"
        " genes are left out, as they have or share several orthologs: Hba-a1, Hba-a2.",
    ]
    assert found.fingerprint != HUMAN.fingerprint
    with pytest.raises(InputError, match=r"o.csv: expected human genes that text has \(TP53"):
        through_orthologs(HUMAN, Orthologs("o.csv", {"Xkr4": "XKR4"}))


def test_a_screen_of_mouse_genes_does_not_meet_human_ones_by_their_letters():
    measured = small.screen(perturbations=3)
    mouse = replace(measured, perturbations=np.array(["Trp53", "Myc", "Gars1"], dtype=object))
    with pytest.raises(InputError, match=r"look like mouse symbols \(Trp53, Myc, Gars1\)"):
        Problem.align(mouse, [HUMAN])
    own = through_orthologs(HUMAN, ORTHOLOGS)
    assert lacks_mouse(HUMAN, mouse.perturbations)
    assert not lacks_mouse(own, mouse.perturbations)
    problem = Problem.align(mouse, [own])
    assert list(problem.screen.perturbations) == ["Trp53", "Gars1"]
    assert problem.perturbation("TP53") == "Trp53"
    # Human genes in capitals, and a gene table of one's own, are nobody's mistake.
    human = replace(measured, perturbations=np.array(["TP53", "MYC", "GARS1"], dtype=object))
    assert len(Problem.align(human, [HUMAN]).screen.perturbations) == 3
    table = small.gene_table({"Trp53": "TP53", "Myc": "MYC", "Gars1": "GARS"})
    assert len(Problem.align(mouse, [HUMAN], table).screen.perturbations) == 3
