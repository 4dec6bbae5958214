"""A simulated pair of screens with embeddings, so that everything runs before any download.

The genes are invented. What is modelled is what the methods compared here live on:

- Genes belong to modules. Knockdowns of one module respond alike, and the embeddings place genes of
  one module near each other, with noise; each source sees the modules a little differently.
- All knockdowns of a line share a mean response, and knockdowns differ in strength.
- Every knockdown also has a response of its own, which no embedding foretells, and where its gene
  is measured it loses most of its own expression.
- A response is measured as a mean over cells, so its noise falls with their number.

With the default recipe the cross-validated scores of random perturbation, mean and Gaussian
processes on the first line come out near Märtens et al. 2024, Table 1 (K562).
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from llmpert.embeddings.embedding import Embedding
from llmpert.screens.screen import Screen

RECIPE_VERSION = 1
"""Raised whenever the same recipe and seed give other data, so that older results are not used."""

UNIT = "Δ log-normalised expression (simulated)"


@dataclass(frozen=True)
class LineRecipe:
    """What is particular to one cell line.

    Attributes
    ----------
    name:
        Of the line.
    mean_response:
        Strength of the response that all knockdowns share.
    module_response:
        Strength of the responses that knockdowns of one module share.
    own_response:
        Strength of each knockdown's own response.

    Strengths are root mean squares over genes for a knockdown of average strength, in units of the
    genes' spread in control.
    """

    name: str
    mean_response: float
    module_response: float
    own_response: float


@dataclass(frozen=True)
class SourceRecipe:
    """What is particular to one embedding.

    Attributes
    ----------
    name:
        Of the source.
    dimensions:
        Length of each vector.
    latent:
        First and last + 1 of the modules' coordinates that it sees.
    noise:
        Standard deviation of a gene's displacement from its module's centre, in each coordinate;
        centres are spread with standard deviation 1.
    """

    name: str
    dimensions: int
    latent: tuple[int, int]
    noise: float


@dataclass(frozen=True)
class Recipe:
    """Parameters of the simulation.

    Attributes
    ----------
    genes:
        Invented genes; all have embeddings.
    perturbations, measured:
        How many of them are knocked down, and how many are measured; drawn independently, so that
        some are both.
    modules, latent:
        Number of modules, and of coordinates of the space that their centres lie in.
    programme:
        Share of measured genes that a module's response touches; a knockdown's own response touches
        a tenth of it.
    strength_spread:
        Standard deviation of the logarithm of the knockdowns' strength.
    shared:
        Share of the variance of all responses that the lines have in common.
    knockdown:
        Share of its own expression that a knocked-down gene loses.
    cells, cells_spread, cells_minimum:
        Cells behind a perturbation: median, standard deviation of the logarithm, least.
    controls:
        Control cells of each line.
    depth:
        Median over measured genes of the mean count in a control cell.
    lines, sources:
        The cell lines and the embeddings.
    """

    genes: int = 5000
    perturbations: int = 1774
    measured: int = 2000
    modules: int = 60
    latent: int = 24
    programme: float = 0.1
    strength_spread: float = 0.8
    shared: float = 0.5
    knockdown: float = 0.8
    cells: int = 95
    cells_spread: float = 0.5
    cells_minimum: int = 25
    controls: int = 500
    depth: float = 1.0
    lines: tuple[LineRecipe, ...] = (
        LineRecipe("Sim-K562-like", 0.035, 0.05, 0.06),
        LineRecipe("Sim-RPE1-like", 0.08, 0.05, 0.06),
    )
    sources: tuple[SourceRecipe, ...] = (
        SourceRecipe("text", 1536, (0, 18), 1.0),
        SourceRecipe("sequence", 1024, (6, 24), 1.0),
    )


@dataclass(frozen=True, eq=False)
class Simulation:
    """What `simulate` makes.

    Attributes
    ----------
    screens:
        Cell line -> screen; all have the same perturbations and measured genes.
    embeddings:
        Source -> embedding of all genes, perturbed or not.
    controls:
        Cell line -> float32, control cells x measured genes: log-normalised expression, at least 0.
        The screen's `control_mean` and `spread` are taken from it.
    modules:
        Gene -> its module, for all genes.
    strength:
        float64, one a perturbation: how strongly its knockdown acts, 1 on average.
    recipe, seed:
        What it was made from.
    """

    screens: Mapping[str, Screen]
    embeddings: Mapping[str, Embedding]
    controls: Mapping[str, np.ndarray]
    modules: Mapping[str, str]
    strength: np.ndarray
    recipe: Recipe
    seed: int


def simulate(seed: int = 0, recipe: Recipe = Recipe()) -> Simulation:
    """Simulate screens and embeddings; the same seed and recipe always give the same.

    Takes about a second. Every part draws from a random stream of its own.
    """
    rng = _stream(seed, "genes")
    genes = np.array([f"FICT{number:04d}" for number in range(1, recipe.genes + 1)], dtype=object)
    module = rng.choice(recipe.modules, recipe.genes, p=rng.dirichlet(np.full(recipe.modules, 2.0)))
    perturbed = np.sort(rng.choice(recipe.genes, recipe.perturbations, replace=False))
    measured = np.sort(rng.choice(recipe.genes, recipe.measured, replace=False))
    strength = rng.lognormal(0, recipe.strength_spread, recipe.perturbations)
    strength /= strength.mean()

    common = _responses(_stream(seed, "common"), recipe, module[perturbed])
    screens, controls = {}, {}
    for line in recipe.lines:
        controls[line.name] = _control_cells(seed, line, recipe)
        mean, spread = controls[line.name].mean(axis=0), controls[line.name].std(axis=0)
        own = _responses(_stream(seed, "line", line.name), recipe, module[perturbed])
        weights = (line.mean_response, line.module_response, line.own_response)
        effect = sum(
            np.float32(weight) * (np.sqrt(recipe.shared) * c + np.sqrt(1 - recipe.shared) * o)
            for weight, c, o in zip(weights, common, own, strict=True)
        )
        effect = strength[:, None].astype(np.float32) * effect * spread
        rows, columns = np.nonzero(perturbed[:, None] == measured[None, :])
        effect[rows, columns] = -recipe.knockdown * mean[columns]
        rng = _stream(seed, "cells", line.name)
        cells = np.round(
            rng.lognormal(np.log(recipe.cells), recipe.cells_spread, recipe.perturbations)
        ).clip(recipe.cells_minimum)
        noise = rng.standard_normal(effect.shape, dtype=np.float32)
        response = effect + noise * spread / np.sqrt(cells, dtype=np.float32)[:, None]
        screens[line.name] = Screen(
            line=line.name,
            # No expression is below 0, so none falls by more than the control has.
            response=np.maximum(response, -mean),
            perturbations=genes[perturbed],
            genes=genes[measured],
            unit=UNIT,
            control_mean=mean,
            spread=spread,
            cells=cells,
            provenance=_provenance(seed, recipe, line.name, _SCREEN_STEPS),
        )
    return Simulation(
        screens=screens,
        embeddings={s.name: _embedding(seed, s, recipe, genes, module) for s in recipe.sources},
        controls=controls,
        modules={str(g): f"module {m + 1:02d}" for g, m in zip(genes, module, strict=True)},
        strength=strength,
        recipe=recipe,
        seed=seed,
    )


_SCREEN_STEPS = [
    "Control cells: negative binomial counts, divided by cell size, log1p.",
    "Response: strength x (mean response + module response + own response), in units of spread.",
    "A measured knocked-down gene loses most of its own expression.",
    "Measurement noise: normal, standard deviation spread / √cells.",
]
_EMBEDDING_STEPS = [
    "Coordinates of each gene: its module's centre plus normal noise.",
    "Mapped linearly to the embedding's dimensions, with a common offset and a little noise.",
]


def _stream(seed: int, *names: str) -> np.random.Generator:
    """A stream of random numbers for one part, so that no part's draws shift another's."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def _responses(
    rng: np.random.Generator, recipe: Recipe, module: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, module and own responses, each with mean square 1 over genes and knockdowns."""

    def sparse(rows: int, share: float) -> np.ndarray:
        shape = (rows, recipe.measured)
        touched = rng.random(shape, dtype=np.float32) < share
        return rng.standard_normal(shape, dtype=np.float32) * touched / np.float32(np.sqrt(share))

    mean = sparse(1, 1.0)
    modules = sparse(recipe.modules, recipe.programme)
    own = sparse(recipe.perturbations, recipe.programme / 10)
    return mean, modules[module], own


def _control_cells(seed: int, line: LineRecipe, recipe: Recipe) -> np.ndarray:
    """Log-normalised expression of control cells, cells x measured genes."""
    shared, rng = _stream(seed, "expression"), _stream(seed, "controls", line.name)
    level = shared.standard_normal(recipe.measured) + 0.5 * rng.standard_normal(recipe.measured)
    size = rng.lognormal(0, 0.3, (recipe.controls, 1))
    shape = (recipe.controls, recipe.measured)
    rate = recipe.depth * np.exp(level) * size * rng.gamma(3.0, 1 / 3.0, shape)
    return np.log1p(rng.poisson(rate) / size).astype(np.float32)


def _embedding(
    seed: int, source: SourceRecipe, recipe: Recipe, genes: np.ndarray, module: np.ndarray
) -> Embedding:
    centres = _stream(seed, "modules").standard_normal((recipe.modules, recipe.latent))
    rng = _stream(seed, "embedding", source.name)
    seen = centres[module, slice(*source.latent)]
    latent = (seen + source.noise * rng.standard_normal(seen.shape)).astype(np.float32)
    axes = rng.standard_normal((latent.shape[1], source.dimensions), dtype=np.float32)
    offset = 2 * rng.standard_normal(source.dimensions, dtype=np.float32)
    vectors = rng.standard_normal((recipe.genes, source.dimensions), dtype=np.float32)
    vectors += latent @ axes + offset
    return Embedding(
        name=source.name,
        genes=genes,
        vectors=vectors,
        provenance=_provenance(seed, recipe, source.name, _EMBEDDING_STEPS),
    )


def _provenance(seed: int, recipe: Recipe, part: str, steps: list[str]) -> dict[str, Any]:
    return {
        "source": f"simulated (llmpert recipe {RECIPE_VERSION}, seed {seed})",
        "licence": "none needed: invented data",
        "simulated": True,
        "steps": list(steps),
        "identity": [RECIPE_VERSION, seed, part, json.dumps(asdict(recipe), sort_keys=True)],
    }
