"""Noise: against Shrout and Fleiss, Jordan's estimator on known truth, and crossed random effects."""

import numpy as np
import pytest
from scipy import stats

from trickbag.errors import InputError
from trickbag.stats import crossed_interval, diverged_p, evaluation_luck, seed_noise

# Shrout and Fleiss (1979), table 2: four judges (columns) rate six targets (rows).
RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])


def test_same_seed_correlation_is_shrout_and_fleiss():
    """ICC(3,1) = .71 in their table 4; R's psych::ICC gives the interval [.342, .946]."""
    noise = seed_noise(RATINGS.T)
    assert noise.correlation == pytest.approx(0.7148, abs=1e-4)
    assert (noise.correlation_low, noise.correlation_high) == pytest.approx((0.342, 0.946), abs=1e-3)
    np.testing.assert_allclose(noise.sd, RATINGS.std(axis=0, ddof=1))
    assert noise.pooled_sd == pytest.approx(np.sqrt(RATINGS.var(axis=0, ddof=1).mean()))
    assert noise.saved == noise.correlation


def test_correlation_is_the_formula_of_statistics_5_and_its_interval_covers():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(1000):
        table = np.sqrt(0.3) * rng.normal(size=6) + np.sqrt(0.7) * rng.normal(size=(5, 6))
        noise = seed_noise(table)
        hits += noise.correlation_low <= 0.3 <= noise.correlation_high
    residual = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
    within = table.var(axis=1, ddof=1).mean()
    assert noise.correlation == pytest.approx(1 - (residual**2).sum() / 20 / within)
    assert hits / 1000 == pytest.approx(0.95, abs=0.021)  # 3 SE


def test_pairing_never_saves_less_than_nothing_and_one_arm_has_no_correlation():
    assert seed_noise([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).saved == 0
    assert seed_noise([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).correlation == pytest.approx(-1)
    assert np.isnan(seed_noise([[1.0, 2.0, 3.0]]).correlation)
    assert np.isnan(seed_noise([[1.0, 1.0], [2.0, 2.0]]).correlation)
    assert seed_noise([[1.0, 2.0, 4.0]] * 3).correlation == pytest.approx(1)
    with pytest.raises(InputError, match="complete table"):
        seed_noise([[1.0, np.nan]])


def test_luck_is_everything_when_images_fail_independently():
    """Every seed has the same accuracy on the distribution: Var_dist = 0 (Jordan 2024, equation 3)."""
    rng = np.random.default_rng(1)
    rate = rng.beta(4, 1, size=2000)
    luck = evaluation_luck(rng.uniform(size=(40, 60, 2000)) < rate)
    assert luck.sd == pytest.approx(100 * np.sqrt((rate * (1 - rate)).sum()) / 2000, rel=0.05)  # 3 SE
    assert luck.share > 0.95
    assert luck.distribution_sd < 0.25 * luck.sd


def test_distribution_variance_is_unbiased():
    """Seeds with quality q ~ N(.8, .02²) and independent images: Var_dist is .02², not a chance finding."""
    rng = np.random.default_rng(2)
    quality = rng.normal(0.8, 0.02, size=(300, 8, 1))
    luck = evaluation_luck(rng.uniform(size=(300, 8, 400)) < quality)
    assert luck.distribution_sd == pytest.approx(2.0, rel=0.05)
    assert luck.share == pytest.approx(0.16 / 400 / (0.16 / 400 + 0.02**2), abs=0.05)


def test_luck_of_identical_runs_is_unknown():
    assert np.isnan(evaluation_luck(np.ones((3, 10), bool)).share)
    with pytest.raises(InputError, match="at least 2"):
        evaluation_luck(np.ones((1, 10), bool))


def crossed_bits(rng: np.random.Generator, seeds: int, images: int, effect: float) -> tuple[np.ndarray, ...]:
    """Bits of two recipes whose gain varies by image and by seed; the mean gain over both is `effect`."""
    base = rng.beta(2, 1, size=images) * 0.8
    gain = effect + rng.normal(0, 0.1, size=images) + rng.normal(0, 0.02, size=(seeds, 1))
    return rng.uniform(size=(seeds, images)) < base + gain, rng.uniform(size=(seeds, images)) < base


def test_crossed_interval_is_the_snippet_of_the_appendix():
    arm, base = crossed_bits(np.random.default_rng(3), 5, 300, 0.05)
    d = arm.astype(float) - base
    n, m = d.shape
    ds, di, g = d.mean(1), d.mean(0), d.mean()
    vs, vi = ds.var(ddof=1) / n, di.var(ddof=1) / m
    ve = ((d - ds[:, None] - di + g) ** 2).sum() / ((n - 1) * (m - 1)) / (n * m)
    total = max(vs + vi - ve, vs, vi)
    dof = total**2 / (vs**2 / (n - 1) + vi**2 / (m - 1))
    half = stats.t(dof).isf(0.025) * np.sqrt(total)
    found = crossed_interval(arm, base)
    assert (found.effect, found.se, found.df) == pytest.approx((100 * g, 100 * np.sqrt(total), dof))
    assert (found.low, found.high) == pytest.approx((100 * (g - half), 100 * (g + half)))


def test_crossed_interval_covers_new_images_where_seeds_alone_do_not():
    """The seeds-only interval covers the effect on the population 80 % with many seeds."""
    rng = np.random.default_rng(4)
    crossed, seeds_only = [], []
    for _ in range(300):
        arm, base = crossed_bits(rng, 20, 150, 0.0)
        found = crossed_interval(arm, base)
        crossed.append(found.low <= 0 <= found.high)
        seeds_only.append(stats.ttest_1samp((arm * 1.0 - base).mean(1), 0).pvalue > 0.05)
    assert np.mean(crossed) > 0.92
    assert np.mean(seeds_only) < 0.92


def test_crossed_interval_of_identical_runs_is_narrow_but_not_a_point():
    bits = np.random.default_rng(5).uniform(size=(4, 100)) < 0.9
    found = crossed_interval(bits, bits)
    assert found.effect == 0
    assert found.se == pytest.approx(100 / 400)  # one differing bit of 400
    assert found.low < 0 < found.high
    with pytest.raises(InputError, match="new images"):
        crossed_interval(bits, bits[:3])


def test_diverged_rates():
    assert diverged_p(0, 10, 0, 10) == diverged_p(10, 10, 5, 5) == 1
    table = [[7, 12], [8, 3]]  # the vaccine example of scipy.stats.barnard_exact: p = .0681 two-sided
    assert diverged_p(7, 15, 12, 15) == pytest.approx(stats.barnard_exact(table).pvalue)
    assert diverged_p(7, 15, 12, 15) == pytest.approx(0.0681, abs=1e-3)
    assert diverged_p(5, 6, 0, 6) < stats.fisher_exact([[5, 0], [1, 6]]).pvalue
    with pytest.raises(InputError, match="3 of 2"):
        diverged_p(3, 2, 0, 2)
