"""Drawing screens and embeddings from a recipe and a seed."""

import json
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from llmpert.embeddings.embedding import Embedding
from llmpert.screens.screen import Screen
from llmpert.simulation.recipe import BUILT_IN, RECIPE_VERSION, LineRecipe, Recipe, SourceRecipe

UNIT = "Δ log-normalised expression (simulated)"
INVENTED = "FICT"
"""How symbols of simulated genes begin; no real one does."""

SCREEN_STEPS = (
    "Control cells: negative binomial counts, divided by cell size to 10,000 counts, log1p.",
    "Response: strength x (mean response + module response + own response), in units of the gene's"
    " spread in control.",
    "A measured knocked-down gene loses most of its own expression.",
    "Mean over cells: gamma, standard deviation spread / √cells.",
)
EMBEDDING_STEPS = (
    "Coordinates of each gene: its module's centre plus normal noise.",
    "Mapped linearly to the embedding's dimensions, plus a common offset and normal noise.",
)


@dataclass(frozen=True, eq=False)
class Simulation:
    """What `simulate` makes.

    Attributes:
        screens: Cell line -> screen; all have the same perturbations and measured genes.
        embeddings: Source -> embedding of all genes, perturbed or not.
        controls: Cell line -> float32, control cells x measured genes: log-normalised expression,
            at least 0. The screen's `control_mean` and `control_sd` are taken from it.
        modules: Gene -> its module, for all genes.
        strength: float32, one a perturbation: how strongly its knockdown acts in every line, 1 on
            average.
        recipe, seed: Of the simulation.
    """

    screens: Mapping[str, Screen]
    embeddings: Mapping[str, Embedding]
    controls: Mapping[str, np.ndarray]
    modules: Mapping[str, str]
    strength: np.ndarray
    recipe: Recipe
    seed: int


def simulate(seed: int = 0, recipe: Recipe = BUILT_IN) -> Simulation:
    """Simulate screens and embeddings; the same seed and recipe always give the same.

    Takes about a second.
    """
    rng = stream(seed, "genes")
    genes = np.array(
        [f"{INVENTED}{number:04d}" for number in range(1, recipe.genes + 1)], dtype=object
    )
    module = rng.choice(recipe.modules, recipe.genes, p=rng.dirichlet(np.full(recipe.modules, 2.0)))
    perturbed = np.sort(rng.choice(recipe.genes, recipe.perturbations, replace=False))
    measured = np.sort(rng.choice(recipe.genes, recipe.measured, replace=False))
    strength = rng.lognormal(0, recipe.strength_spread, recipe.perturbations)
    strength = (strength / strength.mean()).astype(np.float32)

    common = _responses(stream(seed, "common"), recipe, module[perturbed])

    def screen_of(line: LineRecipe) -> tuple[Screen, np.ndarray]:
        control = _control_cells(seed, line, recipe)
        mean, sd = control.mean(axis=0), control.std(axis=0)
        particular = _responses(stream(seed, "line", line.name), recipe, module[perturbed])
        weights = (line.mean_response, line.module_response, line.own_response)
        response = np.zeros((recipe.perturbations, recipe.measured), dtype=np.float32)
        for weight, in_all, in_this in zip(weights, common, particular, strict=True):
            response += np.float32(weight * np.sqrt(recipe.shared)) * in_all
            response += np.float32(weight * np.sqrt(1 - recipe.shared)) * in_this
        response *= strength[:, None] * sd
        rows, columns = np.nonzero(perturbed[:, None] == measured[None, :])
        response[rows, columns] = -np.float32(recipe.knockdown) * mean[columns]

        rng = stream(seed, "cells", line.name)
        cells = rng.lognormal(np.log(recipe.cells), recipe.cells_spread, recipe.perturbations)
        cells = np.maximum(cells.round(), recipe.cells_minimum).astype(np.float32)
        screen = Screen(
            line=line.name,
            response=_mean_over_cells(rng, mean + response, sd, cells) - mean,
            perturbations=genes[perturbed],
            genes=genes[measured],
            unit=UNIT,
            control_mean=mean,
            control_sd=sd,
            cells=cells,
            provenance=provenance(seed, recipe, line.name, SCREEN_STEPS),
        )
        return screen, control

    # Every part draws from a stream of its own, so threads change nothing but the time.
    with ThreadPoolExecutor() as pool:
        embeddings = pool.map(
            lambda source: _embedding(seed, source, recipe, genes, module), recipe.sources
        )
        parts = list(pool.map(screen_of, recipe.lines))
    return Simulation(
        screens={screen.line: screen for screen, _ in parts},
        embeddings={embedding.name: embedding for embedding in embeddings},
        controls={screen.line: control for screen, control in parts},
        modules={str(g): f"module {m + 1:02d}" for g, m in zip(genes, module, strict=True)},
        strength=strength,
        recipe=recipe,
        seed=seed,
    )


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return a stream of random numbers for one part, so that no part's draws shift another's."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def _responses(
    rng: np.random.Generator, recipe: Recipe, module: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw mean, module and own responses: mean square 1, a row (or one for all) a knockdown."""

    def normal(rows: int, touched: float) -> np.ndarray:
        values = rng.standard_normal((rows, recipe.measured), dtype=np.float32)
        values *= rng.random(values.shape, dtype=np.float32) < touched
        return values / np.float32(np.sqrt(touched))

    mean = normal(1, 1.0)
    modules = normal(recipe.modules, recipe.programme)
    return mean, modules[module], normal(recipe.perturbations, recipe.own_programme)


def _control_cells(seed: int, line: LineRecipe, recipe: Recipe) -> np.ndarray:
    """Draw log-normalised expression of control cells, cells x measured genes."""
    level = stream(seed, "expression").uniform(-1.5, 1.5, recipe.measured)
    rng = stream(seed, "controls", line.name)
    level += 0.3 * rng.standard_normal(recipe.measured)
    size = rng.lognormal(0, 0.3, (recipe.controls, 1))
    # Poisson counts at gamma rates: negative binomial with dispersion 1/3.
    rate = recipe.depth * np.exp(level) * size * rng.gamma(3, 1 / 3, (recipe.controls, level.size))
    return np.log1p(rng.poisson(rate) / size * (10_000 / recipe.cell_counts)).astype(np.float32)


def _mean_over_cells(
    rng: np.random.Generator, expected: np.ndarray, sd: np.ndarray, cells: np.ndarray
) -> np.ndarray:
    """Draw measured mean expression: gamma with mean `expected` and sd `sd` / √`cells`.

    A mean over cells is never negative, and that of a rarely expressed gene over few cells is
    skewed. The gamma variate is a cubed normal one (Wilson & Hilferty 1931): unlike one drawn by
    rejection, it takes one random number whatever the rounding of its parameters.
    """
    # Expected values below zero, and genes that no control cell expresses, have a gamma of no use;
    # these floors bring their mean over cells to zero.
    expected = np.maximum(expected, 0)
    shape = np.maximum(cells[:, None] * (expected / np.maximum(sd, 1e-6)) ** 2, 1e-6)
    normal = rng.standard_normal(expected.shape, dtype=np.float32)
    return expected * np.maximum(1 - 1 / (9 * shape) + normal / (3 * np.sqrt(shape)), 0) ** 3


def _embedding(
    seed: int, source: SourceRecipe, recipe: Recipe, genes: np.ndarray, module: np.ndarray
) -> Embedding:
    """Draw all genes' vectors: noisy coordinates in modules' space, seen through random axes."""
    centres = stream(seed, "modules").standard_normal((recipe.modules, recipe.latent))
    rng = stream(seed, "embedding", source.name)
    latent = centres[module, slice(*source.latent)].astype(np.float32)
    latent += np.float32(source.noise) * rng.standard_normal(latent.shape, dtype=np.float32)
    axes = rng.standard_normal((latent.shape[1], source.dimensions), dtype=np.float32)
    # Language-model embeddings of all genes share one large direction.
    offset = 2 * rng.standard_normal(source.dimensions, dtype=np.float32)
    vectors = rng.standard_normal((recipe.genes, source.dimensions), dtype=np.float32)
    vectors += latent @ axes + offset
    return Embedding(
        name=source.name,
        genes=genes,
        vectors=vectors,
        provenance=provenance(seed, recipe, source.name, EMBEDDING_STEPS),
    )


def provenance(seed: int, recipe: Recipe, part: str, steps: Sequence[str]) -> dict[str, Any]:
    """Describe where a simulated part is from; its identity stands for its content."""
    return {
        "source": f"simulated (llmpert recipe {RECIPE_VERSION}, seed {seed})",
        "licence": "none needed: invented data",
        "simulated": True,
        "steps": list(steps),
        "identity": [RECIPE_VERSION, seed, part, json.dumps(asdict(recipe), sort_keys=True)],
    }
