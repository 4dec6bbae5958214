"""The simulation's parameters; the defaults are the built-in data set."""

from dataclasses import dataclass

RECIPE_VERSION = 1
"""Raised whenever the same recipe and seed give other data, so that older results are not used."""


@dataclass(frozen=True)
class LineRecipe:
    """What is particular to one cell line.

    Attributes:
        mean_response, module_response, own_response: Strengths of the response that all knockdowns
            share, of those that knockdowns of one module share, and of each knockdown's own: root
            mean squares over genes for a knockdown of average strength, in units of the genes'
            standard deviation in control.
    """

    name: str
    mean_response: float
    module_response: float
    own_response: float


@dataclass(frozen=True)
class SourceRecipe:
    """What is particular to one embedding.

    Attributes:
        dimensions: Length of each vector.
        latent: First and last + 1 of the modules' coordinates that it sees.
        noise: Standard deviation of a gene's displacement from its module's centre, in each
            coordinate; centres are spread with standard deviation 1.
    """

    name: str
    dimensions: int
    latent: tuple[int, int]
    noise: float


@dataclass(frozen=True)
class Recipe:
    """Parameters of the simulation.

    Attributes:
        genes: Invented genes; all have embeddings.
        perturbations, measured: How many of them are knocked down, and how many are measured; drawn
            independently, so that some are both.
        modules, latent: Number of modules, and of coordinates of the space that their centres lie
            in.
        programme, own_programme: Shares of the measured genes that a module's response and a
            knockdown's own response touch.
        strength_spread: Standard deviation of the logarithm of the knockdowns' strength.
        shared: Share of the variance of all responses that the lines have in common.
        knockdown: Share of its own expression that a knocked-down gene loses.
        cells, cells_spread, cells_minimum: Cells behind a perturbation: median, standard deviation
            of the logarithm, least.
        controls: Control cells of each line.
        depth: Median over measured genes of the mean count in a control cell.
        cell_counts: Counts of a median cell in all; expression is normalised to 10,000.
        lines, sources: The cell lines and the embeddings.
    """

    genes: int = 5000
    perturbations: int = 1774
    measured: int = 2000
    modules: int = 60
    latent: int = 24
    programme: float = 0.11
    own_programme: float = 0.03
    strength_spread: float = 0.6
    shared: float = 0.5
    knockdown: float = 0.8
    cells: int = 95
    cells_spread: float = 0.5
    cells_minimum: int = 25
    controls: int = 500
    depth: float = 0.1
    cell_counts: int = 1300
    lines: tuple[LineRecipe, ...] = (
        LineRecipe("Sim-K562-like", 0.032, 0.034, 0.026),
        LineRecipe("Sim-RPE1-like", 0.075, 0.045, 0.03),
    )
    sources: tuple[SourceRecipe, ...] = (
        SourceRecipe("text", 1536, (0, 18), 1.2),
        SourceRecipe("sequence", 1024, (6, 24), 1.2),
    )


BUILT_IN = Recipe()
"""The recipe of the built-in data set."""
