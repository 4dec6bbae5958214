"""Small files that show the formats, made from the simulated screen."""

import numpy as np
import pandas as pd

from llmpert.datasets.dataset import Dataset

PERTURBATIONS, MEASURED, EMBEDDED = 120, 60, 200


def example_files(simulated: Dataset) -> dict[str, bytes]:
    """File name -> content: a screen and an embedding as CSV, gene sets as GMT.

    Args:
        simulated: The built-in data set.
    """
    screen = next(iter(simulated.screens.values()))
    embedding = next(iter(simulated.embeddings.values()))
    strength = np.linalg.norm(screen.response, axis=1)
    perturbed = np.sort(np.argsort(-strength)[:PERTURBATIONS])
    variable = np.sort(np.argsort(-screen.response.var(axis=0))[:MEASURED])
    table = pd.DataFrame(
        screen.response[np.ix_(perturbed, variable)].round(3),
        index=pd.Index(screen.perturbations[perturbed], name="perturbation"),
        columns=screen.genes[variable],
    )
    known = dict.fromkeys([*screen.perturbations[perturbed], *embedding.genes])
    genes = list(known)[:EMBEDDED]
    vectors = pd.DataFrame(
        embedding.rows(genes).round(4),
        index=pd.Index(genes, name="gene"),
        columns=[f"dimension {number}" for number in range(1, embedding.dimensions + 1)],
    )
    sets = simulated.gene_sets.members if simulated.gene_sets else {}
    lines = ["\t".join([name, "", *sorted(members)]) for name, members in sets.items()]
    return {
        "Simulated_screen.csv": table.to_csv().encode(),
        "Simulated_embedding.csv": vectors.to_csv().encode(),
        "Simulated_modules.gmt": "".join(f"{line}\n" for line in lines).encode(),
    }
