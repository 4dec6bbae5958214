from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mean_absolute_error

from llmpert.errors import InputError
from llmpert.evaluation.comparison import Measured
from llmpert.evaluation.metrics import mae, pearson, strongest_responses, top_genes
from llmpert.evaluation.scores import evaluate, paper
from tests.support import small

NAMES = ["pearson_top20", "pearson_all", "mae_top20", "mae_all"]


def pairs(elements, min_genes: int = 2):
    """Two matrices of one shape: predictions and measurements."""
    return st.tuples(st.integers(1, 4), st.integers(min_genes, 8)).flatmap(
        lambda shape: st.tuples(*[arrays(np.float64, shape, elements=elements)] * 2)
    )


moderate = st.floats(-100, 100, allow_subnormal=False).map(lambda x: round(x, 3))


@given(pairs(moderate))
def test_pearson_is_scipys_and_undefined_for_constant_rows(pair):
    predicted, measured = pair
    values = pearson(predicted, measured)
    assert values.shape == (len(predicted),)
    for p, m, value in zip(predicted, measured, values, strict=True):
        if len(set(p)) == 1 or len(set(m)) == 1:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(scipy.stats.pearsonr(p, m).statistic, abs=1e-7)


@given(
    pairs(st.integers(-50, 50).map(float)),
    st.floats(-290, 290).map(lambda x: 10.0**x),
    st.floats(-290, 290).map(lambda x: 10.0**x),
)
def test_pearson_does_not_depend_on_units(pair, unit, other_unit):
    predicted, measured = pair
    np.testing.assert_allclose(
        pearson(predicted * unit, measured * other_unit), pearson(predicted, measured), atol=1e-9
    )


@given(pairs(st.integers(-50, 50).map(float)))
def test_pearson_is_symmetric_and_turns_sign(pair):
    predicted, measured = pair
    values = pearson(predicted, measured)
    np.testing.assert_allclose(pearson(measured, predicted), values, atol=1e-12)
    np.testing.assert_allclose(pearson(-predicted, measured), -values, atol=1e-12)


def test_perfect_predictions_score_one():
    measured = np.random.default_rng(0).normal(size=(5, 30)).astype(np.float32)
    np.testing.assert_allclose(pearson(measured, measured), 1)
    np.testing.assert_allclose(pearson(3 * measured + 2, measured), 1, rtol=1e-6)
    np.testing.assert_array_equal(mae(measured, measured), 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, -3e5, 1e-30])
def test_rows_equal_up_to_rounding_are_constant(dtype, value):
    varied = np.arange(6, dtype=dtype)[None]
    constant = np.full((1, 6), value, dtype=dtype)
    # The last digit of a number, as different orders of summation leave it.
    rounded = np.where(np.arange(6) % 2, constant, np.nextafter(constant, dtype(1e30)))
    for row in (constant, rounded) if value else (constant,):
        assert np.isnan(pearson(row, varied)).all()
        assert np.isnan(pearson(varied, row)).all()
        assert np.isnan(pearson(row, row)).all()


def test_small_differences_are_no_rounding():
    # A thousandth on top of a common shift, which single precision can hold.
    row = (10 + 1e-3 * np.arange(6))[None].astype(np.float32)
    assert pearson(row, np.arange(6.0)[None])[0] == pytest.approx(1, abs=1e-3)


def test_a_single_gene_has_no_correlation():
    assert np.isnan(pearson(np.ones((2, 1)), np.zeros((2, 1)))).all()


def test_whole_numbers_can_be_compared():
    assert pearson(np.array([[1, 2, 3]]), np.array([[1, 2, 4]]))[0] == pytest.approx(
        scipy.stats.pearsonr([1, 2, 3], [1, 2, 4]).statistic
    )


@given(pairs(st.floats(-1e30, 1e30), min_genes=1))
def test_mae_is_scikit_learns(pair):
    predicted, measured = pair
    expected = [mean_absolute_error(m, p) for p, m in zip(predicted, measured, strict=True)]
    np.testing.assert_allclose(mae(predicted, measured), expected)


def test_mae_of_single_precision_is_taken_in_double():
    measured = np.full((1, 10**6), 0.1, dtype=np.float32)
    expected = abs(np.float64(np.float32(0.1)))
    assert mae(np.zeros_like(measured), measured)[0] == pytest.approx(expected, rel=1e-9)


@given(
    st.integers(1, 9).flatmap(
        lambda genes: st.tuples(
            arrays(np.float32, (3, genes), elements=st.integers(-3, 3).map(float)),
            st.one_of(st.none(), arrays(np.float32, genes, elements=st.floats(0, 4, width=16))),
        )
    ),
    st.integers(2, 12),
)
def test_top_genes_are_the_strongest_in_brute_force(case, top):
    measured, spread = case
    chosen = top_genes(measured, top, spread)
    genes = measured.shape[1]
    assert chosen.shape == (3, min(top, genes))
    for row, columns in zip(measured.tolist(), chosen.tolist(), strict=True):
        known = [True] * genes if spread is None else [s > 0 for s in spread]
        strength = [
            abs(x) / (1 if spread is None else float(spread[g])) if known[g] else -1
            for g, x in enumerate(row)
        ]
        # Python's sort keeps the order of equals.
        assert columns == sorted(range(genes), key=lambda g: -strength[g])[:top]


@pytest.mark.parametrize("without", [0.0, np.nan, -1.0, np.inf])
def test_genes_without_spread_come_last_even_after_genes_that_do_not_respond(without):
    measured = np.array([[9.0, 0.0, -1.0]])
    chosen = top_genes(measured, 3, np.array([without, 1.0, 1.0]))
    assert chosen.tolist() == [[2, 1, 0]]


def test_spread_turns_differences_into_z_scores():
    measured = np.array([[4.0, -3.0, 1.0]])
    assert top_genes(measured, 2).tolist() == [[0, 1]]
    assert top_genes(measured, 2, np.array([4.0, 1.0, 0.2])).tolist() == [[2, 1]]


def test_statistics_of_single_cells_count_before_all_else():
    measured = np.array([[4.0, -3.0, 1.0], [1.0, 1.0, 1.0]])
    t = np.array([[1.0, 2.0, -9.0], [0.0, -5.0, 3.0]])
    assert top_genes(measured, 2, np.array([4.0, 1.0, 0.2]), t).tolist() == [[2, 1], [1, 2]]


def test_the_strongest_responses_of_a_screen_are_those_of_all_it_knows():
    screen = small.screen(control_sd=np.linspace(0.1, 3, 30))
    rows, columns = np.array([3, 0]), np.array([5, 6, 7, 29, 1])
    block = np.ix_(rows, columns)
    by_spread = top_genes(screen.response[block], 3, screen.control_sd[columns])
    np.testing.assert_array_equal(strongest_responses(screen, rows, columns, 3), by_spread)
    t = np.random.default_rng(0).normal(size=screen.response.shape)
    with_cells = replace(screen, layers={"t": t})
    expected = np.argsort(-np.abs(t[block]), axis=1)[:, :3]
    np.testing.assert_array_equal(strongest_responses(with_cells, rows, columns, 3), expected)


def test_the_papers_scores_come_first():
    assert list(paper()) == NAMES
    assert list(paper(5)) == ["pearson_top5", "pearson_all", "mae_top5", "mae_all"]
    for name, metric in paper(7).items():
        assert ("7" in metric.definition) == (metric.top == 7)
        assert metric.best == ("max" if "pearson" in name else "min")


@pytest.mark.parametrize("top", [1, 0, -3])
def test_a_correlation_needs_two_genes(top):
    with pytest.raises(InputError, match=f"found {top}"):
        paper(top)


@given(st.integers(0, 10**6), st.integers(3, 30), st.booleans())
def test_evaluate_scores_each_perturbation_on_its_own_genes(seed, genes, known):
    rng = np.random.default_rng(seed)
    predicted, measured = rng.normal(size=(2, 4, genes))
    spread = rng.uniform(0.5, 2, size=genes) if known else None
    values = evaluate(predicted, Measured(measured, top_genes(measured, 5, spread)), paper(5))
    assert list(values) == list(paper(5))
    for row in range(4):
        strength = np.abs(measured[row]) / (1 if spread is None else spread)
        strongest = np.argsort(strength)[::-1][:5]
        p, m = predicted[row], measured[row]
        expected = {
            "pearson_top5": np.corrcoef(p[strongest], m[strongest])[0, 1],
            "pearson_all": np.corrcoef(p, m)[0, 1],
            "mae_top5": np.mean(np.abs(p - m)[strongest]),
            "mae_all": np.mean(np.abs(p - m)),
        }
        for name, value in expected.items():
            assert values[name][row] == pytest.approx(value, abs=1e-9)


def test_undefined_correlations_leave_errors_defined():
    measured = np.vstack([np.zeros(30), np.arange(30.0)])
    values = evaluate(np.ones((2, 30)), Measured(measured, top_genes(measured, 20)), paper())
    assert np.isnan(values["pearson_all"]).all()
    assert np.isnan(values["pearson_top20"]).all()
    np.testing.assert_allclose(values["mae_all"], [1, np.mean(np.abs(np.arange(30) - 1))])
