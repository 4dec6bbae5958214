"""How many cells a knockdown needs, against brute force and what simulated screens reach."""

from dataclasses import replace

import numpy as np
import pytest

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.figures.design import depth_curves
from llmpert.insight.depth import by_cells
from tests.support import small


def fit(cells):
    screen = replace(small.screen(), cells=cells)
    problem = Problem.align(screen, [small.embedding("text")])
    return Experiment(problem, Settings(folds=4, n_hvgs=30, components=5)).fit_all("gp")


@pytest.fixture(scope="module")
def cells():
    return np.random.default_rng(0).integers(5, 200, 40)


@pytest.fixture(scope="module")
def fitted(cells):
    return fit(cells)


def test_what_is_left_is_that_of_predictions_from_all_others(fitted, cells):
    model = fitted.model
    table = by_cells(fitted, cells, [20, 300]).set_index("cells")
    inputs = fitted.inputs(list(fitted.trained_on))
    # One source: one kernel of a variance in units of the noise.
    (ratio,), (scale,) = model.signal_to_noise_.values(), model.lengthscales_.values()
    apart = np.linalg.norm(inputs[:, None] - inputs, axis=2)
    kernel = ratio * np.exp(-np.square(apart / scale) / 2)
    arrays = model.arrays()
    unit, inflation = arrays["scales"][0] ** 2, arrays["scales"][1]
    share = model.sampling_share_
    predicted = model.predict_left_out()[0] - model.mean_
    response = small.screen().select(list(fitted.trained_on), list(fitted.genes)).response
    along = (predicted * (response - model.mean_)).sum()
    reached = along**2 / np.square(predicted).sum() / 40
    total = ratio * arrays["signal"].sum() * unit
    explained, widths = {}, {}
    for number in (np.median(cells), 20, 300):
        noise = 1 - share + share * np.median(cells) / number
        left = []
        for signal, level in zip(arrays["signal"], arrays["level"], strict=True):
            each = []
            for row in range(40):
                others = np.arange(40) != row
                covariance = kernel[np.ix_(others, others)] + level * noise * np.eye(39)
                cross = kernel[row, others]
                each.append(ratio - cross @ np.linalg.solve(covariance, cross))
            left.append(signal * unit * np.mean(each))
        explained[number] = total - sum(left)
        spread = np.sqrt(np.square(arrays["axes"]) @ left) * inflation
        widths[number] = 2 * 1.96 * spread.mean()
    kept = reached / explained[np.median(cells)]
    for number in (20, 300):
        found, noise = table.loc[number], 1 - share + share * np.median(cells) / number
        assert found["noise"] == pytest.approx(noise)
        assert found["r"] == pytest.approx(np.sqrt(kept * explained[number] / total), rel=1e-3)
        measured = total + noise * model.noise_variance_.sum()
        r = np.sqrt(kept * explained[number] / measured)
        assert found["r_measured"] == pytest.approx(r, rel=1e-3)
        assert found["width"] == pytest.approx(widths[number], rel=1e-3)


def test_more_cells_tell_more_and_the_figure_says_so(fitted, cells):
    table = by_cells(fitted, cells)
    assert table["r"].is_monotonic_increasing
    assert table["width"].is_monotonic_decreasing
    figure = depth_curves(table, "LineA", float(np.median(cells)), "z")
    np.testing.assert_allclose(figure.data[0].y, table["r"])


@pytest.mark.parametrize("given", [None, np.full(40, 30)])
def test_without_numbers_of_cells_nothing_is_told(given):
    with pytest.raises(InputError, match="noise with more cells cannot be estimated"):
        by_cells(fit(given), given)


def test_no_cell_is_no_measurement(fitted, cells):
    with pytest.raises(InputError, match="1 or more"):
        by_cells(fitted, cells, [0])
