"""The paired and moderated tests against R (t.test, TOST, Smyth's equations), scipy, statsmodels and arithmetic."""

import numpy as np
import pytest
from golden_values import R
from scipy import stats
from simulated import shared_comparison
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from trickbag.stats import cell_effects, diverged_p, effects, time_to_target, unpaired_effects
from trickbag.stats.moderated import variance_prior
from trickbag.stats.unpaired import _welch

TWO = R["two_samples"]
X, Y = np.array(TWO["x"]), np.array(TWO["y"])


def test_paired_t_is_rs():
    """R: t.test(x, y, paired = TRUE)."""
    found, r = effects([X - Y]), TWO["paired"]
    assert found.p[0] == pytest.approx(r["p"], rel=1e-9)
    assert [found.low[0], found.high[0]] == pytest.approx(r["interval"], rel=1e-9)


@pytest.mark.parametrize(("kind", "p"), [("welch_tost_p", 0.0022288), ("paired_tost_p", 0.0014311)])
def test_tost_of_r_and_statsmodels_agree_with_the_specification(kind, p):
    """docs' golden values; R: two one-sided t.test calls; statsmodels: ttost_ind(usevar="unequal"), ttost_paired."""
    test = ttost_paired if kind == "paired_tost_p" else ttost_ind
    options = {} if kind == "paired_tost_p" else {"usevar": "unequal"}
    assert TWO[kind] == pytest.approx(p, abs=5e-8)
    assert test(X, Y, -0.2, 0.2, **options)[0] == pytest.approx(TWO[kind], rel=1e-9)


def test_equivalence_is_shown_exactly_down_to_the_p_value_of_tost():
    """The twin at 1 - 2 p touches the margin: paired (moderated differences of one arm) and Welch."""
    paired = effects([X - Y], level=1 - TWO["paired_tost_p"])
    assert max(-paired.low_90[0], paired.high_90[0]) == pytest.approx(0.2, abs=1e-9)
    moments = (
        np.array([g.mean() for g in (Y, X)]),
        np.array([g.var(ddof=1) for g in (Y, X)]),
        np.full(2, 5.0),
    )
    for p, shown in ((TWO["welch_tost_p"] * (1 + 1e-6), True), (TWO["welch_tost_p"] * (1 - 1e-6), False)):
        assert _welch(*moments, 0.2, 1 - p)[2][0] == shown


def test_welchs_interval():
    """docs' golden value [-.101867, .121867], also of R and of scipy."""
    interval = stats.ttest_ind(X, Y, equal_var=False).confidence_interval()
    assert [interval.low, interval.high] == pytest.approx([-0.101867, 0.121867], abs=5e-7)
    assert TWO["welch"]["interval"] == pytest.approx([interval.low, interval.high], rel=1e-9)


def test_large_offset_loses_no_digit():
    """94.xx with differences of a thousandth; R subtracts 94 first, we do not (float64 keeps 94.001 to 1.4e-14)."""
    r = R["large_offset"]
    arm, base = np.array(r["arm"]), np.array(r["base"])
    paired, pooled = effects([arm - base]), unpaired_effects([arm], base)
    cells = cell_effects([base, arm], [[-1, 1]])  # two cells and seeds: the paired t
    for found, expected in ((paired, r["paired"]), (cells, r["paired"]), (pooled, r["pooled"])):
        assert found.p[0] == pytest.approx(expected["p"], rel=1e-9)
        assert [found.low[0], found.high[0]] == pytest.approx(expected["interval"], abs=1e-12)


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_numerical_accuracy_certificate(offset):
    """As NIST StRD's NumAcc1-4 (offset plus .2 ± .1): accuracy is lost only with the offset."""
    differences = np.array([0.2, 0.1, 0.3] * 7)  # mean .2, SD sqrt(14 · .01 / 20)
    exact = np.sqrt(14 * 0.01 / 20 / 21)
    shifted = (differences + offset) - offset
    assert effects([shifted]).se[0] == pytest.approx(exact, rel=1e-15 * offset / 0.1)


def test_moderation_is_smyths_by_r():
    """The rule of docs/statistics.md written in R from the equations of Smyth (2004), with R's digamma and uniroot."""
    r = R["moderation"]
    found = effects(np.array(r["differences"]), correlation=shared_comparison(6))
    for name in ("se", "df", "p", "p_adjusted"):
        np.testing.assert_allclose(getattr(found, name), r[name], rtol=1e-8)
    s0_squared, d0 = variance_prior(np.var(r["differences"], axis=1, ddof=1), 4.0)
    assert (s0_squared, d0) == pytest.approx((r["s0_squared"], r["d0"]), rel=1e-8)


def test_mcnemar_of_one_run_per_arm_is_the_binomial_test():
    """docs' golden value: 15 against 5 discordant images; kept to show that our references agree among themselves."""
    exact = mcnemar([[50, 15], [5, 30]], exact=True).pvalue
    assert exact == pytest.approx(0.0413895, abs=5e-8)
    assert stats.binomtest(5, 20).pvalue == pytest.approx(exact)


def test_barnard_is_between_nothing_and_fisher():
    """4 of 10 runs against 0 of 10: R's fisher.test is conservative, Barnard's unconditional test is not above it."""
    (a, b), (c, d) = R["fisher"]["table"]
    assert stats.fisher_exact([[a, b], [c, d]]).pvalue == pytest.approx(R["fisher"]["p"], rel=1e-9)
    ours = diverged_p(a, a + b, c, c + d)
    assert 0.02 < ours <= R["fisher"]["p"]


def test_log_rank_and_medians_are_those_of_rs_survival():
    """R: survdiff and survfit of the package survival; two runs are censored."""
    r = R["survival"]
    seconds, reached, group = (np.array(r[name]) for name in ("seconds", "reached", "group"))
    arm, comparison = ((seconds[group == g], reached[group == g]) for g in (0, 1))
    found = time_to_target(*arm, *comparison)
    assert found.p == pytest.approx(r["p"], rel=1e-9)
    assert [found.median, found.comparison_median] == r["medians"]
