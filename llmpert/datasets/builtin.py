"""Built-in data sets, and small example files made from the simulated one."""

import numpy as np
import pandas as pd

from llmpert.datasets.dataset import Dataset, Parts
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from llmpert.genes.sets import GeneSets
from llmpert.io.paths import shipped
from llmpert.methods.gears.run import predict_from_neighbours
from llmpert.methods.predictions import ExternalPredictions
from llmpert.simulation.generate import gene_ontology, simulate

RANKS = "replogle-2022-ranks"
"""Trained models of real screens (`data/build_trained_models.py`), which is what opens first."""

SIMULATED = "simulated"

BUILT_IN_DATA = {
    RANKS: "Replogle 2022, up-regulation ranks: trained model",
    SIMULATED: "Demo, simulated",
}
"""Names of the data sets that come with llmpert, and what they are called in words."""

TRAIN_SIZE = 1400
"""Perturbations that other methods are trained on, as in Märtens et al. 2024, Table 1."""


def simulated_dataset() -> Dataset:
    """Simulate the built-in pair of screens with its embeddings; gene sets are its modules.

    Predictions in `data/` (`data/build_gears_results.py`) come along if they were made on these
    very screens, by the fingerprint under "screen" in what they are about. The mean of the nearest
    in GEARS' graph is computed.
    """
    simulation = simulate()
    screens = simulation.screens
    files = sorted(shipped().glob("simulated_external_*.h5ad"))
    external = [
        predictions
        for predictions in map(ExternalPredictions.read, files)
        if predictions.line in screens
        and predictions.about.get("screen") == screens[predictions.line].fingerprint
    ]
    terms, sources = gene_ontology(simulation), list(simulation.embeddings.values())
    for screen in screens.values():
        experiment = Experiment(Problem.align(screen, sources))
        known = terms.within(screen.perturbations)
        external.append(predict_from_neighbours(experiment, known, TRAIN_SIZE))
    modules = GeneSets.of_genes("modules", "simulated", simulation.modules)
    parts = Parts(list(screens.values()), sources, [modules], external=external)
    return Dataset.of_parts(SIMULATED, parts, fingerprint=SIMULATED)


EXAMPLE_FILES = ("Simulated_screen.csv", "Simulated_embedding.csv", "Simulated_modules.gmt")


def example_files(simulated: Dataset) -> dict[str, bytes]:
    """Cut the built-in data set to small files that show the formats: file name -> content.

    A screen and an embedding as CSV, gene sets as GMT.
    """
    screen = next(iter(simulated.screens.values()))
    embedding = next(iter(simulated.embeddings.values()))
    strongest = np.sort(np.argsort(-np.linalg.norm(screen.response, axis=1))[:120])
    variable = np.sort(np.argsort(-screen.response.var(axis=0))[:60])
    perturbed = screen.perturbations[strongest]
    table = pd.DataFrame(
        screen.response[np.ix_(strongest, variable)].round(3),
        index=pd.Index(perturbed, name="perturbation"),
        columns=screen.genes[variable],
    )
    genes = list(dict.fromkeys([*perturbed, *embedding.genes]))[:200]
    vectors = pd.DataFrame(
        embedding.rows(genes).round(4),
        index=pd.Index(genes, name="gene"),
        columns=[f"dimension {number}" for number in range(1, embedding.dimensions + 1)],
    )
    sets = simulated.gene_sets.members if simulated.gene_sets else {}
    lines = ["\t".join([name, "", *sorted(members)]) for name, members in sets.items()]
    modules = "".join(f"{line}\n" for line in lines)
    contents = (table.to_csv(), vectors.to_csv(), modules)
    return {name: text.encode() for name, text in zip(EXAMPLE_FILES, contents, strict=True)}
