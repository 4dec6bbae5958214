"""Models of other packages: from an entry point to scores, and what a broken one does."""

import sys

import numpy as np
import pytest
from scipy import stats
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import BayesianRidge, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import llmpert as lp
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.models import registry
from llmpert.models.registry import MODELS, ModelSpec, offered, regressor
from tests.support import small


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem.align(small.screen(), [small.embedding()])


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a module of models where Python finds installed packages."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(name: str, code: str, points: str) -> None:
        (tmp_path / f"{name}.py").write_text(code)
        about = tmp_path / f"{name}-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (about / "entry_points.txt").write_text(f"[llmpert.models]\n{points}\n")
        monkeypatch.delitem(sys.modules, name, raising=False)

    return put


RIDGE = """
from llmpert.models.registry import regressor
from sklearn.linear_model import Ridge
MODELS = [regressor("stiff", Ridge(100.0)), regressor("loose", Ridge(0.01), "Loose ridge")]
"""


def test_a_package_offers_models_by_its_entry_points(install):
    before = set(MODELS)
    install("ridges", RIDGE, "all = ridges:MODELS")
    (_, stiff), (package, spec) = offered()
    assert stiff.name == "stiff"
    assert (package, spec.origin, spec.label) == ("ridges", "ridges", "Loose ridge")
    assert [spec.name for spec in registry.installed()] == ["stiff", "loose"]
    assert set(MODELS) == before


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise OSError('no such weights')", "OSError: no such weights"),
        ("MODELS = 3", "InputError: broken: expected a ModelSpec"),
        ("from llmpert.models.registry import MODELS as M\nMODELS = M['gp']", "'Gaussian process'"),
        (RIDGE.replace("Loose ridge", "Ridge regression"), "a name of its own"),
        (RIDGE.replace('"stiff"', '"=stiff"'), "InputError"),
    ],
)  # fmt: skip
def test_a_broken_one_is_told_and_stops_nothing(install, caplog, code, why):
    install("aaa", RIDGE.replace("stiff", "hard").replace("loose", "soft").replace("Loose", "Soft"),
            "all = aaa:MODELS")  # fmt: skip
    install("broken", code, "all = broken:MODELS")
    problems = {
        package: f"{type(one).__name__}: {one}"
        for package, one in offered()
        if isinstance(one, Exception)
    }
    assert set(problems) == {"broken"}
    assert why in problems["broken"]
    assert {"hard", "soft"} <= {spec.name for spec in registry.installed()}
    assert caplog.records[-1].package == "broken"


def test_it_predicts_what_the_regressor_does(problem):
    spec = regressor("stiff", make_pipeline(StandardScaler(), Ridge(3.0)))
    experiment = Experiment(problem, Settings(n_hvgs=30))
    fitted = experiment.fit_all(spec)
    inputs, _ = problem.inputs()
    direct = make_pipeline(StandardScaler(), Ridge(3.0)).fit(inputs, problem.screen.response)
    np.testing.assert_allclose(
        fitted.predict(["KD041"]).mean, direct.predict(fitted.inputs(["KD041"])), rtol=1e-5
    )


def test_every_fit_has_a_fresh_copy_and_its_own_seed(problem):
    forest = ExtraTreesRegressor(3)
    spec = regressor("forest", forest)
    assert spec.stochastic
    first, second = spec.build(1, {}), spec.build(1, {})
    assert first is not second
    assert (first.random_state, forest.random_state) == (1, None)
    inputs, response = problem.inputs()[0], problem.screen.response
    same = [spec.build(1, {}).fit(inputs, response).predict(inputs) for _ in range(2)]
    np.testing.assert_array_equal(*same)
    assert not hasattr(forest, "estimators_")
    assert not regressor("fixed", ExtraTreesRegressor(3, random_state=0)).stochastic


def test_parameters_are_in_the_name_of_a_kept_fit(problem, monkeypatch):
    keys = []
    for spec in (
        regressor("stiff", Ridge(1.0)),
        regressor("stiff", Ridge(2.0)),
        regressor("other", Ridge(1.0)),
        regressor("stiff", make_pipeline(StandardScaler(), Ridge(1.0))),
        regressor("stiff", make_pipeline(StandardScaler(), Ridge(2.0))),
        regressor("stiff", Ridge(1.0)),
    ):
        monkeypatch.setitem(MODELS, spec.name, spec)
        experiment = Experiment(problem)
        keys.append(experiment.key(spec.name, experiment.split(20, 0)))
        scores = experiment.scores(spec.name, 20, 0)
        direct = experiment.score(
            experiment.fit_fold(spec, 20, 0).predict(list(scores["perturbation"])), 0
        )
        np.testing.assert_allclose(scores["pearson_all"], direct["pearson_all"], rtol=1e-5)
    assert len(set(keys[:5])) == 5
    assert keys[5] == keys[0]


class Wrong(Ridge):
    """Predicts something that no model may."""

    def __init__(self, answer: str = "") -> None:
        super().__init__()
        self.answer = answer

    def predict(self, X):
        found = super().predict(X)
        return found[:, :2] if self.answer == "shape" else found * np.nan


@pytest.mark.parametrize(
    ("answer", "found"), [("shape", r"array of shape \(1, 2\)"), ("nan", "found others")]
)
def test_predictions_that_are_none_are_refused_by_name(problem, answer, found):
    model = lp.fit(
        problem.screen, small.embedding(), model=regressor("wrong", Wrong(answer), "Wrong")
    )
    with pytest.raises(lp.InputError, match=f"Model wrong: expected 1 x 30 finite .* {found}"):
        model.predict("KD041")


def test_one_that_gives_standard_deviations_has_the_intervals_of_a_normal_distribution(problem):
    spec = ModelSpec("wide", "Wide", "", lambda seed, parts: BayesianRidges(), gives_std=True)
    fitted = Experiment(problem, Settings(n_hvgs=4)).fit_all(spec)
    prediction = fitted.predict(list(problem.screen.perturbations[:2]))
    for end, level in zip(prediction.interval(0.8), (0.1, 0.9), strict=True):
        np.testing.assert_allclose(
            end, stats.norm.ppf(level, prediction.mean, prediction.std), atol=0.02
        )


class BayesianRidges:
    """Scikit-learn's Bayesian ridge regression, one for each gene."""

    def fit(self, inputs, responses):
        self.models = [BayesianRidge().fit(inputs, y) for y in responses.T]
        return self

    def predict(self, inputs, return_std):
        found = [one.predict(inputs, return_std=True) for one in self.models]
        return np.stack([m for m, _ in found], 1), np.stack([s for _, s in found], 1)


def test_models_that_ship_are_named_as_before():
    """Their kept fits, some of which come along, are found under the same keys."""
    assert {spec.settings for spec in MODELS.values() if not spec.origin} == {()}
