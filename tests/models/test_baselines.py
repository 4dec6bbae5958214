import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from llmpert.evaluation.comparison import Measured
from llmpert.evaluation.metrics import top_genes
from llmpert.evaluation.scores import evaluate, paper
from llmpert.models.baselines import MajorityDirection, NoChange, NonControlMean, RandomPerturbation
from llmpert.models.registry import EVERY, MODELS, label

ALONE = [name for name, spec in EVERY.items() if not spec.copies]
"""Models that need no other line."""


def data(seed: int = 0, size: int = 20, inputs: int = 4, outputs: int = 6, genes: int = 9):
    """Training inputs and responses, and the inputs of genes to predict."""
    rng = np.random.default_rng(seed)
    responses = rng.normal(size=(size, outputs))
    return rng.normal(size=(size, inputs)), responses, rng.normal(size=(genes, inputs))


problems = st.builds(
    data,
    st.integers(0, 10**6),
    size=st.integers(2, 25),
    inputs=st.integers(1, 8),
    outputs=st.integers(1, 5),
    genes=st.integers(1, 9),
)


@settings(deadline=None)
@given(problems, st.integers(0, 10**6))
def test_random_draws_training_responses(problem, seed):
    Z, Y, genes = problem
    predicted = RandomPerturbation(seed).fit(Z, Y).predict(genes)
    assert predicted.shape == (len(genes), Y.shape[1])
    known = {tuple(row) for row in Y}
    assert all(tuple(row) in known for row in predicted)


@settings(deadline=None)
@given(problems)
def test_the_majority_is_counted_gene_by_gene(problem):
    Z, Y, genes = problem
    Y = np.round(Y)  # some do not move
    found = MajorityDirection().fit(Z, Y).predict(genes)
    for gene, values in enumerate(Y.T):
        up, down = sum(value > 0 for value in values), sum(value < 0 for value in values)
        size = sum(map(abs, values)) / len(values)
        expected = size if up > down else -size if down > up else 0
        np.testing.assert_allclose(found[:, gene], expected)


def test_random_follows_its_seed_alone():
    Z, Y, genes = data()
    first = RandomPerturbation(3).fit(Z, Y).predict(genes)
    np.testing.assert_array_equal(first, RandomPerturbation(3).fit(Z, Y).predict(genes + 1))
    assert not np.array_equal(first, RandomPerturbation(4).fit(Z, Y).predict(genes))
    assert len(np.unique(first, axis=0)) > 1


def test_random_draws_every_response_equally_often():
    Y = np.arange(5.0)[:, None]
    drawn = RandomPerturbation(0).fit(np.zeros((5, 1)), Y).predict(np.zeros((10_000, 1)))
    assert (np.abs(np.bincount(drawn[:, 0].astype(int)) - 2000) < 5 * np.sqrt(1600)).all()


@settings(deadline=None)
@given(problems)
def test_mean_is_the_mean_of_every_output(problem):
    Z, Y, genes = problem
    predicted = NonControlMean().fit(Z, Y).predict(genes)
    expected = [[sum(column) / len(column) for column in Y.T]] * len(genes)
    np.testing.assert_allclose(predicted, expected, rtol=1e-12, atol=1e-12)


def test_mean_of_single_precision_responses_is_taken_in_double():
    # Added up in single precision, 100,000 times 0.1 is off in the fourth digit.
    Y = np.full((100_000, 1), 0.1, dtype=np.float32)
    assert NonControlMean().fit(Y, Y).predict(Y[:1])[0, 0] == pytest.approx(Y[0, 0], rel=1e-9)


@settings(deadline=None)
@given(problems)
def test_neighbours_copy_the_nearest_gene(problem):
    Z, Y, genes = problem
    predicted = MODELS["knn"].build(0, {}).fit(Z, Y).predict(genes)
    nearest = np.linalg.norm(genes[:, None] - Z[None], axis=-1).argmin(axis=1)
    np.testing.assert_allclose(predicted, Y[nearest])


def test_neighbours_average_the_k_nearest():
    Z, Y, genes = data()
    predicted = MODELS["knn"].build(0, {}).set_params(n_neighbors=3).fit(Z, Y).predict(genes)
    nearest = np.linalg.norm(genes[:, None] - Z[None], axis=-1).argsort(axis=1)[:, :3]
    np.testing.assert_allclose(predicted, Y[nearest].mean(axis=1))


@settings(deadline=None)
@given(problems)
def test_linear_is_least_squares_and_of_minimum_norm(problem):
    Z, Y, genes = problem
    predicted = MODELS["linear"].build(0, {}).fit(Z, Y).predict(genes)
    centre = Z.mean(axis=0)
    weights = np.linalg.lstsq(Z - centre, Y - Y.mean(axis=0), rcond=1e-6)[0]
    expected = Y.mean(axis=0) + (genes - centre) @ weights
    np.testing.assert_allclose(predicted.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)


def test_linear_with_fewer_perturbations_than_inputs_fits_them_exactly():
    Z, Y, _ = data(size=5, inputs=12)
    model = MODELS["linear"].build(0, {}).fit(Z, Y)
    np.testing.assert_allclose(model.predict(Z), Y, atol=1e-10)
    # No part of the weights is unseen by the training genes.
    seen = np.linalg.pinv(Z - Z.mean(axis=0)) @ (Z - Z.mean(axis=0))
    np.testing.assert_allclose(model.coef_ @ seen, model.coef_, atol=1e-10)


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.parametrize("outputs", [1, 6])
def test_every_model_speaks_scikit_learn(name, outputs):
    Z, Y, genes = data(outputs=outputs)
    model = EVERY[name].build(5, {})
    copied = clone(model)
    assert copied is not model
    assert type(copied) is type(model)
    assert copied.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        model.predict(genes)
    assert model.fit(Z, Y.astype(np.float32)) is model
    predicted = model.predict(genes)
    assert predicted.shape == (len(genes), outputs)
    assert np.isfinite(predicted).all()
    again = copied.fit(Z, Y.astype(np.float32)).predict(genes)
    np.testing.assert_array_equal(predicted, again)


@pytest.mark.parametrize("name", MODELS)
def test_parameters_can_be_set_and_read(name):
    model = MODELS[name].build(5, {})
    names = set(inspect.signature(type(model)).parameters)
    assert set(model.get_params()) == names
    for parameter in names:
        assert model.set_params(**{parameter: 2}).get_params()[parameter] == 2


@pytest.mark.parametrize("name", ALONE)
def test_the_registry_says_what_a_model_does(name):
    spec = EVERY[name]
    Z, Y, genes = data()
    Y += Z @ np.ones((Z.shape[1], Y.shape[1]))  # something to learn

    def predict(seed: int, inputs: np.ndarray) -> np.ndarray:
        return spec.build(seed, {}).fit(inputs, Y).predict(genes)

    assert spec.name == name
    assert spec.summary.endswith(".")
    assert spec.version >= 1
    assert spec.stochastic == (not np.array_equal(predict(1, Z), predict(2, Z)))
    assert spec.uses_embedding == (not np.array_equal(predict(1, Z), predict(1, Z[::-1])))
    takes_std = "return_std" in inspect.signature(spec.build(0, {}).predict).parameters
    assert spec.gives_std == takes_std


def test_labels_tell_models_apart():
    assert len({spec.label for spec in EVERY.values()}) == len(EVERY)
    without = ["random", "no-change", "mean"]
    assert list(MODELS) == [*without, "knn", "linear", "ridge", "components", "gp-paper", "gp"]
    assert [name for name, spec in MODELS.items() if not spec.uses_embedding] == without


def test_a_method_run_elsewhere_is_called_by_its_name():
    assert label("gp") == MODELS["gp"].label
    assert [label(name) for name in ("GEARS", "GEARS (published)")] == [
        "GEARS",
        "GEARS (published)",
    ]


@given(st.integers(1, 9), st.integers(1, 6), st.integers(0, 9))
def test_no_change_predicts_zeros(size, outputs, genes):
    model = NoChange().fit(np.ones((size, 2)), np.full((size, outputs), 3.0))
    np.testing.assert_array_equal(model.predict(np.ones((genes, 2))), np.zeros((genes, outputs)))


def test_no_change_has_an_error_and_no_correlation():
    measured = np.array([[1.0, -3.0, 0.5], [0.0, 0.2, -0.1]])
    predicted = NoChange().fit(measured, measured).predict(measured)
    scores = evaluate(predicted, Measured(measured, top_genes(measured, 2)), paper(2))
    assert np.isnan(scores["pearson_all"]).all()
    assert np.isnan(scores["pearson_top2"]).all()
    assert scores["mae_all"] == pytest.approx([1.5, 0.1])
    assert scores["mae_top2"] == pytest.approx([2.0, 0.15])
