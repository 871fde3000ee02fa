"""The joint law of a family: against scipy's Dunnett, exact quadrature and statsmodels' Holm."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from trickbag.errors import InputError
from trickbag.stats import design_correlation, family_level, holm, single_step_p
from trickbag.stats.family import critical_t

# The example of scipy.stats.dunnett (red blood cell counts, Dunnett 1955): two drugs and a control.
CONTROL = [7.40, 8.50, 7.20, 8.24, 9.84, 8.32]
DRUGS = [[9.76, 8.80, 7.68, 9.36], [12.80, 9.68, 12.16, 9.20, 10.55]]


def dunnett_design() -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Effects, standard errors, correlation and degrees of freedom of that one-way layout."""
    groups = [np.array(g) for g in [CONTROL, *DRUGS]]
    df = sum(map(len, groups)) - 3
    variance = sum(((g - g.mean()) ** 2).sum() for g in groups) / df
    n = np.array([len(g) for g in groups[1:]])
    share = np.sqrt(n / (n + len(CONTROL)))
    correlation = np.outer(share, share)
    np.fill_diagonal(correlation, 1)
    effect = np.array([g.mean() - groups[0].mean() for g in groups[1:]])
    return effect, np.sqrt(variance * (1 / n + 1 / len(CONTROL))), correlation, df


def test_adjusted_p_values_are_dunnetts():
    effect, se, correlation, df = dunnett_design()
    p = single_step_p(effect / se, df, correlation, pooled=True)
    expected = stats.dunnett(*DRUGS, control=CONTROL, rng=np.random.default_rng(1)).pvalue
    np.testing.assert_allclose(p, expected, atol=0.003)  # two simulations: 3 SE of ours are .0046 at p = .62
    np.testing.assert_allclose(p, [0.6201, 0.0060], atol=0.003)  # scipy's documentation
    assert p[1] == pytest.approx(0.0060, abs=0.001)


def test_intervals_are_dunnetts():
    effect, se, correlation, df = dunnett_design()
    half = critical_t(family_level([df, df], 0.95, correlation, pooled=True), df) * se
    np.testing.assert_allclose(effect - half, [-1.257, 0.839], atol=0.01)  # scipy's documentation
    np.testing.assert_allclose(effect + half, [2.557, 4.417], atol=0.01)


@pytest.mark.parametrize("df", [[4.0] * 6, [4.0, 4.0, 9.0, 20.0, 20.0, np.inf], [1.0, 2.0, 3.0, 50.0]])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_level_is_exact_for_a_shared_comparison_and_mixed_degrees_of_freedom(df, level):
    """P(all |t_i| < c_i) by quadrature over the shared part: given it, sqrt(2) t_i is noncentral t."""
    k = len(df)
    alpha = family_level(df, level, design_correlation([(i, "base") for i in range(k)]))
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    nodes, weights = nodes[np.abs(nodes) < 8], weights[np.abs(nodes) < 8]  # the rest weighs 1e-14
    joint = np.ones_like(nodes)
    for d, c in zip(df, np.sqrt(2) * critical_t(alpha, df), strict=True):
        law = (
            stats.norm(nodes) if np.isinf(d) else stats.nct(d, np.abs(nodes))
        )  # symmetric in the shared part
        joint *= law.cdf(c) - np.nan_to_num(law.cdf(-c))  # nct gives nan for probabilities below 1e-15
    assert weights @ joint / np.sqrt(2 * np.pi) == pytest.approx(level, abs=0.003)  # 3 SE of the level


def test_level_without_correlation_is_sidak_and_single_contrasts_are_not_corrected():
    assert family_level([5.0] * 10, 0.95) == pytest.approx(1 - 0.95**0.1)
    assert family_level([5.0], 0.95, np.eye(1)) == pytest.approx(0.05)
    assert family_level([5.0] * 4, 0.95, np.eye(4)) == pytest.approx(1 - 0.95**0.25, abs=0.0006)


def test_level_lies_between_those_of_the_fewest_and_the_most_degrees_of_freedom():
    shared = design_correlation([(i, "base") for i in range(8)])
    fewest, mixed, most = (
        family_level(df, 0.95, shared) for df in (np.full(8, 4.0), np.linspace(4, 30, 8), np.full(8, 30.0))
    )
    assert 1 - 0.95**0.125 < fewest < mixed < most < 0.05


def test_correlation_of_designs():
    pairs = [("a", "base"), ("b", "base"), ("b", "a"), ("c", "d"), ("base", "a")]
    expected = [
        [1, 0.5, -0.5, 0, -1],
        [0.5, 1, 0.5, 0, -0.5],
        [-0.5, 0.5, 1, 0, 0.5],
        [0, 0, 0, 1, 0],
        [-1, -0.5, 0.5, 0, 1],
    ]  # by hand: cov(x - y, z - w) / 2 of independent arms with variance one
    np.testing.assert_array_equal(design_correlation(pairs), expected)


def test_the_same_contrast_twice_is_not_corrected_for():
    alpha = family_level([9.0, 9.0], 0.95, design_correlation([("a", "b"), ("b", "a")]), pooled=True)
    assert alpha == pytest.approx(0.05, abs=0.002)


def test_holm_is_that_of_statsmodels():
    p = np.random.default_rng(0).uniform(size=(5, 7)) ** 3
    for got, raw in zip(holm(p), p, strict=True):
        np.testing.assert_allclose(got, multipletests(raw, method="holm")[1], rtol=1e-12)


def test_holm_never_falls_when_a_null_arm_joins():
    p = np.array([0.001, 0.02, 0.03, 0.6])
    for null in (0.0005, 0.025, 0.4, 1.0):
        assert (holm([*p, null])[:4] >= holm(p)).all()


def test_what_is_refused():
    with pytest.raises(InputError, match="compared with itself"):
        design_correlation([("a", "a")])
    with pytest.raises(InputError, match="level"):
        family_level([4.0, 4.0], 95)
    with pytest.raises(InputError, match="does not fit 2 contrasts"):
        family_level([4.0, 4.0], 0.95, np.eye(3))
