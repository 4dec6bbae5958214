from dataclasses import replace

import numpy as np
import pytest

from llmpert.embeddings import Embedding
from llmpert.errors import InputError
from llmpert.evaluation.comparison import Measured
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.metrics import top_genes
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.scores import evaluate, paper
from llmpert.evaluation.store import ResultsStore
from llmpert.models.registry import MODELS
from llmpert.screens import Screen
from tests.support import small

TABLE = small.gene_table({"KD041": "OLD41", "KD003": "OLD3", "NEW": ""})
SETTINGS = Settings(folds=4, n_hvgs=12, top=5, components=6)


@pytest.fixture
def store(tmp_path) -> ResultsStore:
    return ResultsStore(tmp_path / "results")


def problem(screen: Screen | None = None, *embeddings: Embedding) -> Problem:
    return Problem.align(screen or small.screen(), embeddings or [small.embedding()], TABLE)


def experiment(store: ResultsStore, part: Problem | None = None, **settings) -> Experiment:
    return Experiment(part or problem(), replace(SETTINGS, **settings), store)


def with_responses(screen: Screen, rows: np.ndarray, values: np.ndarray) -> Screen:
    response = screen.response.copy()
    response[rows] = values
    return replace(screen, response=response)


def no_more_fits(monkeypatch, *models: str) -> None:
    def refuse(*args):
        raise AssertionError("a finished fit was made again")

    for model in models:
        monkeypatch.setattr(type(MODELS[model].build(0, {})), "fit", refuse)


@pytest.mark.parametrize("model", [*MODELS, "stack"])
@pytest.mark.parametrize("train_size", [8, 30])
def test_responses_of_test_perturbations_never_reach_their_predictions(
    model, train_size, store, tmp_path
):
    fold = 1
    original = experiment(store)
    screen = original.problem.screen
    test = original.split(train_size, fold).test
    # Loud enough to be chosen as the most variable genes, were they looked at.
    rng = np.random.default_rng(3)
    noise = rng.normal(scale=1e3, size=(len(test), len(screen.genes)))
    noise *= rng.random(len(screen.genes)) < 0.5
    changed = experiment(
        ResultsStore(tmp_path / "other"), problem(with_responses(screen, test, noise))
    )
    for one, other in (
        (original.fold_prediction(model, train_size, fold),
         changed.fold_prediction(model, train_size, fold)),
        (original.fit_all(model, screen.perturbations[test]).predict(screen.perturbations[test]),
         changed.fit_all(model, screen.perturbations[test]).predict(screen.perturbations[test])),
    ):  # fmt: skip
        assert one.genes.tolist() == other.genes.tolist()
        np.testing.assert_array_equal(one.mean, other.mean)
        if one.std is not None:
            np.testing.assert_array_equal(one.std, other.std)
    # The same change is seen by every model that learns where these perturbations are trained on.
    before, after = (one.fold_prediction(model, 30, 0) for one in (original, changed))
    assert np.array_equal(before.mean, after.mean) == (model == "no-change")


@pytest.mark.parametrize("model", MODELS)
def test_perturbations_left_out_of_a_small_training_set_only_choose_genes(model, store, tmp_path):
    original = experiment(store, n_hvgs=30)
    screen = original.problem.screen
    part = original.split(8, 0)
    unseen = np.setdiff1d(np.arange(len(screen.perturbations)), part.train)
    noise = np.random.default_rng(3).normal(scale=1e3, size=(len(unseen), 30))
    changed = experiment(
        ResultsStore(tmp_path / "other"),
        problem(with_responses(screen, unseen, noise)),
        n_hvgs=30,
    )
    np.testing.assert_array_equal(
        original.fold_prediction(model, 8, 0).mean, changed.fold_prediction(model, 8, 0).mean
    )


def test_genes_are_those_that_vary_most_in_the_pool(store):
    one = experiment(store)
    part = one.split(8, 2)
    response = one.problem.screen.response[part.train_pool].astype(np.float64)
    expected = sorted(np.argsort(np.var(response, axis=0))[-12:].tolist())
    assert one.variable_genes(part.train_pool).tolist() == expected
    prediction = one.fold_prediction("mean", 8, 2)
    assert prediction.genes.tolist() == one.problem.screen.genes[expected].tolist()


def test_asking_for_more_genes_than_measured_takes_all(store):
    prediction = experiment(store, n_hvgs=2000).fold_prediction("mean", 8, 0)
    assert prediction.genes.tolist() == small.names("OUT", 30)


@pytest.mark.parametrize("model", MODELS)
def test_predictions_are_the_models_own(model, store):
    one = experiment(store)
    part = one.split(20, 1, 0)
    columns = one.variable_genes(part.train_pool)
    inputs, _ = one.problem.inputs(6)
    response = one.problem.screen.response[:, columns]
    found = one.fold_prediction(model, 20, 1)
    assert found.perturbations.tolist() == one.problem.screen.perturbations[part.test].tolist()
    assert found.mean.dtype == np.float32
    assert found.mean.shape == (len(part.test), 12)
    if model == "random":
        known = {row.tobytes() for row in response[part.train]}
        assert all(row.tobytes() in known for row in found.mean)
        return
    fitted = MODELS[model].build(0, {}).fit(inputs[part.train], response[part.train])
    np.testing.assert_allclose(found.mean, fitted.predict(inputs[part.test]), rtol=1e-6, atol=1e-7)
    assert (found.std is not None) == MODELS[model].gives_std
    if found.std is not None:
        std = fitted.predict(inputs[part.test], return_std=True)[1]
        np.testing.assert_allclose(found.std, std, rtol=1e-6)


@pytest.mark.parametrize("known", [False, True])
def test_scores_compare_predictions_with_measurements(known, store):
    spread = np.random.default_rng(5).uniform(0.1, 3, size=30) if known else None
    one = experiment(store, problem(small.screen(control_sd=spread)))
    scores = one.scores("knn", 20, 3)
    prediction = one.fold_prediction("knn", 20, 3)
    screen = one.problem.screen
    measured = screen.select(prediction.perturbations, prediction.genes)
    strongest = top_genes(measured.response, 5, measured.control_sd)
    expected = evaluate(prediction.mean, Measured(measured.response, strongest), paper(5))
    assert list(scores.columns)[:5] == ["perturbation", *expected]
    assert scores["perturbation"].tolist() == prediction.perturbations.tolist()
    for name, values in expected.items():
        np.testing.assert_allclose(scores[name], values)


@pytest.mark.parametrize("model", MODELS)
def test_finished_fits_are_not_made_again(model, store, monkeypatch):
    scores = experiment(store).scores(model, 10, 0)
    prediction = experiment(store).fold_prediction(model, 10, 0)
    assert experiment(store).is_done(model, 10, 0)
    assert not experiment(store).is_done(model, 11, 0)
    assert not experiment(store).is_done(model, 10, 1)
    assert not experiment(store).is_done(model, 10, 0, repeat=1)
    no_more_fits(monkeypatch, model)
    again = experiment(store)
    assert again.scores(model, 10, 0).equals(scores)
    np.testing.assert_array_equal(again.fold_prediction(model, 10, 0).mean, prediction.mean)
    name = prediction.perturbations[2]
    np.testing.assert_array_equal(again.kept_held_out(model, 10, name).mean[0], prediction.mean[2])
    with pytest.raises(AssertionError, match="made again"):
        again.scores(model, 11, 0)


def keys(part: Experiment, size: int = 10, fold: int = 0, repeat: int = 0) -> dict[str, str]:
    return {model: part.key(model, part.split(size, fold, repeat)) for model in MODELS}


WITH_EMBEDDING = {name for name, spec in MODELS.items() if spec.uses_embedding}


def changed_screen() -> Screen:
    screen = small.screen()
    return with_responses(screen, np.array([0]), screen.response[0] + np.float32(1e-3))


@pytest.mark.parametrize(
    ("other", "affected"),
    [
        (lambda s: experiment(s), set()),
        (lambda s: experiment(s, problem(changed_screen())), set(MODELS)),
        (lambda s: experiment(s, problem(None, small.embedding(seed=8))), WITH_EMBEDDING),
        (lambda s: experiment(s, problem(None, small.embedding("other"))), WITH_EMBEDDING),
        (lambda s: experiment(s, components=5), WITH_EMBEDDING),
        (lambda s: experiment(s, n_hvgs=13), set(MODELS)),
        (lambda s: experiment(s, top=6), set(MODELS)),
        (lambda s: experiment(s, folds=5), set(MODELS)),
        (lambda s: experiment(s, seed=1), set(MODELS)),
    ],
    ids=["same", "response", "vectors", "name", "components", "features", "top", "folds", "seed"],
)
def test_fits_are_filed_under_all_that_their_numbers_depend_on(store, other, affected):
    before, after = keys(experiment(store)), keys(other(store))
    assert {model for model in MODELS if before[model] != after[model]} == affected
    assert len(set(before.values())) == len(MODELS)


def test_fits_are_filed_under_their_split(store):
    one = experiment(store)
    assert not set(keys(one).values()) & set(keys(one, size=11).values())
    assert not set(keys(one).values()) & set(keys(one, fold=1).values())
    assert not set(keys(one).values()) & set(keys(one, repeat=1).values())
    # With all of the pool, repeats differ for models that draw, and for them alone.
    whole, again = keys(one, size=30), keys(one, size=30, repeat=1)
    assert {model for model in MODELS if whole[model] != again[model]} == {"random"}


def test_a_models_version_names_its_fits(store, monkeypatch):
    before = keys(experiment(store))
    monkeypatch.setitem(MODELS, "gp", replace(MODELS["gp"], version=99))
    after = keys(experiment(store))
    assert {model for model in MODELS if before[model] != after[model]} == {"gp"}


def test_models_without_embedding_are_fitted_once_for_all_embeddings(store, monkeypatch):
    aligned = problem(None, small.embedding(), small.embedding("sequence", seed=4))
    first = experiment(store, aligned.only("text"))
    others = [experiment(store, aligned.only("sequence")), experiment(store, aligned)]
    scores = {model: first.scores(model, 10, 0) for model in MODELS}
    no_more_fits(monkeypatch, "random", "mean")
    for other in others:
        for model in ("random", "mean"):
            assert other.scores(model, 10, 0).equals(scores[model])
        for model in WITH_EMBEDDING:
            assert not other.scores(model, 10, 0).equals(scores[model])


def test_every_perturbation_is_predicted_by_the_fold_that_tests_it(store):
    one = experiment(store)
    for name in one.problem.screen.perturbations:
        fold = one.fold_of(name)
        whole = one.fold_prediction("knn", 30, fold)
        row = one.kept_held_out("knn", 30, name)
        assert row.perturbations.tolist() == [name]
        np.testing.assert_array_equal(row.mean, whole.row(name).mean)
        part = one.split(30, fold)
        assert name in one.problem.screen.perturbations[part.test]


def test_what_was_not_measured_has_no_held_out_prediction(store):
    screen = small.screen()
    names = screen.perturbations.copy()
    names[5] = "NEW"
    one = experiment(store, problem(replace(screen, perturbations=names)))
    with pytest.raises(InputError, match="NEW has no text embedding"):
        one.kept_held_out("gp", 10, "NEW")
    with pytest.raises(InputError, match="KD041 has no held-out prediction"):
        one.kept_held_out("gp", 10, "KD041")


@pytest.mark.parametrize("model", MODELS)
def test_a_model_of_all_perturbations_predicts_any_gene(model, store):
    one = experiment(store)
    fitted = one.fit_all(model)
    assert fitted.trained_on.tolist() == one.problem.screen.perturbations.tolist()
    prediction = fitted.predict(["OLD41", "KD041", "KD003", "OLD3"])
    assert prediction.perturbations.tolist() == ["OLD41", "KD041", "KD003", "OLD3"]
    assert prediction.genes.tolist() == fitted.genes.tolist()
    assert prediction.mean.shape == (4, 12)
    if MODELS[model].uses_embedding:
        np.testing.assert_array_equal(prediction.mean[0], prediction.mean[1])
        np.testing.assert_array_equal(prediction.mean[2], prediction.mean[3])
        assert not np.array_equal(prediction.mean[0], prediction.mean[2])
    if model == "knn":
        measured = one.problem.screen.select(["KD003"], fitted.genes).response[0]
        np.testing.assert_array_equal(prediction.mean[2], measured)


@pytest.mark.parametrize("name", ["KD003", "OLD3"])
@pytest.mark.parametrize("model", MODELS)
def test_genes_held_out_are_held_out_under_all_their_names(model, name, store):
    one = experiment(store)
    fitted = one.fit_all(model, held_out=[name])
    assert "KD003" not in fitted.trained_on
    assert len(fitted.trained_on) == 39
    screen = one.problem.screen
    altered = with_responses(screen, np.array([3]), np.full((1, 30), 1e4))
    other = experiment(store, problem(altered)).fit_all(model, held_out=[name])
    np.testing.assert_array_equal(fitted.predict(["KD003"]).mean, other.predict(["KD003"]).mean)
    # Holding out what is not in the screen changes nothing.
    assert len(one.fit_all(model, held_out=["KD041"]).trained_on) == 40


def test_genes_that_cannot_be_predicted_are_refused(store):
    fitted = experiment(store).fit_all("mean")
    with pytest.raises(InputError, match="NOGENE is not a known gene symbol"):
        fitted.predict(["KD003", "NOGENE"])
    with pytest.raises(InputError, match="NEW has no text embedding"):
        fitted.predict(["NEW"])
    with pytest.raises(InputError, match="at least one gene"):
        fitted.predict([])


def test_something_must_be_left_to_train_on(store):
    one = experiment(store)
    with pytest.raises(InputError, match=r"Only 1 perturbation\(s\) of LineA are left"):
        one.fit_all("mean", held_out=small.names("KD", 39))


@pytest.mark.parametrize("features", [1, 0, -5])
def test_settings_without_genes_are_refused(features):
    with pytest.raises(InputError, match=f"found {features}"):
        Settings(n_hvgs=features)


def test_too_few_perturbations_for_the_folds_are_refused(store):
    one = experiment(store, problem(small.screen(perturbations=3)))
    with pytest.raises(
        InputError, match="at most 3 folds for 3 perturbations, found 4: use --folds 3"
    ):
        one.scores("mean", 2, 0)


def test_the_smallest_experiment_works(store):
    one = experiment(store, problem(small.screen(perturbations=3)), folds=3)
    assert one.largest_training_size == 2
    for model in MODELS:
        assert np.isfinite(one.fold_prediction(model, 2, 0).mean).all()


def test_the_order_of_perturbations_does_not_matter(store, tmp_path):
    screen = small.screen()
    order = np.random.default_rng(0).permutation(40)
    shuffled = screen.select(perturbations=screen.perturbations[order])
    one = experiment(store)
    other = experiment(ResultsStore(tmp_path / "other"), problem(shuffled))
    for model in set(MODELS) - {"random"}:
        first, second = one.scores(model, 20, 0), other.scores(model, 20, 0)
        first, second = first.set_index("perturbation"), second.set_index("perturbation")
        assert set(first.index) == set(second.index)
        # The search for hyper-parameters sums in another order.
        np.testing.assert_allclose(first, second.loc[first.index], atol=1e-3)


def test_a_prediction_is_known_to_be_kept_once_its_fold_is(store):
    one = experiment(store)
    name = one.problem.screen.perturbations[one.split(20, 1).test[0]]
    elsewhere = one.problem.screen.perturbations[one.split(20, 2).test[0]]
    assert one.kept_held_out("knn", 20, name) is None
    predicted = one.fold_prediction("knn", 20, one.fold_of(name)).row(name)
    np.testing.assert_array_equal(one.kept_held_out("knn", 20, name).mean, predicted.mean)
    assert one.kept_held_out("knn", 20, elsewhere) is None
