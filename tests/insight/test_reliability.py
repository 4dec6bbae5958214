"""Indicators of trust: against brute force on a small fit, and the rules of the verdict."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr

from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.insight.reliability import (
    ENOUGH,
    NEAREST,
    NEIGHBOURS,
    ReliabilityReference,
    Verdict,
)
from tests.support import small

SETTINGS = Settings(folds=2, n_hvgs=25, top=5, components=6)


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    sources = [small.embedding("text", 130), small.embedding("sequence", 130, seed=4)]
    return Experiment(Problem.align(small.screen(perturbations=120), sources), SETTINGS)


@pytest.fixture(scope="module")
def held_out(experiment) -> list[str]:
    return list(experiment.problem.screen.perturbations[experiment.split(60, 0).test])


@pytest.fixture(scope="module")
def reference(experiment, held_out) -> ReliabilityReference:
    return ReliabilityReference.of(
        experiment.fit_fold("gp", 60, 0), experiment.problem.screen, held_out
    )


def test_accuracy_is_that_of_held_out_predictions(experiment, reference, held_out):
    scores = experiment.scores("gp", 60, 0).set_index("perturbation")["pearson_all"]
    np.testing.assert_allclose(reference.accuracy[held_out], scores[held_out], atol=1e-4)


def test_left_out_accuracy_compares_with_the_analytic_leave_one_out(experiment, reference):
    fitted = reference.fitted
    screen = experiment.problem.screen
    measured = screen.select(fitted.trained_on, fitted.genes).response
    errors, _ = fitted.model.leave_one_out()
    for row in (0, 17, 59):
        expected = pearsonr(measured[row] - errors[row], measured[row]).statistic
        assert reference.left_out.iloc[row] == pytest.approx(expected, abs=1e-6)


def test_indicators_are_what_they_say(reference, held_out):
    fitted, gene = reference.fitted, held_out[3]
    indicators = reference.values.loc[gene]
    z, trained = fitted.inputs([gene])[0], fitted.inputs(fitted.trained_on)
    for source, columns in fitted.joined.parts.items():
        distances = np.sort(np.linalg.norm(trained[:, columns] - z[columns], axis=1))
        assert indicators[f"distance {source}"] == pytest.approx(distances[:NEAREST].mean())
    prediction = fitted.predict([gene])
    assert indicators["width"] == pytest.approx(
        np.diff(prediction.interval(0.95), axis=0).mean() / 2, rel=1e-5
    )
    moved = prediction.mean[0] - fitted.model.mean_
    assert indicators["departure"] == pytest.approx(np.sqrt(np.mean(moved**2)), rel=1e-5)
    near = reference.neighbours(gene)
    assert len(near) == NEIGHBOURS
    assert indicators["neighbours"] == pytest.approx(near["accuracy"].mean())
    similarity = fitted.model.similarity(z[None])[0]
    assert near["similarity"].tolist() == sorted(similarity, reverse=True)[:NEIGHBOURS]
    first = near.iloc[0]
    assert first["accuracy"] == reference.left_out[first["perturbation"]]


def test_a_gene_outside_the_screen_has_indicators_too(reference):
    indicators = reference.values_of("KD125")
    assert "KD125" not in reference.values.index
    assert np.isfinite(indicators).all()
    assert reference.judge("KD125").gene == "KD125"


def test_correlations_are_spearmans_over_held_out_perturbations(reference):
    for name, values in reference.values.items():
        expected = spearmanr(values, reference.accuracy).statistic
        assert reference.correlations[name] == pytest.approx(expected)
    limit = 2 / np.sqrt(59)
    for indicator in reference.indicators:
        informative = indicator.better * reference.correlations[indicator.name] > limit
        assert (indicator in reference.informative) == informative


def made(accuracy: np.ndarray, **indicators: np.ndarray) -> ReliabilityReference:
    """A reference of given indicators; those not given are the same for all."""
    names = small.names("P", len(accuracy))
    columns = ("distance text", "width", "departure", "neighbours")
    table = {name: indicators.get(name, np.zeros(len(accuracy))) for name in columns}

    class Joined:
        parts = {"text": slice(None)}  # noqa: RUF012

    class Fitted:
        joined = Joined()

    return ReliabilityReference(
        Fitted(), pd.Series(dtype=float), pd.DataFrame(table, index=names, dtype=float),
        pd.Series(accuracy, index=names),
    )  # fmt: skip


ACCURACY = np.linspace(0, 0.6, 90)


def test_an_indicator_that_tells_sorts_genes_into_thirds():
    reference = made(ACCURACY, neighbours=ACCURACY + 1)
    assert [indicator.name for indicator in reference.informative] == ["neighbours"]
    for gene, third, standing in (
        ("P080", "upper", "more"), ("P045", "middle", "average"), ("P005", "lower", "less")
    ):  # fmt: skip
        verdict = reference.judge(gene)
        assert (verdict.third, verdict.standing) == (third, standing)
        assert gene not in verdict.accuracy.index  # its own measurement is not used
        assert gene not in verdict.alike.index
        assert 29 <= len(verdict.alike) <= 31
    words = reference.judge("P080").sentence()
    assert words.startswith("**More than most**")
    assert "predicted well (median r = 0.50" in words
    assert reference.judge("P005").sentence().startswith("**Less than most**")


def test_an_indicator_in_the_wrong_direction_is_not_used():
    reference = made(ACCURACY, neighbours=-ACCURACY, width=ACCURACY)
    assert not {"neighbours", "width"} & {indicator.name for indicator in reference.informative}
    words = reference.judge("P003").words()
    assert words.loc["Width of its intervals", "Predicts accuracy?"].startswith("no")


def test_indicators_weigh_what_they_tell():
    # The weaker indicator would place the gene low, the stronger one high.
    rng = np.random.default_rng(1)
    vague = ACCURACY + 0.3 * rng.normal(size=90)
    vague[85] = -1
    reference = made(ACCURACY, neighbours=ACCURACY, departure=vague)
    verdict = reference.judge("P085")
    weights = {s.name: reference.correlations[s.name] for s in reference.informative}
    assert weights["neighbours"] > weights["departure"] > 0
    ranks = {name: np.delete(reference.values[name].rank().to_numpy(), 85) for name in weights}
    standing = sum(weights[name] * ranks[name] for name in weights)
    at = sum(w * (reference.values[n] < reference.values.loc["P085", n]).sum()
             for n, w in weights.items())  # fmt: skip
    expected = "upper" if at > np.quantile(standing, 2 / 3) else "middle"
    assert verdict.third == expected


def test_the_genes_own_measurement_changes_nothing():
    rng = np.random.default_rng(2)
    indicators = {"neighbours": ACCURACY + 0.2 * rng.normal(size=90)}
    other = ACCURACY.copy()
    other[40] = -1
    one, two = (made(accuracy, **indicators).judge("P040") for accuracy in (ACCURACY, other))
    assert one.sentence() == two.sentence()
    assert one.words().equals(two.words())


def test_where_nothing_tells_the_average_is_given():
    reference = made(ACCURACY)
    assert reference.informative == []
    verdict = reference.judge("P001")
    assert verdict.third is None
    assert verdict.standing == "average"
    assert "Like any other prediction" in verdict.sentence()
    assert "All 89 held-out knockdowns were predicted moderately well" in verdict.sentence()


def test_few_held_out_perturbations_judge_nothing():
    reference = made(np.linspace(0, 1, ENOUGH - 1), neighbours=np.linspace(0, 1, ENOUGH - 1))
    assert reference.correlations.isna().all()
    assert reference.informative == []
    words = reference.judge("P001").words()["Predicts accuracy?"]
    assert words.str.contains("unknown: too few").all()


def test_the_outer_third_is_only_praised_where_accuracy_bears_it_out():
    everyone = pd.Series(np.linspace(0.1, 0.4, 40))

    def standing(alike: list[float], third: str) -> str:
        return Verdict("X", pd.DataFrame(), everyone, pd.Series(alike), third).standing

    worse = [0.1, 0.11, 0.12, 0.1, 0.11]
    assert standing(worse, "upper") == "average"
    assert standing(worse, "lower") == "less"
    assert standing([0.4, 0.39, 0.4], "upper") == "more"
    # Within the errors of a median there is nothing to say.
    assert standing([0.1, 0.4, 0.2, 0.3, 0.2], "lower") == "average"
    nothing = pd.Series([np.nan, np.nan])
    assert "**Unknown**" in Verdict("X", pd.DataFrame(), nothing, nothing, None).sentence()


def test_a_few_held_out_perturbations_prove_nothing():
    for count, trust in ((1, "unknown"), (4, "unknown"), (5, "high")):
        known = pd.Series([0.9] * count)
        verdict = Verdict("X", pd.DataFrame(), known, known, None)
        assert verdict.trust == trust
        assert (f"only {count} held-out" in verdict.because()) == (trust == "unknown")
        assert ("**Unknown**" in verdict.sentence()) == (trust == "unknown")


def test_percentiles_count_the_others():
    reference = made(ACCURACY, width=np.arange(90.0))
    row = reference.judge("P045").indicators.loc["width"]
    assert row["value"] == 45
    assert row["percentile"] == pytest.approx(100 * 45 / 89)
    assert row["typical"] == 44


@pytest.mark.parametrize("informative", [True, False])
def test_many_genes_are_trusted_as_each_is_judged(informative):
    rng = np.random.default_rng(0)
    neighbours = ACCURACY + 1 if informative else rng.permutation(ACCURACY)
    width = -ACCURACY + 0.3 * rng.normal(size=90) if informative else np.zeros(90)
    reference = made(ACCURACY, neighbours=neighbours, width=width)
    assert bool(reference.informative) == informative
    own = pd.DataFrame(rng.choice(reference.values.to_numpy().ravel(), (40, 4)))
    own.columns = reference.values.columns
    expected = [reference.judge("other", row).trust for _, row in own.iterrows()]
    assert reference.trust_in(own) == expected
    assert len(set(expected)) > 1 or not informative
