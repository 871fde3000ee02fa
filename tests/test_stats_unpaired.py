"""Unshared seeds: against scipy.stats.dunnett, R's multcomp and Welch, symmetries, error rates, and mutations."""

import numpy as np
import pytest
from golden_values import R
from scipy import stats
from statsmodels.stats.multitest import multipletests

from trickbag.errors import InputError
from trickbag.stats import pooled, unpaired_effects, unpaired_fragile, verdicts

ARMS = [np.array(R["unpaired"]["arms"][name]) for name in "abcd"]
BASE = np.array(R["unpaired"]["arms"]["base"])
MONTE_CARLO = 0.005  # three SE of a share of 100,000 draws at .5; at the .05 that decides it is .002


def test_dunnetts_blood_counts():
    """The example of Dunnett (1955) in the documentation of scipy.stats.dunnett: p .6201, .0060 and both intervals."""
    control = [7.40, 8.50, 7.20, 8.24, 9.84, 8.32]
    drugs = [[9.76, 8.80, 7.68, 9.36], [12.80, 9.68, 12.16, 9.20, 10.55]]
    found = unpaired_effects(drugs, control)
    np.testing.assert_allclose(found.p_adjusted, [0.62010, 0.00595], atol=MONTE_CARLO)
    assert found.p_adjusted[1] == pytest.approx(0.00595, abs=0.001)
    np.testing.assert_allclose(
        found.low, [-1.257, 0.839], atol=0.01
    )  # scipy's own noise between seeds is .003
    np.testing.assert_allclose(found.high, [2.557, 4.417], atol=0.01)


def test_unequal_groups_are_multcomps():
    """R: glht(lm(acc ~ arm), mcp(arm = "Dunnett")); the level of our 100,000 draws has SE .0007, .005 of t = 2.6."""
    found, r = unpaired_effects(ARMS, BASE), R["unpaired"]
    np.testing.assert_allclose(found.effect, r["effect"], rtol=1e-9)
    np.testing.assert_allclose(found.se, r["se"], rtol=1e-9)
    assert set(found.df) == {r["df"]}
    np.testing.assert_allclose(found.p_adjusted, r["p_adjusted"], atol=0.002)
    for high in ("high", "high_90"):
        half = getattr(found, high) - found.effect
        np.testing.assert_allclose(half, np.array(r[high]) - r["effect"], rtol=0.006)


@pytest.mark.parametrize(("k", "n", "n0"), [(2, 5, 5), (5, 5, 12), (8, 4, 4)])
def test_it_is_scipys_dunnett(k, n, n0):
    rng = np.random.default_rng(k)
    arms, base = rng.normal(94, 0.2, size=(k, n)) + 0.1 * np.arange(k)[:, None], rng.normal(94, 0.2, size=n0)
    found, scipys = unpaired_effects(arms, base), stats.dunnett(*arms, control=base, rng=1)
    np.testing.assert_allclose(found.effect / found.se, scipys.statistic, rtol=1e-8)
    np.testing.assert_allclose(found.p_adjusted, scipys.pvalue, atol=MONTE_CARLO)
    interval = scipys.confidence_interval(0.95)
    np.testing.assert_allclose(found.high - found.low, interval.high - interval.low, rtol=0.01)


def test_one_arm_is_students_t():
    found, test = unpaired_effects(ARMS[:1], BASE), stats.ttest_ind(ARMS[0], BASE)
    interval = test.confidence_interval()
    assert (found.p[0], found.p_adjusted[0]) == pytest.approx((test.pvalue, test.pvalue))
    assert (found.low[0], found.high[0]) == pytest.approx((interval.low, interval.high))


def test_welch_with_holm_is_rs():
    """R: p.adjust(t.test p-values, "holm") = .067, .90, .00015, .21; Dunnett claims c and d, Welch not d (3 runs)."""
    found = unpaired_effects(ARMS, BASE)
    ours = multipletests([stats.ttest_ind(arm, BASE, equal_var=False).pvalue for arm in ARMS], method="holm")[
        1
    ]
    np.testing.assert_allclose(ours, R["unpaired"]["welch_holm"], rtol=1e-8)
    words = verdicts(found, 0.05)
    assert words == ["undecided", "undecided", "better", "worse"]
    for level in (0.7949, 0.7947):  # around 1 - .205168: the level at which Welch with Holm shows d
        flags = unpaired_fragile(ARMS, BASE, ["undecided"] * 4, 0.05, level=level)
        assert flags.tolist() == [True, False, True, level < 1 - R["unpaired"]["welch_holm"][3]]
    assert unpaired_fragile(ARMS, BASE, words, 0.05).tolist() == [False, False, False, True]


def test_leaving_one_run_out_is_the_t_test_of_the_rest():
    """One arm and its comparison: pooled Student's t of scipy on the runs that remain, for every run of either."""
    rng = np.random.default_rng(11)
    seen = set()
    for _ in range(60):
        arm, base = rng.normal(1.3, 1, size=6), rng.normal(0, 1, size=5)
        rest = [stats.ttest_ind(np.delete(arm, i), base) for i in range(6)]
        rest += [stats.ttest_ind(arm, np.delete(base, i)) for i in range(5)]
        welch = stats.ttest_ind(arm, base, equal_var=False)
        expected = all(t.pvalue < 0.05 and t.statistic > 0 for t in [*rest, welch])
        assert unpaired_fragile([arm], base, ["better"], 0.1)[0] == (not expected)
        seen.add(expected)
    assert seen == {True, False}


def test_claims_from_two_runs_are_always_fragile():
    arms, base = [[95.0, 95.01], [94.001, 94.0]], [94.0, 94.01, 93.99, 94.0]
    words = verdicts(unpaired_effects(arms, base), 0.1)
    assert words == ["better", "equivalent"]
    assert unpaired_fragile(arms, base, words, 0.1).all()


def test_symmetries():
    found = unpaired_effects(ARMS, BASE)
    order = [2, 0, 3, 1]
    relabelled = unpaired_effects([ARMS[i][::-1] for i in order], BASE[::-1])
    shifted = unpaired_effects([arm + 3 for arm in ARMS], BASE + 3)
    scaled = unpaired_effects([10 * arm for arm in ARMS], 10 * BASE)
    error = unpaired_effects([100 - arm for arm in ARMS], 100 - BASE)
    for name in ("effect", "se", "low", "high", "low_90", "high_90", "p", "p_adjusted"):
        np.testing.assert_allclose(getattr(relabelled, name), getattr(found, name)[order], rtol=1e-8)
        np.testing.assert_allclose(getattr(shifted, name), getattr(found, name), rtol=1e-8)
    np.testing.assert_allclose(scaled.high_90, 10 * found.high_90, rtol=1e-8)
    np.testing.assert_allclose(error.low, -found.high, rtol=1e-8)
    np.testing.assert_allclose(error.low_90, -found.high_90, rtol=1e-8)
    swapped = unpaired_effects([BASE], ARMS[0])  # arm and comparison
    assert swapped.low[0] == pytest.approx(-unpaired_effects(ARMS[:1], BASE).high[0], rel=1e-9)


def test_flags_do_not_depend_on_names_or_on_the_sign():
    words = ["better", "equivalent", "better but small", "worse"]
    flags = unpaired_fragile(ARMS, BASE, words, 0.3)
    order = [3, 1, 0, 2]
    np.testing.assert_array_equal(
        unpaired_fragile([ARMS[i] for i in order], BASE, [words[i] for i in order], 0.3), flags[order]
    )
    mirrored = unpaired_fragile(
        [100 - arm for arm in ARMS], 100 - BASE, ["worse", "equivalent", "worse", "better"], 0.3
    )
    np.testing.assert_array_equal(mirrored[[0, 1, 3]], flags[[0, 1, 3]])


def test_a_null_arm_that_leaves_the_variance_as_it_is_only_makes_it_stricter():
    """Not true of any null arm: a quiet one lowers the pooled variance. With equal variances df grow, so at many."""
    ring = np.array([0.1, -0.1, 0.05, -0.05, 0.0] * 8)
    arms = [94 + ring + gain for gain in (0.03, 0.04, 0.05)]
    few, more = unpaired_effects(arms, 94 + ring), unpaired_effects([*arms, 94 + ring], 94 + ring)
    np.testing.assert_allclose(few.se, more.se[:3])
    assert more.alpha < few.alpha
    assert (more.p_adjusted[:3] > few.p_adjusted).all()


def test_the_same_numbers_every_time():
    a, b = unpaired_effects(ARMS, BASE), unpaired_effects(ARMS, BASE)
    pooled._levels.cache_clear()
    c = unpaired_effects(ARMS, BASE)
    for other in (b, c):
        np.testing.assert_array_equal(a.low, other.low)
        np.testing.assert_array_equal(a.p_adjusted, other.p_adjusted)


def test_ties_neither_crash_nor_claim():
    found = unpaired_effects([[94.1] * 4, [93.0] * 3], [94.0] * 5)
    assert np.isinf(found.se).all()
    words = verdicts(found, 0.1)
    assert words == ["undecided", "undecided"]
    assert not unpaired_fragile([[94.1] * 4, [93.0] * 3], [94.0] * 5, words, 0.1).any()
    noisy = [94.0, 94.2, 94.1, 93.9]  # gives Dunnett a variance; Welch sees two groups of ties
    claimed = verdicts(unpaired_effects([[97.0] * 4, noisy], [94.0] * 5), 0.1)
    assert claimed[0] == "better"
    assert unpaired_fragile([[97.0] * 4, noisy], [94.0] * 5, claimed, 0.1)[0]


@pytest.mark.parametrize(
    ("arms", "base", "message"),
    [
        ([], [1.0, 2.0], "no arm"),
        ([[1.0]], [1.0, 2.0], "at least 2"),
        ([[1.0, 2.0]], [1.0], "at least 2"),
        ([[1.0, np.nan]], [1.0, 2.0], "missing"),
    ],
)
def test_what_is_refused(arms, base, message):
    with pytest.raises(InputError, match=message):
        unpaired_effects(arms, base)


# ---- error rates ------------------------------------------------------------------------------------------------

REPLICATES = 1000
SE = np.sqrt(0.05 * 0.95 / REPLICATES)


def rates(
    k: int, n: int, n0: int, arm_sd: float = 1.0, base_sd: float = 1.0, check: bool = False
) -> tuple[float, float]:
    """How often anything is claimed, and anything not fragile (0 unless asked), when nothing differs."""
    rng = np.random.default_rng(3)
    claimed = solid = 0
    for _ in range(REPLICATES):
        arms, base = rng.standard_normal((k, n)), base_sd * rng.standard_normal(n0)
        arms[0] *= arm_sd
        found = unpaired_effects(arms, base)
        shown = (found.low > 0) | (found.high < 0)
        claimed += shown.any()
        if check and shown.any():
            solid += (shown & ~unpaired_fragile(arms, base, verdicts(found, 0.01), 0.01)).any()
    return claimed / REPLICATES, solid / REPLICATES


@pytest.mark.parametrize(("k", "n", "n0"), [(1, 5, 5), (3, 5, 5), (10, 5, 15)])
def test_error_rate_is_nominal_where_variances_are_equal(k, n, n0):
    assert rates(k, n, n0)[0] == pytest.approx(0.05, abs=3 * SE)


@pytest.mark.parametrize(
    ("sds", "n0"), [((3.0, 1.0), 15), ((1.0, 3.0), 5)], ids=["one arm x3", "comparison x3"]
)
def test_claims_that_are_not_fragile_hold_where_they_are_not(sds, n0):
    """Dunnett alone reaches .15 and more (k = 10, n = 5)."""
    claimed, solid = rates(10, 5, n0, *sds, check=True)
    assert claimed > 0.12
    assert solid <= 0.06


@pytest.mark.parametrize("mutation", ["none", "ddof", "z for t", "pooled df off", "uncorrected"])
def test_mutations_break_the_gate(mutation, monkeypatch):
    """Two arms and a comparison of three runs, 6 df: each mistake lifts the rate above .05 + 3 SE."""
    t = pooled.critical_t
    if mutation == "ddof":  # the sum of squares over 9 runs
        monkeypatch.setattr(pooled, "critical_t", lambda a, df: t(a, df) * np.sqrt(6 / 9))
    elif mutation == "z for t":
        monkeypatch.setattr(pooled, "critical_t", lambda a, df: t(a, np.inf))
    elif mutation == "pooled df off":  # as if the groups were counted once for every arm and once more
        monkeypatch.setattr(pooled, "critical_t", lambda a, df: t(a, 3.0 * df))
    elif mutation == "uncorrected":
        monkeypatch.setattr(pooled, "_levels", lambda df, correlation, level: (1 - level, 2 - 2 * level))
    rate = rates(2, 3, 3)[0]
    if mutation == "none":
        assert rate == pytest.approx(0.05, abs=3 * SE)
    else:
        assert rate > 0.05 + 3 * SE
