"""Outcomes of held-out predictions: against loops over single measurements."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from llmpert.evaluation import calibration
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.store import ResultsStore
from tests.support import small

SETTINGS = Settings(folds=4, n_hvgs=28, top=5, components=6)


def ranks(response: np.ndarray) -> np.ndarray:
    """About half zeros, the others up to 1."""
    return np.clip(response / np.abs(response).max(), 0, None)


@pytest.fixture(scope="module", params=[False, True], ids=["continuous", "ranks"])
def experiment(request, tmp_path_factory) -> Experiment:
    screen = small.screen(perturbations=80)
    if request.param:
        screen = replace(screen, response=ranks(screen.response))
    problem = Problem.align(screen, [small.embedding("text", 90)])
    return Experiment(problem, SETTINGS, ResultsStore(tmp_path_factory.mktemp("results")))


@pytest.fixture(scope="module")
def table(experiment) -> pd.DataFrame:
    return calibration.kept(experiment, "gp", 60, 1)


def test_each_measurement_is_counted_once_in_its_groups(experiment, table):
    predicted = experiment.fold_prediction("gp", 60, 1)
    screen = experiment.problem.screen.select(predicted.perturbations, predicted.genes)
    limits = np.quantile(predicted.std, [0.25, 0.5, 0.75])
    for row in (0, 7, 19):
        likely, mean = predicted.responses(row), predicted.mean[row]
        strong = set(np.argsort(-np.abs(mean), kind="stable")[:20])
        counted: dict[str, list[float]] = {group: [] for group in calibration.GROUPS}
        pit = np.zeros(40)
        for gene, value in enumerate(screen.response[row]):
            below = (likely[gene] < value).sum()
            up_to = (likely[gene] <= value).sum()
            start, stop = max(below - 0.5, 0) / 100, min(up_to + 0.5, 100) / 100
            inside = max(min(stop, 0.9) - max(start, 0.1), 0) / (stop - start)
            quarter = int(np.searchsorted(limits, predicted.std[row, gene]))
            counted[calibration.SD_QUARTERS[quarter]].append(inside)
            counted["zero" if value == 0 else "other"].append(inside)
            if gene in strong:
                counted["strongest"].append(inside)
            for n in range(40):
                part = min(stop, (n + 1) / 40) - max(start, n / 40)
                pit[n] += max(part, 0) / (stop - start) / 28
        found = table.iloc[row]
        for group, values in counted.items():
            assert found[f"share {group}"] == pytest.approx(len(values) / 28, abs=1e-6)
            expected = np.mean(values) if values else np.nan
            assert found[f"inside {group}"] == pytest.approx(expected, abs=1e-6, nan_ok=True)
        np.testing.assert_allclose(found[[*calibration.HISTOGRAM]].astype(float), pit, atol=1e-6)


def test_numbers_are_those_of_their_names(experiment, table):
    predicted = experiment.fold_prediction("gp", 60, 1)
    whole = experiment.problem.screen
    measured = whole.select(predicted.perturbations, predicted.genes).response
    fitted = experiment.fit_fold("gp", 60, 1)
    trained = whole.select(fitted.trained_on, predicted.genes).response
    low, high = predicted.interval(0.8)
    for row, found in enumerate(table.to_dict("records")):
        error = np.abs(predicted.quantile(0.5)[row] - measured[row])
        expected = {
            "sd": predicted.std[row].mean(),
            "departure": predicted.departure[row],
            "effect": np.sqrt((measured[row] ** 2).sum()),
            "accuracy": pearsonr(predicted.mean[row], measured[row]).statistic,
            "error": error.mean(),
            "error of mean": np.abs(predicted.mean[row] - measured[row]).mean(),
            "error of no change": np.abs(measured[row]).mean(),
            "inside plainly": np.mean((low[row] <= measured[row]) & (measured[row] <= high[row])),
            "beyond training": np.mean((low[row] < trained.min()) | (high[row] > trained.max())),
        }
        by_sd = error[np.argsort(predicted.std[row], kind="stable")]
        expected |= {"error of 1 tenths": by_sd[:3].mean(), "error of 10 tenths": error.mean()}
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
    alone = fitted.model.similarity(fitted.inputs([predicted.perturbations[3]]))[0]
    assert table["distance"][3] == pytest.approx(1 - alone.max())
    # Of 60 equally likely training responses, thinned to 100: each counts once or twice.
    one = np.abs(trained[:, 0] - measured[0, 0]).mean()
    assert 0 < table["crps without embedding"][0] < 3 * max(one, 1)


def test_what_is_kept_is_found_again_and_not_made_again(experiment, table, monkeypatch):
    assert calibration.is_kept(experiment, "gp", 60, 1)
    assert not calibration.is_kept(experiment, "gp", 60, 2)
    monkeypatch.setattr(Experiment, "fit_fold", None)
    again = calibration.kept(experiment, "gp", 60, 1)
    pd.testing.assert_frame_equal(again, table)


def test_a_model_without_distribution_is_refused(experiment):
    fitted = experiment.fit_fold("mean", 60, 1)
    predicted = experiment.fold_prediction("mean", 60, 1)
    with pytest.raises(ValueError, match="expected predictions with a distribution"):
        calibration.outcomes(fitted, predicted, experiment.problem.screen)
