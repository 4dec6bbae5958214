"""Two lines compared: differences in units of noise, and gene sets that hold in both."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from llmpert.insight.lines import HOLDS, NOISE, OWN, common, disagreements, sets_across, with_noise
from llmpert.screens import Screen
from tests.support import small

TABLE = small.gene_table({"KD003": "OLD3", "OUT007": "OLDOUT7"})
CELLS = np.random.default_rng(0).integers(50, 400, 40)
SPREAD = np.linspace(0.2, 2, 300)


def noisy(line: str, truth: np.ndarray, seed: int) -> Screen:
    noise = np.random.default_rng(seed).normal(size=truth.shape) * SPREAD / np.sqrt(CELLS)[:, None]
    names = small.names("KD", 40), small.names("OUT", 300)
    return Screen(line, truth + noise, *map(np.array, names), "Δ", cells=CELLS, control_sd=SPREAD)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return small.traits(40) @ np.random.default_rng(1).normal(size=(3, 300))


def compared(one: Screen, other: Screen):
    # Where cells tell the noise, no model is asked.
    pair = [with_noise(screen, pytest.fail)[0] for screen in (one, other)]
    return disagreements(*common(*pair, TABLE)).set_index("perturbation")


def test_noise_alone_is_one_and_a_difference_stands_out(truth):
    changed = truth.copy()
    changed[7, ::3] += 1
    table = compared(noisy("A", truth, 2), noisy("B", changed + 5, 3))
    assert table.index[0] == "KD007"
    others = table.drop("KD007")
    # What all knockdowns do alike in a line does not count.
    assert others["disagreement"].mean() == pytest.approx(1, abs=0.05)
    assert (others["disagreement"] < 1.3).all()
    assert (others["r"] > 0.9).all()


def test_a_difference_counts_by_the_noise_of_its_genes_and_not_by_its_size(truth):
    quiet, loud = truth.copy(), truth
    quiet[5, :100] += 0.5  # where control cells vary least
    quiet[6, 200:] += 0.7
    one, other = noisy("A", quiet, 2), noisy("B", loud, 3)
    table = compared(one, other)
    raw = np.abs(one.response - other.response).mean(axis=1)
    assert raw[6] > raw[5]
    assert list(table.index[:2]) == ["KD005", "KD006"]
    a, b = (of.response[5] - of.response.mean(axis=0) for of in (one, other))
    sd = SPREAD / np.sqrt(CELLS[5])
    expected = np.sqrt(np.mean((a - b) ** 2 / (2 * sd**2)))
    assert table.loc["KD005", "disagreement"] == pytest.approx(expected, rel=1e-5)
    strength = np.sqrt(np.mean((a / sd) ** 2))
    assert table.loc["KD005", "strength_a"] == pytest.approx(strength, rel=1e-5)


def test_without_cells_the_noise_is_what_the_model_cannot_explain():
    screen = small.screen()
    fitted = Experiment(Problem.align(screen, [small.embedding()], TABLE)).fit_all("gp")
    found, words = with_noise(screen, lambda: fitted)
    np.testing.assert_allclose(
        found.layers[NOISE], np.tile(np.sqrt(fitted.model.noise_variance_), (40, 1)), rtol=1e-6
    )
    assert "the numbers of cells are unknown" in words


def test_lines_meet_by_any_names_of_their_genes(truth):
    one, other = noisy("A", truth, 2), noisy("B", truth, 3)
    swapped = other.select(list(other.perturbations[::-1]), list(other.genes[:99:-1]))
    old = {"KD003": "OLD3", "OUT007": "OLDOUT7"}
    renamed = replace(
        one,
        perturbations=np.array([old.get(name, name) for name in one.perturbations]),
        genes=np.array([old.get(name, name) for name in one.genes]),
    )
    found = common(renamed, swapped, TABLE)
    assert set(found[0].perturbations) == set(small.names("KD", 40))
    for which in (0, 1):
        of = (one, other)[which].select(list(found[which].perturbations), list(found[1].genes))
        np.testing.assert_array_equal(found[which].response, of.response)


def test_what_cannot_be_compared_is_said(truth):
    one, other = noisy("A", truth, 2), noisy("B", truth, 3)
    with pytest.raises(InputError, match="A is measured in Δ and B in rank score"):
        common(one, replace(other, unit="rank score"), TABLE)
    strange = np.array([f"ELSE{n}" for n in range(300)])
    with pytest.raises(InputError, match="A and B have no measured gene in common"):
        common(one, replace(other, genes=strange), TABLE)
    with pytest.raises(InputError, match="have no perturbation in common"):
        common(one, replace(other, perturbations=strange[:40]), TABLE)


def test_gene_sets_that_hold_and_those_of_one_line(truth):
    rng, changed = np.random.default_rng(4), 2 * truth
    changed[:10] = rng.normal(size=(10, 300)) * 5
    table = compared(noisy("A", 2 * truth, 2), noisy("B", changed, 3)).reset_index()
    sets = {"own": small.names("KD", 10), "few": small.names("KD", 2)}
    sets["both"] = sorted(set(small.names("KD", 40)) - set(sets["own"]))
    found = sets_across(table, sets).set_index("set")
    assert dict(found["which"]) == {"own": OWN, "both": HOLDS}
    strength = table[["strength_a", "strength_b"]].max(axis=1)
    strong = table[strength >= strength.median()]
    inside = strong["perturbation"].isin(sets["own"])
    groups = strong.loc[inside, "r"], strong.loc[~inside, "r"]
    p = stats.mannwhitneyu(*groups, method="asymptotic").pvalue
    assert found.loc["own", "p"] == pytest.approx(p)
    assert found.loc["own", "knockdowns"] == inside.sum()
    assert sets_across(table, {}).empty
