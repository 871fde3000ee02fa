"""Several workloads: against R (Paule-Mandel, Hartung-Knapp, Welch by hand), statsmodels, and known truth."""

import subprocess
import sys

import numpy as np
import pytest
from golden_values import R
from scipy import stats
from statsmodels.stats.oneway import anova_oneway

from trickbag.errors import InputError
from trickbag.stats import random_effects

GOLD = R["across"]


def test_it_is_rs():
    """R by hand: tau² with uniroot on the Paule-Mandel equation, Hartung-Knapp, Higgins; oneway.test for q_p."""
    found = random_effects(GOLD["effect"], GOLD["se"], GOLD["df"])
    # statsmodels stops at |Q(tau²) - (w - 1)| < 1e-5
    assert found.mean == pytest.approx(GOLD["mean"], abs=1e-6)
    assert found.tau == pytest.approx(GOLD["tau"], rel=1e-5)
    assert [found.low, found.high] == pytest.approx(GOLD["interval"], rel=1e-5)
    assert [found.prediction_low, found.prediction_high] == pytest.approx(GOLD["prediction"], rel=1e-5)
    assert found.i_squared == pytest.approx(1 - 4 / GOLD["q"], rel=1e-9)
    assert found.q_p == pytest.approx(GOLD["welch_p"], rel=1e-8)


def test_heterogeneity_is_welchs_anova_of_statsmodels():
    rng = np.random.default_rng(4)
    groups = [
        rng.normal(mean, sd, size=n) for mean, sd, n in ((0, 1, 5), (0.5, 2, 6), (1, 0.5, 4), (0.2, 1, 8))
    ]
    moments = np.array([(g.mean(), g.std(ddof=1) / np.sqrt(g.size), g.size - 1) for g in groups]).T
    expected = anova_oneway(groups, use_var="unequal", welch_correction=True).pvalue
    assert random_effects(*moments).q_p == pytest.approx(expected, rel=1e-9)


def test_known_standard_errors_give_cochrans_q():
    effect, se = np.array([0.1, 0.4, -0.2, 0.3]), np.array([0.1, 0.2, 0.15, 0.1])
    w = 1 / se**2
    q = (w * (effect - (w * effect).sum() / w.sum()) ** 2).sum()
    assert random_effects(effect, se, [np.inf] * 4).q_p == pytest.approx(stats.chi2(3).sf(q), rel=1e-6)


def test_two_equal_workloads_by_hand():
    """Equal effects, se .1 each: tau 0, se of the mean .1 / sqrt(2), t(1) = 12.706, and no prediction."""
    found = random_effects([0.3, 0.3], [0.1, 0.1], [4, 4])
    assert (found.mean, found.tau, found.i_squared, found.q_p) == (
        pytest.approx(0.3),
        0.0,
        0.0,
        pytest.approx(1.0),
    )
    assert found.high - found.mean == pytest.approx(12.7062047 * 0.1 / np.sqrt(2), rel=1e-6)
    assert np.isnan([found.prediction_low, found.prediction_high]).all()


def test_two_workloads_that_differ_by_hand():
    """Effects 0 and 1, se .1 each: Paule-Mandel (1/2) / (.01 + tau²) = 1; the mean's SE is half the difference."""
    found = random_effects([0.0, 1.0], [0.1, 0.1], [4, 4])
    assert found.tau == pytest.approx(np.sqrt(0.49), rel=1e-5)
    assert found.high - found.mean == pytest.approx(12.7062047 * 0.5, rel=1e-5)


def test_symmetries():
    effect, se, df = (np.array(GOLD[name], dtype=float) for name in ("effect", "se", "df"))
    found, order = random_effects(effect, se, df), [3, 0, 4, 1, 2]
    fields = ("mean", "low", "high", "tau", "i_squared", "q_p", "prediction_low", "prediction_high")
    relabelled = random_effects(effect[order], se[order], df[order])
    for name in fields:
        assert getattr(relabelled, name) == pytest.approx(getattr(found, name), rel=1e-9)
    shifted, mirrored = random_effects(effect + 5, se, df), random_effects(-effect, se, df)
    scaled = random_effects(10 * effect, 10 * se, df)
    assert (shifted.low, shifted.tau) == pytest.approx((found.low + 5, found.tau), rel=1e-9)
    assert (mirrored.low, mirrored.prediction_high) == pytest.approx(
        (-found.high, -found.prediction_low), rel=1e-9
    )
    assert (scaled.high, scaled.q_p) == pytest.approx((10 * found.high, found.q_p), rel=1e-6)


@pytest.mark.parametrize(("tau", "least", "most"), [(0.0, 0.945, 1.0), (2.0, 0.93, 0.97)])
def test_coverage(tau, least, most):
    """Five workloads of five seeds, true mean .5: nominal .95, above it where nothing differs (fixed-weight floor)."""
    rng = np.random.default_rng(9)
    seeds = rng.normal(
        0.5 + tau * rng.standard_normal((1000, 5, 1)), [[0.5], [0.7], [1.0], [1.0], [2.0]], (1000, 5, 5)
    )
    found = [random_effects(s.mean(1), s.std(1, ddof=1) / np.sqrt(5), np.full(5, 4)) for s in seeds]
    assert least < np.mean([f.low <= 0.5 <= f.high for f in found]) < most


def test_heterogeneity_test_holds_its_level_where_cochrans_q_does_not():
    """Five workloads of five seeds with one true effect: .05, against .15 for Q with chi² (± 3 SE of .007)."""
    seeds = np.random.default_rng(2).normal(size=(1000, 5, 5))
    effect, se = seeds.mean(-1), seeds.std(-1, ddof=1) / np.sqrt(5)
    ours = np.mean([random_effects(e, s, np.full(5, 4)).q_p < 0.05 for e, s in zip(effect, se, strict=True)])
    w = 1 / se**2
    q = (w * (effect - (w * effect).sum(1, keepdims=True) / w.sum(1, keepdims=True)) ** 2).sum(1)
    assert ours == pytest.approx(0.05, abs=0.021)
    assert (stats.chi2(4).sf(q) < 0.05).mean() > 0.12


@pytest.mark.parametrize(
    ("effect", "se", "df", "message"),
    [
        ([0.1], [0.1], [4], "at least two"),
        ([0.1, 0.2], [0.1], [4, 4], "at least two"),
        ([0.1, 0.2], [0.1, 0.0], [4, 4], "positive finite se"),
        ([0.1, 0.2], [0.1, np.inf], [4, 4], "positive finite se"),
        ([0.1, np.nan], [0.1, 0.1], [4, 4], "finite effect"),
    ],
)
def test_what_is_refused(effect, se, df, message):
    with pytest.raises(InputError, match=message):
        random_effects(effect, se, df)


def test_the_package_does_not_import_statsmodels_until_it_is_asked_to():
    asked = "print('statsmodels' in sys.modules)"
    code = f"import sys, trickbag.stats as stats; {asked}; stats.random_effects; {asked}"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False", "True"]
