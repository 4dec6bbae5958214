"""The data set that comes with llmpert: simulated screens and embeddings."""

from llmpert.datasets.dataset import Dataset
from llmpert.datasets.parts import Parts
from llmpert.genes.sets import GeneSets
from llmpert.io.paths import shipped
from llmpert.methods.predictions import ExternalPredictions
from llmpert.simulation import simulate

SIMULATED = "simulated"
"""Its name."""


def simulated_dataset() -> Dataset:
    """Simulate the built-in pair of screens with its embeddings; gene sets are its modules.

    Predictions of other methods come along in `data/`: those made on these very screens, by the
    fingerprint under "screen" in what they are about. Others are left out: of an older recipe.
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
    parts = Parts(
        list(screens.values()),
        list(simulation.embeddings.values()),
        [GeneSets.of_genes("modules", "simulated", simulation.modules)],
        external=external,
    )
    return Dataset.of_parts(SIMULATED, parts, fingerprint=SIMULATED)
