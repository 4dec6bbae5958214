"""What is known of knockdowns from other cells, as a source for models of a line."""

from dataclasses import dataclass, field

import numpy as np

from llmpert.embeddings.embedding import Embedding
from llmpert.screens.files import COVARIANCE
from llmpert.screens.screen import Screen

MEASURED_IN, PREDICTED_IN = "measured in ", "predicted in "
"""How the names of these sources begin: of responses, and of what a line's model predicts."""


@dataclass(frozen=True, eq=False)
class Elsewhere(Embedding):
    """What knockdowns did in another line: their responses in place of vectors.

    Knockdowns are alike as far as they did the same there; the lines need not share a measured
    gene. Unlike an embedding it knows nothing of genes that were knocked down in neither.

    Attributes:
        line: The other line.
        measured: Names of its measured genes, one a dimension.
    """

    line: str = ""
    measured: np.ndarray = field(default_factory=lambda: np.array([], dtype=object))

    @classmethod
    def of(cls, screen: Screen) -> "Elsewhere":
        """Return the responses of a line's screen as a source that is named after it."""
        provenance = {
            "source": screen.provenance.get("source", ""), "simulated": screen.simulated,
        }  # fmt: skip
        return cls(
            f"{MEASURED_IN}{screen.line}", screen.perturbations, screen.response, provenance,
            screen.line, screen.genes,
        )  # fmt: skip

    @classmethod
    def control_cells(cls, screen: Screen) -> "Elsewhere | None":
        """Return how a line's perturbed genes vary with all over its control cells, if known."""
        layer = screen.layers.get(COVARIANCE)
        if layer is None:
            return None
        name, provenance = f"control cells of {screen.line}", {"simulated": screen.simulated}
        return cls(name, screen.perturbations, layer, provenance, name, screen.genes)

    def lacking(self, gene: str) -> str:
        """Return why a gene has no vector here."""
        return f"{gene} was not knocked down in {self.line}"

    def _content(self) -> tuple[object, ...]:
        return *super()._content(), self.measured
