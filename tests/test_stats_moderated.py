"""Moderated paired differences: against arithmetic written out, limma's numbers, scipy and symmetries."""

import math

import numpy as np
import pytest
from scipy import optimize, special, stats
from simulated import shared_comparison
from statsmodels.stats.multitest import multipletests

from trickbag.errors import InputError
from trickbag.stats import design_correlation, effects, family_level
from trickbag.stats.moderated import fit_prior, posterior, variance_prior


def study(k: int, n: int, seed: int = 0) -> np.ndarray:
    """Differences of k arms from one baseline at n seeds, with effects 0, 0.3, 0.6 …."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(k, n)) - rng.normal(size=n) + 0.3 * np.arange(k)[:, None]


def test_moment_fit_is_limmas():
    """R: limma::squeezeVar(c(.5, 1.3, 7.8), df = 3), as kept by inmoose (tests/limma/test_squeezeVar.py)."""
    s0_squared, d0 = variance_prior([0.5, 1.3, 7.8], 3.0)
    assert d0 == pytest.approx(2.830777, abs=1e-6)
    assert s0_squared == pytest.approx(1.676927, abs=1e-6)
    post = (d0 * s0_squared + 3 * np.array([0.5, 1.3, 7.8])) / (d0 + 3)
    np.testing.assert_allclose(post, [1.071385, 1.482994, 4.827317], atol=1e-6)


def test_equal_variances_give_an_infinite_prior_and_the_pooled_variance():
    s0_squared, d0 = variance_prior([[2.0, 2.0, 2.0, 2.0], [1.0, 2.0, 3.0, 2.0]], 4.0)
    assert np.isinf(d0).all()  # limma's fitFDist: df2 = Inf and the mean of the variances
    np.testing.assert_allclose(s0_squared, [2.0, 2.0])


def test_moment_fit_recovers_the_truth():
    """Smyth's model s² ~ s0² F(df, d0) with many variances: the fit must come back to it."""
    v = 0.7 * stats.f(4, 6).rvs(200_000, random_state=np.random.default_rng(1))
    s0_squared, d0 = variance_prior(v, 4.0)
    assert s0_squared == pytest.approx(0.7, rel=0.02)
    assert d0 == pytest.approx(6, rel=0.03)


# Five arms against one baseline at four seeds; the last is far noisier than the others.
HAND = np.array(
    [
        [0.30, 0.10, 0.20, 0.40],
        [-0.10, 0.50, 0.00, 0.00],
        [0.05, 0.15, 0.10, 0.10],
        [0.60, 0.70, 0.20, 0.50],
        [3.00, -2.00, 1.00, -2.00],
    ]
)


def by_hand(i: int) -> tuple[float, float, bool]:
    """(s², degrees of freedom, moderated) of contrast i, from the formulas of docs/statistics.md, term by term."""
    df = 3
    v = [sum((x - sum(row) / 4) ** 2 for x in row) / df for row in HAND.tolist()]
    psi = 2 - 0.57721566490153286 - 2 * math.log(2)  # digamma(3/2) = 2 - Euler's gamma - 2 log 2
    e = [math.log(v[j]) - psi + math.log(1.5) for j in range(5) if j != i]
    mean = sum(e) / 4
    excess = sum((x - mean) ** 2 for x in e) / 3 - (math.pi**2 / 2 - 4)  # trigamma(3/2) = pi²/2 - 4
    known = df * 16 / (4 + 12 * 0.25)  # four variances whose correlation is .5²: df 4² / sum of r²
    if excess <= 0:
        d0, s0 = math.inf, sum(v[j] for j in range(5) if j != i) / 4
        tail = special.gammaincc(df / 2, df * v[i] / s0 / 2)
    else:
        half = optimize.brentq(lambda y: special.zeta(2, y) - excess, 1e-3, 1e3)  # trigamma(y) = zeta(2, y)
        d0, s0 = 2 * half, math.exp(mean + special.digamma(half) - math.log(half))
        tail = stats.f(df, d0).sf(v[i] / s0)
    if tail < 0.1:
        return v[i], df, False
    d0 = min(d0, known)
    return (d0 * s0 + df * v[i]) / (d0 + df), d0 + df, True


def test_worked_example():
    found = effects(HAND, correlation=shared_comparison(5))
    expected = [by_hand(i) for i in range(5)]
    assert [m for *_, m in expected] == [True, True, True, True, False]  # the switch is part of the example
    np.testing.assert_array_equal(found.moderated, [m for *_, m in expected])
    np.testing.assert_allclose(found.effect, [0.25, 0.1, 0.1, 0.5, 0.0], atol=1e-12)
    np.testing.assert_allclose(found.df, [d for _, d, _ in expected], rtol=1e-10)
    np.testing.assert_allclose(found.se, [math.sqrt(s / 4) for s, *_ in expected], rtol=1e-10)
    p = 2 * stats.t(found.df).sf(np.abs(found.effect / found.se))
    np.testing.assert_allclose(found.p, p, rtol=1e-9)
    np.testing.assert_allclose(found.p_adjusted, multipletests(p, method="holm")[1], rtol=1e-9)


def test_worked_example_without_a_prior_scatter():
    """Without the noisy arm the four others scatter less than chance: d0 is bounded by what they know."""
    found = effects(HAND[[0, 3, 0, 3, 0]] * [[1], [1], [-1], [-1], [2]], correlation=shared_comparison(5))
    np.testing.assert_allclose(found.df[:4], 3 + 3 * 16 / 7)


def test_intervals_are_built_from_the_family_level():
    found = effects(study(6, 5), correlation=shared_comparison(6))
    for level, low, high in ((0.95, found.low, found.high), (0.9, found.low_90, found.high_90)):
        half = stats.t(found.df).isf(family_level(found.df, level, shared_comparison(6)) / 2) * found.se
        np.testing.assert_allclose(low, found.effect - half, rtol=1e-9)
        np.testing.assert_allclose(high, found.effect + half, rtol=1e-9)


@pytest.mark.parametrize("k", [1, 2])
def test_one_or_two_contrasts_are_plain_paired_t(k):
    rng = np.random.default_rng(4)
    arms, base = rng.normal(94, 0.2, size=(k, 6)), rng.normal(94, 0.2, size=6)
    found = effects(arms - base)
    assert not found.moderated.any()
    for i in range(k):
        test = stats.ttest_rel(arms[i], base)
        assert found.p[i] == pytest.approx(test.pvalue)
        interval = test.confidence_interval(0.95 ** (1 / k))
        assert (found.low[i], found.high[i]) == pytest.approx((interval.low, interval.high))


def test_equivalence_is_tost():
    """Paired TOST (statsmodels ttost_paired), p = .0014311: the twin at 1 - 2p just touches the margin of .2."""
    x, y = np.array([94.1, 94.2, 94.0, 94.15, 94.05]), np.array([94.05, 94.2, 94.1, 94.1, 94.0])
    found = effects([x - y], level=1 - 0.0014311)
    assert found.high_90[0] == pytest.approx(0.2, abs=2e-5)
    assert found.low_90[0] > -0.2


def test_symmetries():
    d, correlation = study(6, 5), shared_comparison(6)
    base = effects(d, correlation=correlation)
    order, seeds = [3, 1, 5, 0, 2, 4], [4, 2, 0, 1, 3]
    relabelled = effects(d[order][:, seeds], correlation=correlation)
    for name in ("effect", "se", "df", "p", "p_adjusted", "low", "high_90"):
        np.testing.assert_allclose(getattr(relabelled, name), getattr(base, name)[order], rtol=1e-10)
    mirrored = effects(-d, correlation=correlation)
    np.testing.assert_allclose(mirrored.low, -base.high)
    np.testing.assert_allclose(mirrored.high_90, -base.low_90)
    scaled = effects(100 * d, correlation=correlation)
    np.testing.assert_allclose(scaled.low, 100 * base.low)
    np.testing.assert_allclose(scaled.p_adjusted, base.p_adjusted)
    shifted = effects(d + 7, correlation=correlation)
    np.testing.assert_allclose(shifted.low, base.low + 7)


def test_a_further_null_arm_of_the_same_noise_tightens_the_family():
    """Equal variances: the standard errors stay, and every contrast is held to a stricter level."""
    d = np.vstack([np.roll([0.2, 0.4, 0.3, 0.5, 0.1], i) + 0.1 * i for i in range(5)])
    null = np.array([0.2, 0.4, 0.3, 0.5, 0.1]) - 0.3
    few, more = (
        effects(d, correlation=shared_comparison(5)),
        effects([*d, null], correlation=shared_comparison(6)),
    )
    np.testing.assert_allclose(few.se, more.se[:5])
    assert more.alpha < few.alpha


def test_more_noise_elsewhere_changes_nobody_who_stands_alone():
    d = study(5, 5)
    d[0] *= 100
    base, louder = effects(d), effects(np.vstack([d[:1] * 3, d[1:]]))
    assert not base.moderated[0]
    assert not louder.moderated[0]
    assert louder.se[0] == pytest.approx(3 * base.se[0])


def test_a_diverged_run_shortens_one_row_only():
    d = list(study(5, 5))
    d[2] = d[2][:3]
    found = effects(d, correlation=shared_comparison(5))
    np.testing.assert_array_equal(found.seeds, [5, 5, 3, 5, 5])
    assert found.effect[2] == pytest.approx(d[2].mean())
    known = fit_prior(np.ones(5), np.array([4, 4, 2, 4, 4.0]), shared_comparison(5)).known
    # by hand: (4+4+2+4)² / (4+4+2+4 + .25 · 2 · (3 pairs of 4 and 3 of 2)), and four rows of 4 for the third
    np.testing.assert_allclose(known[[0, 2]], [14**2 / (14 + 0.5 * 18), 16**2 / (16 + 0.5 * 24)])


def test_two_seeds_work_and_are_wide():
    two, five = (effects(study(8, n), correlation=shared_comparison(8)) for n in (2, 5))
    assert np.isfinite(two.low).all()
    assert np.median(two.high - two.low) > np.median(five.high - five.low)
    alone = effects(study(2, 2))  # t with one degree of freedom at Šidák's level .0253
    np.testing.assert_allclose((alone.high - alone.effect) / alone.se, 25.1, atol=0.1)


def test_ties_borrow_where_they_can():
    """Five equal differences of .1 do not make the seed noise zero, and tell the others nothing."""
    d = study(6, 5)
    d[0] = 94.1 - 94.0  # 0.0999…: not exactly representable
    d[1] = 0.0
    found = effects(d, correlation=shared_comparison(6))
    assert found.moderated[:2].all()
    np.testing.assert_allclose(found.se[:2], found.se[0])
    assert found.se[0] > 0.1
    expected = fit_prior(d[2:].var(axis=1, ddof=1), 4.0, shared_comparison(4))
    rest = effects(d[2:], correlation=shared_comparison(4))
    np.testing.assert_allclose(found.se[2:], rest.se)
    np.testing.assert_allclose(expected.known, rest.df.max() - 4)


def test_ties_without_anything_to_borrow_from():
    blind = effects([[0.1, 0.1, 0.1]])
    assert (blind.p[0], blind.low[0], blind.high[0]) == (1.0, -np.inf, np.inf)
    known = effects([[0.1, 0.1, 0.1]], resolution=0.1)
    # the smallest variance three values on a grid of .1 can show is that of (0, 0, .1)
    assert known.se[0] == pytest.approx(np.std([0, 0, 0.1], ddof=1) / np.sqrt(3))
    same = effects(np.zeros((4, 5)), resolution=0.01, correlation=shared_comparison(4))
    assert (np.abs(same.low) < 0.02).all()
    assert (same.p == 1).all()


@pytest.mark.parametrize("truth", [0.0, 0.2, 0.5])
def test_coverage_on_a_coarse_grid(truth):
    """Accuracy counts images: with seed noise well under one image most rows are ties, and still covered."""
    rng = np.random.default_rng(8)
    rows = np.floor(rng.normal(truth, 0.3, size=(1500, 5)) + rng.uniform(size=(1500, 5)))  # mean is `truth`
    _, index = np.unique(np.sort(rows), axis=0, return_inverse=True)
    one = [effects([row], resolution=1.0) for row in np.unique(np.sort(rows), axis=0)]
    covered = np.array([e.low[0] <= truth <= e.high[0] for e in one])[index]
    assert covered.mean() > 0.94


def test_what_is_refused():
    with pytest.raises(InputError, match=r"contrast 1 has 1 seed"):
        effects([[0.1, 0.2], [0.1]])
    with pytest.raises(InputError, match="complete seeds"):
        effects([[0.1, np.nan]])
    with pytest.raises(InputError, match="no contrast"):
        effects([])


def test_posterior_works_on_many_studies_at_once():
    v = np.random.default_rng(2).chisquare(4, size=(50, 6))
    together = posterior(v, 4.0, fit_prior(v, 4.0, shared_comparison(6)))
    for i in (0, 17, 49):
        alone = posterior(v[i], 4.0, fit_prior(v[i], 4.0, shared_comparison(6)))
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_allclose(a[i], b)


def test_chained_comparisons_are_a_design_too():
    steps = design_correlation([("a", "base"), ("b", "a"), ("c", "b"), ("d", "c")])
    found = effects(np.diff(np.random.default_rng(3).normal(size=(5, 6)), axis=0), correlation=steps)
    assert 1 - 0.95**0.25 <= found.alpha < 0.014
