"""A simulated gene ontology: terms that follow the modules, imperfectly.

GEARS learns which knockdowns are alike from terms that genes share. If each module were a term, it
would be told what the embeddings only hint at; so terms miss members, contain strangers, and stand
among others that mean nothing. The noise was chosen so that in the K562-like line the mean response
of the 20 training genes nearest in the ontology predicts about as well (Pearson 0.25 over all
genes, first fold) as that of the 20 nearest in the text embedding (0.26): neither way to know a
gene has the better start.
"""

from dataclasses import dataclass

import numpy as np

from llmpert.genes.sets import GeneSets
from llmpert.simulation.generate import Simulation, stream


@dataclass(frozen=True)
class OntologyRecipe:
    """Parameters of the simulated ontology.

    Attributes:
        terms: Terms about each module.
        membership: Probability that a gene of the module carries each of them.
        strangers: Genes of other modules in a term, for each of its members.
        unrelated, size: Number of terms that have nothing to do with modules, and of genes in each.
    """

    terms: int = 3
    membership: float = 0.5
    strangers: float = 1.0
    unrelated: int = 240
    size: int = 60


ONTOLOGY = OntologyRecipe()
"""The ontology of the built-in data set."""


def gene_ontology(simulation: Simulation, recipe: OntologyRecipe = ONTOLOGY) -> GeneSets:
    """Draw terms and their genes; the same simulation and recipe always give the same."""
    rng = stream(simulation.seed, "ontology")
    genes = np.array(list(simulation.modules), dtype=object)
    module = np.array(list(simulation.modules.values()), dtype=object)
    terms = []
    for name in np.unique(module):
        for _ in range(recipe.terms):
            members = np.flatnonzero(
                (module == name) & (rng.random(len(genes)) < recipe.membership)
            )
            count = min(round(recipe.strangers * len(members)), len(genes))
            terms.append(np.union1d(members, rng.choice(len(genes), count, replace=False)))
    size = min(recipe.size, len(genes))
    terms += [rng.choice(len(genes), size, replace=False) for _ in range(recipe.unrelated)]
    return GeneSets(
        "simulated ontology",
        "simulated",
        {
            f"SIM:{number:07d}": frozenset(genes[term])
            for number, term in enumerate(terms, start=1)
            if len(term)
        },
    )
