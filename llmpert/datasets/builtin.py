"""The data set that comes with llmpert: simulated screens and embeddings."""

from llmpert.datasets.dataset import Dataset
from llmpert.datasets.parts import Parts
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from llmpert.genes.sets import GeneSets
from llmpert.io.paths import shipped
from llmpert.methods.gears.graph import predict_from_neighbours
from llmpert.methods.predictions import ExternalPredictions
from llmpert.simulation import gene_ontology, simulate

SIMULATED = "simulated"
"""Its name."""

TRAIN_SIZE = 1400
"""Perturbations that other methods are trained on, as in Märtens et al. 2024, Table 1."""


def simulated_dataset() -> Dataset:
    """Simulate the built-in pair of screens with its embeddings; gene sets are its modules.

    GEARS' predictions come along in `data/`: those made on these very screens, by the fingerprint
    under "screen" in what they are about. Others are left out: of an older recipe. The mean of the
    nearest in GEARS' graph is computed.
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
    parts = Parts(
        list(screens.values()),
        sources,
        [GeneSets.of_genes("modules", "simulated", simulation.modules)],
        external=external,
    )
    return Dataset.of_parts(SIMULATED, parts, fingerprint=SIMULATED)
