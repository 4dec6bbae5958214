"""How well a repeat agrees: against actual repeats, and by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llmpert.insight.report_card import NO_EFFECT
from llmpert.screens import Screen, read_screen
from llmpert.screens.agreement import expected_agreement, of_averages
from tests.support.replogle_files import small_bulk, write_bulk

SYMBOLS = ["TP53", "MYC", "KRAS", "EGFR", "BRAF", "PTEN", "RB1", "ATM", "MDM2", "CDK4"]


def screen(response: np.ndarray, **fields) -> Screen:
    rows, genes = response.shape
    names = [f"KD{i}" for i in range(rows)], [f"G{i}" for i in range(genes)]
    return Screen("Line", response, *names, "Δ expression", **fields)


def uncentred(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.sqrt(one @ one * (other @ other)))


@pytest.mark.parametrize("known", ["t", "cells", "means"])
def test_it_is_how_actual_repeats_agree(known: str) -> None:
    random = np.random.default_rng(0)
    sd, cells = random.gamma(4, 0.1, 4000), np.array([25, 100, 400])
    effect = random.normal(size=(3, 4000)) * sd * np.array([[0.1], [0.1], [0.0]])
    first, second = (
        effect + random.normal(size=effect.shape) * sd / np.sqrt(cells)[:, None] for _ in range(2)
    )
    error = np.broadcast_to(sd, effect.shape) / np.sqrt(cells)[:, None]
    given = {
        "t": {"layers": {"t": first / error}},
        "cells": {"control_sd": sd, "cells": cells},
        "means": {"control_sd": sd / 10},
    }[known]
    rows = [1] if known == "means" else [0, 1, 2]
    found, basis = expected_agreement(screen(first[rows], **{
        name: value[rows] if name == "cells" else
        {"t": value["t"][rows]} if name == "layers" else value
        for name, value in given.items()
    }))  # fmt: skip
    actual = [uncentred(first[row], second[row]) for row in rows]
    assert basis
    assert found == pytest.approx(actual, abs=0.06)


def test_without_noise_it_is_unknown() -> None:
    found, basis = expected_agreement(screen(np.ones((2, 3))))
    assert (np.isnan(found).all(), basis) == (True, "")
    # A spread of single cells says nothing of means of unknown size.
    found, basis = expected_agreement(screen(np.full((2, 3), 0.1), control_sd=np.ones(3)))
    assert (np.isnan(found).all(), basis) == (True, "")


def test_averages_by_spearman_and_brown() -> None:
    rows = np.array([[1, 0], [1, 1], [2, 0], [3, 0], [0, 4], [0, 0]], float)
    found = of_averages(rows, np.array([0, 0, 1, 2, 2, 3]), 4)
    r = np.sqrt(0.5)
    assert found[[0, 2]] == pytest.approx([2 * r / (1 + r), 0])
    assert np.isnan(found[[1, 3]]).all()


@pytest.mark.parametrize("level", [0.0, 5.0])
def test_guides_of_a_table_tell_it_whatever_the_level_of_genes(
    tmp_path: Path, level: float
) -> None:
    random = np.random.default_rng(1)
    genes = [f"OUT{i}" for i in range(200)]
    effect = random.normal(size=(10, 200))
    lines = [",".join(["", *genes])]
    base = level * random.uniform(1, 2, 200)
    for symbol, row in zip(SYMBOLS, effect, strict=True):
        noise = {"TP53": 0.0, "MYC": 1.0}.get(symbol, 0.5)
        for guide in (1, 2):
            values = base + row + noise * random.normal(size=200)
            lines.append(",".join([f"{symbol}_sg{guide}", *map(str, values)]))
    lines.append(",".join(["non-targeting", *map(str, base)]))
    path = tmp_path / "line_guides.csv"
    path.write_text("\n".join(lines))
    read = read_screen(path)
    agreement = dict(zip(read.perturbations, read.agreement, strict=True))
    assert agreement["TP53"] == pytest.approx(1, abs=1e-3)
    # Two guides correlate by 1 / (1 + 1), so averages of two by 2 / 3.
    assert agreement["MYC"] == pytest.approx(2 / 3, abs=0.1)
    assert expected_agreement(read)[1] == "how guides against one gene agree"


def test_it_is_kept_in_files_and_selections(tmp_path: Path) -> None:
    one = screen(np.eye(3), agreement=np.array([0.5, np.nan, 1.0]))
    one.save(tmp_path / "one.h5ad")
    again = Screen.load(tmp_path / "one.h5ad")
    assert np.array_equal(again.agreement, one.agreement, equal_nan=True)
    assert again.fingerprint == one.fingerprint != replace(one, agreement=None).fingerprint
    assert one.select(["KD2", "KD0"]).agreement.tolist() == [1.0, 0.5]


def test_the_spread_of_replogle_is_that_of_means(tmp_path: Path) -> None:
    path = write_bulk(tmp_path / "K562_essential_raw_bulk_01.h5ad", small_bulk("raw"))
    assert expected_agreement(read_screen(path))[1] == "the spread between control populations"


@pytest.fixture(scope="module")
def thp1(real_data):
    import anndata

    return anndata.read_h5ad(real_data / "more/papalexi_thp1_25ko_299genes_counts.h5ad")


def read_cells(path: Path, cells, targets: np.ndarray) -> Screen:
    cells = cells.copy()
    cells.obs["target"] = targets
    cells.write_h5ad(path)
    return read_screen(path)


@pytest.mark.real
def test_halves_of_real_cells_agree_as_expected(thp1, tmp_path: Path) -> None:
    targets, random = thp1.obs["target"].astype(str).to_numpy(), np.random.default_rng(0)
    expected, actual = [], []
    for _ in range(4):
        half = random.random(len(targets)) < 0.5
        screens = [
            read_cells(tmp_path / "thp1_half.h5ad", thp1[one], targets[one])
            for one in (half, ~half)
        ]
        expected += [expected_agreement(one)[0] for one in screens]
        first, second = (one.response.astype(float) for one in screens)
        actual.append([uncentred(*rows) for rows in zip(first, second, strict=True)])
    difference = np.mean(expected, axis=0) - np.mean(actual, axis=0)
    assert np.abs(difference).mean() < 0.04
    assert np.ptp(np.mean(actual, axis=0)) > 0.9


@pytest.mark.real
def test_random_groups_of_real_control_cells_have_no_effect(thp1, tmp_path: Path) -> None:
    control = thp1[(thp1.obs["target"] == "non-targeting").to_numpy()]
    random = np.random.default_rng(0)
    groups = np.array(["non-targeting", *SYMBOLS])
    found = []
    for _ in range(8):
        # Half of the cells stay controls.
        share = np.array([len(SYMBOLS), *np.ones(len(SYMBOLS))]) / (2 * len(SYMBOLS))
        targets = groups[random.choice(len(groups), control.n_obs, p=share)]
        found.append(expected_agreement(read_cells(tmp_path / "thp1.h5ad", control, targets))[0])
    assert np.mean(np.concatenate(found) <= NO_EFFECT) > 0.97


@pytest.mark.real
@pytest.mark.parametrize(("count", "low", "high"), [(30, 0.1, 0.8), (300, 0.6, 0.98)])
def test_few_cells_of_strong_knockouts_repeat_badly(thp1, tmp_path, count, low, high) -> None:
    targets, random = thp1.obs["target"].astype(str).to_numpy(), np.random.default_rng(0)
    strong = ["JAK2", "STAT1", "IFNGR1", "IRF1", "SMAD4", "BRD4"]
    control = np.flatnonzero(targets == "non-targeting")
    found = []
    for _ in range(6):
        rows = [random.permutation(np.flatnonzero(targets == name))[:count] for name in strong]
        used = np.sort(np.concatenate([*rows, control]))
        one = read_cells(tmp_path / "thp1.h5ad", thp1[used], targets[used])
        found.append(expected_agreement(one)[0])
    mean = np.mean(found, axis=0)
    assert low < mean.min() < mean.max() < high
