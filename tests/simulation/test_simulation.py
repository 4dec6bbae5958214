from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.simulation import alike, half, variation
from llmpert.genes import GeneTable
from llmpert.screens import Screen
from llmpert.simulation.generate import LineRecipe, Recipe, SourceRecipe, simulate

SMALL = Recipe(genes=300, perturbations=120, measured=80, modules=6, controls=100)
K562, RPE1 = "Sim-K562-like", "Sim-RPE1-like"


@pytest.fixture(scope="module")
def built_in(built_in_simulation):
    return built_in_simulation


def arrays(simulation):
    for name, screen in simulation.screens.items():
        yield from (screen.response, screen.control_sd, screen.cells, simulation.controls[name])
    yield from (embedding.vectors for embedding in simulation.embeddings.values())


def fingerprints(simulation):
    parts = (*simulation.screens.values(), *simulation.embeddings.values())
    return [part.fingerprint for part in parts]


def test_same_seed_same_data():
    one, two = simulate(3, SMALL), simulate(3, SMALL)
    for a, b in zip(arrays(one), arrays(two), strict=True):
        np.testing.assert_array_equal(a, b)
    assert fingerprints(one) == fingerprints(two)
    assert (one.modules, one.complexes) == (two.modules, two.complexes)


def test_another_seed_gives_other_data():
    one, two = simulate(3, SMALL), simulate(4, SMALL)
    for a, b in zip(arrays(one), arrays(two), strict=True):
        assert not np.array_equal(a, b)
    assert set(fingerprints(one)).isdisjoint(fingerprints(two))


def test_another_recipe_has_other_fingerprints_and_each_part_its_own():
    one, two = simulate(3, SMALL), simulate(3, replace(SMALL, knockdown=0.7))
    assert len({*fingerprints(one), *fingerprints(two)}) == 8


def test_what_belongs_to_one_line_does_not_change_the_other():
    first, second = SMALL.lines
    one = simulate(3, SMALL)
    two = simulate(3, replace(SMALL, lines=(first, replace(second, mean_response=0.5))))
    np.testing.assert_array_equal(one.screens[K562].response, two.screens[K562].response)
    assert not np.array_equal(one.screens[RPE1].response, two.screens[RPE1].response)


def test_fingerprint_survives_a_file(tmp_path):
    screen = simulate(3, SMALL).screens[K562]
    screen.save(tmp_path / "screen.h5ad")
    assert Screen.load(tmp_path / "screen.h5ad").fingerprint == screen.fingerprint


def test_shapes_and_names(built_in):
    assert list(built_in.screens) == [K562, RPE1]
    one, two = built_in.screens.values()
    assert one.response.shape == two.response.shape == (1774, 2000)
    np.testing.assert_array_equal(one.perturbations, two.perturbations)
    np.testing.assert_array_equal(one.genes, two.genes)
    assert {n: e.dimensions for n, e in built_in.embeddings.items()} == {
        "text": 1536, "sequence": 1024,
    }  # fmt: skip
    assert built_in.strength.shape == (1774,)
    assert built_in.strength.mean() == pytest.approx(1, abs=1e-4)
    # Some genes are both knocked down and measured, most are one of the two, some neither.
    both = set(one.perturbations) & set(one.genes)
    assert 300 < len(both) < 1500
    either = set(one.perturbations) | set(one.genes)
    for embedding in built_in.embeddings.values():
        assert either < set(embedding.genes) == set(built_in.modules)


def test_says_that_it_is_simulated(built_in):
    for part in (*built_in.screens.values(), *built_in.embeddings.values()):
        assert part.simulated
        assert part.provenance["source"].startswith("simulated (llmpert recipe")
        assert part.provenance["steps"]
    assert all("simulated" in screen.unit for screen in built_in.screens.values())


def test_no_symbol_is_a_human_name(built_in):
    table = GeneTable.shipped()
    known = [name for name in built_in.modules if table.resolve(name).how is not None]
    assert known == []


def test_controls_are_expression_and_their_moments_are_the_screens(built_in):
    for line, screen in built_in.screens.items():
        cells = built_in.controls[line]
        assert cells.shape == (500, 2000)
        assert cells.dtype == np.float32
        assert cells.min() == 0
        np.testing.assert_allclose(screen.control_mean, cells.mean(axis=0), rtol=1e-4)
        np.testing.assert_allclose(screen.control_sd, cells.std(axis=0), rtol=1e-4)
        assert (screen.control_sd > 0).all()


def test_no_expression_falls_below_zero(built_in):
    for screen in built_in.screens.values():
        assert (screen.response >= -screen.control_mean - 1e-6).all()


def test_cells_per_perturbation(built_in):
    for screen in built_in.screens.values():
        assert screen.cells.min() >= 25
        assert 200 < np.median(screen.cells) < 240
        np.testing.assert_array_equal(screen.cells, screen.cells.round())


def test_knocked_down_genes_lose_their_own_expression(built_in):
    screen = built_in.screens[K562]
    columns = {gene: column for column, gene in enumerate(screen.genes)}
    own = [(row, columns[p]) for row, p in enumerate(screen.perturbations) if p in columns]
    rows, columns = np.transpose(own)
    lost = -screen.response[rows, columns].sum() / screen.control_mean[columns].sum()
    assert lost == pytest.approx(0.8, abs=0.02)


def test_noise_is_spread_over_root_cells():
    # Without any response, all that is left is the error of means over cells.
    silent = Recipe(knockdown=0.0, lines=(LineRecipe("silent", 0.0, 0.0),))
    screen = simulate(5, silent).screens["silent"]
    z = screen.response / screen.control_sd * np.sqrt(screen.cells)[:, None]
    assert z.mean() == pytest.approx(0, abs=0.01)
    assert z.std() == pytest.approx(1, abs=0.02)
    few, many = np.quantile(screen.cells, [0.25, 0.75])
    assert z[screen.cells < few].std() == pytest.approx(z[screen.cells > many].std(), rel=0.03)
    # So the noise itself is larger where cells are few.
    ratio = screen.response[screen.cells < few].std() / screen.response[screen.cells > many].std()
    assert ratio > 1.5


def test_means_over_cells_are_gamma():
    silent = Recipe(
        perturbations=2500, measured=50, knockdown=0.0, cells=60, cells_spread=0.0,
        lines=(LineRecipe("silent", 0.0, 0.0),),
    )  # fmt: skip
    screen = simulate(5, silent).screens["silent"]
    shape = 60 * (screen.control_mean / screen.control_sd) ** 2
    for gene in np.argsort(shape)[[0, 25, 49]]:
        gamma = stats.gamma(shape[gene], scale=screen.control_mean[gene] / shape[gene])
        measured = screen.response[:, gene] + screen.control_mean[gene]
        assert stats.kstest(measured, gamma.cdf).pvalue > 1e-3


def test_genes_that_no_control_cell_expresses_are_harmless():
    simulation = simulate(0, replace(SMALL, depth=0.003))
    screen = simulation.screens[K562]
    unseen = screen.control_mean == 0
    assert 0 < unseen.sum() < len(unseen)
    assert (screen.response[:, unseen] == 0).all()


@pytest.fixture(scope="module")
def departures(built_in):
    """Line -> correlations between all knockdowns' departures from the mean response."""
    return {
        line: np.corrcoef(screen.response - screen.response.mean(axis=0))
        for line, screen in built_in.screens.items()
    }


def group_of(names, members):
    """Whether two of these names are in one group; none is with itself, or without a group."""
    group = np.array([members.get(name, name) for name in names])
    return (group[:, None] == group[None, :]) & ~np.eye(len(group), dtype=bool)


def test_lines_share_part_of_their_responses(built_in, departures):
    one, two = (s.response / s.control_sd for s in built_in.screens.values())
    mean = np.corrcoef(one.mean(axis=0), two.mean(axis=0))[0, 1]
    assert 0.3 < mean < 0.7  # half of the variance is shared
    one, two = one - one.mean(axis=0), two - two.mean(axis=0)
    assert 0.2 < np.corrcoef(one.ravel(), two.ravel())[0, 1] < 0.5  # and noise is not
    # Who is like whom is much the same in both.
    pairs = np.triu_indices(len(one), 1)
    assert np.corrcoef(*(like[pairs] for like in departures.values()))[0, 1] > 0.5


@pytest.mark.parametrize("line", [K562, RPE1])
def test_complexes_are_tight_and_modules_loose(built_in, departures, line):
    names = built_in.screens[line].perturbations
    in_complex = group_of(names, built_in.complexes)
    in_module = group_of(names, built_in.modules) & ~in_complex
    like = departures[line]
    assert like[in_complex].mean() > 0.4
    assert 0.1 < like[in_module].mean() < 0.5 * like[in_complex].mean()
    others = ~group_of(names, built_in.modules) & ~np.eye(len(names), dtype=bool)
    assert abs(like[others].mean()) < 0.03


def test_most_genes_are_in_a_complex_which_lies_within_a_module(built_in):
    assert len(built_in.complexes) / len(built_in.modules) == pytest.approx(0.7, abs=0.03)
    modules = pd.Series(built_in.complexes).index.map(built_in.modules)
    assert (modules.to_series().groupby(list(built_in.complexes.values())).nunique() == 1).all()


# What real screens have (`benchmarks.simulation`): 24 and 34 components for half of the variance,
# a coefficient of variation of effect sizes of 0.6 to 0.8, and nearest neighbours that respond
# alike with 0.27 to 0.36 by text and 0.08 to 0.18 by sequence.


@pytest.mark.parametrize(("line", "components"), [(K562, 25), (RPE1, 20)])
def test_components_and_effects_are_those_of_real_screens(built_in, line, components):
    response = built_in.screens[line].response
    assert half(response) == pytest.approx(components, abs=5)
    assert variation(response) == pytest.approx(0.6, abs=0.06)
    strength = np.linalg.norm(response, axis=1)
    assert strength.max() > 5 * np.median(strength)  # a heavy tail


@pytest.mark.parametrize("line", [K562, RPE1])
def test_text_tells_who_responds_alike_and_sequence_far_less(built_in, line):
    screen = built_in.screens[line]
    by = {
        name: alike(source.rows(screen.perturbations), screen.response)
        for name, source in built_in.embeddings.items()
    }
    assert 0.27 < by["text"] < 0.4
    assert 0.06 < by["sequence"] < 0.4 * by["text"]


def test_benchmark_measures_what_it_says():
    # Two components of variance 9 and 1, and three of 1 each.
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(40, 5)))[0]
    axes = np.linalg.qr(axes - axes.mean(axis=0))[0]
    assert half(axes @ np.diag([3, 1, 1, 1, 1])) == 1
    assert half(axes) == 3
    assert variation(np.array([[3.0, 4.0], [0.0, 15.0]])) == pytest.approx(0.5)
    # In two pairs of neighbours responses depart from the mean alike, in the third the other way.
    place = np.array([[1, 0], [1, 0.1], [-1, 0.2], [-1, 0.3], [0, -5], [0, -6.0]])
    response = np.array([[2, 0, 1], [2, 0, 1], [0, 2, 1], [0, 2, 1], [2, 0, 1], [0, 2, 1.0]])
    assert alike(place, response) == pytest.approx((4 - 2) / 6, abs=1e-6)


def test_a_source_without_noise_knows_the_modules_exactly():
    exact = replace(SMALL, sources=(SourceRecipe("exact", 200, 1.0, 0.0, 0.0),))
    simulation = simulate(0, exact)
    vectors = simulation.embeddings["exact"].vectors
    centred = vectors - vectors.mean(axis=0)
    distances = ((centred[:, None] - centred[None, :]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    module = np.array(list(simulation.modules.values()))
    counts = pd.Series(module).map(pd.Series(module).value_counts()).to_numpy()
    assert (module == module[distances.argmin(axis=1)])[counts > 1].all()


def test_mean_response_is_not_zero_and_larger_in_the_second_line(built_in):
    strength = {}
    for line, screen in built_in.screens.items():
        z = screen.response / screen.control_sd
        # Far above the standard error of a mean over 1,774 perturbations.
        assert z.mean(axis=0).std() > 8 * z.std() / np.sqrt(1774)
        strength[line] = z.mean(axis=0).std()
    assert strength[RPE1] > 1.5 * strength[K562]
