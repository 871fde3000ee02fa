"""Cell means: against R (emmeans, multcomp) and statsmodels, symmetries, error rates, and mutations that must show."""

import numpy as np
import pytest
import statsmodels.api as sm
from golden_values import R
from simulated import claims

from trickbag.errors import InputError
from trickbag.stats import cell_effects, cell_fragile, contrast_correlation, pooled, verdicts

MAIN = np.array([[-1, -1, -1, -1, 1, 1, 1, 1], [-1, -1, 1, 1] * 2, [-1, 1] * 4]) / 4  # cells 000, 001, 010, …
INTERACTION = 8 * np.array(
    [MAIN[0] * MAIN[1], MAIN[0] * MAIN[2], MAIN[1] * MAIN[2]]
)  # ±.5: (11 - 10) - (01 - 00)
SHAPLEY = np.array(R["factorial"]["shapley"]["weights"])
LEAVE_ONE_OUT = np.array(R["factorial"]["leave_one_out"]["weights"])
TOTAL = np.array([[-1, 0, 0, 0, 0, 0, 0, 1.0]])
TABLE = np.array(R["factorial"]["table"])
# Of a half width: the level of 100,000 draws has SE .0007, and near t = 2.5 it falls by .13 per unit: .005 of 2.5.
MONTE_CARLO = 0.006


@pytest.mark.parametrize(
    ("kind", "weights"),
    [
        ("main_effect", MAIN),
        ("interaction", INTERACTION),
        ("leave_one_out", LEAVE_ONE_OUT),
        ("shapley", SHAPLEY),
        ("total", TOTAL),
    ],
)
def test_contrasts_are_emmeans(kind, weights):
    """R: emmeans of lm(acc ~ A * B * C + seed); pairs, interaction contrasts, and given weights."""
    found, r = cell_effects(TABLE, weights), R["factorial"][kind]
    for name in ("effect", "se", "df", "p"):
        np.testing.assert_allclose(getattr(found, name), r[name], rtol=1e-8)


@pytest.mark.parametrize(("kind", "weights"), [("leave_one_out", LEAVE_ONE_OUT), ("shapley", SHAPLEY)])
def test_simultaneous_intervals_are_emmeans_mvt(kind, weights):
    """R: confint(contrast(...), adjust = "mvt") and p.adjust "holm"."""
    found, r = cell_effects(TABLE, weights), R["factorial"][kind]
    half = found.high - found.effect
    np.testing.assert_allclose(half, np.array(r["high"]) - r["effect"], rtol=MONTE_CARLO)
    np.testing.assert_allclose(found.effect - found.low, half)
    np.testing.assert_allclose(found.p_adjusted, r["p_adjusted"], rtol=1e-8)


def test_blocked_dunnett_is_multcomps():
    """R: glht(lm(acc ~ arm + seed), mcp(arm = "Dunnett")), one-at-a-time as a special case of cells."""
    r = R["block"]
    found = cell_effects(r["table"], np.c_[-np.ones(4), np.eye(4)])
    np.testing.assert_allclose(found.effect, r["effect"], rtol=1e-10)
    np.testing.assert_allclose(found.se, r["se"], rtol=1e-10)
    for high in ("high", "high_90"):
        half = getattr(found, high) - found.effect
        np.testing.assert_allclose(half, np.array(r[high]) - r["effect"], rtol=MONTE_CARLO)
    assert (found.p_adjusted[0] < 0.05) == (r["p_adjusted"][0] < 0.05)


def test_unequal_weights_are_ordinary_least_squares():
    """statsmodels OLS with a column for each cell and each seed but one, and any contrast of cells."""
    rng = np.random.default_rng(2)
    table, weights = rng.normal(94, 0.3, size=(5, 4)), rng.normal(size=(3, 5))
    weights -= weights.mean(1, keepdims=True)
    design = np.c_[np.repeat(np.eye(5), 4, axis=0), np.tile(np.eye(4)[:, 1:], (5, 1))]
    test = sm.OLS(table.ravel(), design).fit().t_test(np.c_[weights, np.zeros((3, 3))])
    found = cell_effects(table, weights)
    np.testing.assert_allclose(found.effect, test.effect, rtol=1e-9)
    np.testing.assert_allclose(
        found.se, test.sd.ravel() if test.sd.ndim == 1 else np.diag(test.sd), rtol=1e-9
    )
    np.testing.assert_allclose(found.p, test.pvalue, rtol=1e-8)


def test_shapley_shares_sum_to_the_total():
    shares, total = cell_effects(TABLE, SHAPLEY), cell_effects(TABLE, TOTAL)
    assert shares.effect.sum() == pytest.approx(total.effect[0], abs=1e-12)
    assert shares.effect.sum() == pytest.approx(
        (TABLE[7] - TABLE[0]).mean(), abs=1e-12
    )  # as the README defines it


def test_symmetries():
    order, seeds = [3, 1, 7, 5, 0, 2, 4, 6], [2, 0, 3, 1]
    found = cell_effects(TABLE, SHAPLEY)
    relabelled = cell_effects(TABLE[order][:, seeds], SHAPLEY[::-1, order])
    shifted = cell_effects(
        TABLE + 3 + 0.7 * np.arange(4), SHAPLEY
    )  # a seed effect common to all cells cancels
    scaled = cell_effects(TABLE * 10, SHAPLEY)
    error = cell_effects(100 - TABLE, SHAPLEY)
    swapped = cell_effects(TABLE, -SHAPLEY)
    for name in ("effect", "se", "low", "high", "low_90", "high_90", "p", "p_adjusted"):
        np.testing.assert_allclose(getattr(relabelled, name)[::-1], getattr(found, name), rtol=1e-9)
        np.testing.assert_allclose(getattr(shifted, name), getattr(found, name), rtol=1e-8)
    np.testing.assert_allclose(scaled.low, 10 * found.low, rtol=1e-9)
    np.testing.assert_allclose(scaled.p, found.p, rtol=1e-8)
    for mirrored in (error, swapped):
        np.testing.assert_allclose(mirrored.low, -found.high, rtol=1e-9)
        np.testing.assert_allclose(mirrored.high_90, -found.low_90, rtol=1e-9)


def test_a_further_contrast_never_makes_the_family_less_strict():
    """The same cells, so the same variance: every standard error stays, every interval widens, no p falls."""
    few, more = cell_effects(TABLE, MAIN), cell_effects(TABLE, np.r_[MAIN, INTERACTION])
    np.testing.assert_allclose(more.se[:3], few.se)
    assert (more.high[:3] - more.low[:3] > few.high - few.low).all()
    assert (more.p_adjusted[:3] >= few.p_adjusted).all()


def test_a_missing_run_drops_its_seed():
    table = TABLE.copy()
    table[4, 2] = np.nan
    found, without = cell_effects(table, MAIN), cell_effects(np.delete(TABLE, 2, axis=1), MAIN)
    np.testing.assert_array_equal(found.low, without.low)
    assert found.seeds.tolist() == [3, 3, 3]


def test_ties_claim_nothing_without_a_resolution():
    table = np.repeat([[94.0], [94.1], [94.2], [94.3]], 3, axis=1)
    weights = [[-1, 1, 0, 0], [0, 0, -1, 1]]
    blind = cell_effects(table, weights)
    assert (blind.low < 0).all()
    assert (blind.p == 1).all()
    known = cell_effects(table, weights, resolution=0.01)
    one = np.zeros((4, 3))
    one[0, 0] = 0.01  # the smallest scatter that a table can show: one image in one run
    assert known.se[0] == pytest.approx(cell_effects(one, weights).se[0])


@pytest.mark.parametrize(
    ("table", "weights", "message"),
    [
        (TABLE, [[1, 1, 0, 0, 0, 0, 0, 0]], "sum 0"),
        (TABLE, np.zeros((1, 8)), "sum 0"),
        (TABLE, [[-1, 1]], "table"),
        (TABLE[:, :1], MAIN, "1 seed"),
        (np.where(np.eye(8, 4) > 0, np.nan, TABLE), MAIN, "0 seed"),
    ],
)
def test_what_is_refused(table, weights, message):
    with pytest.raises(InputError, match=message):
        cell_effects(table, weights)


# ---- error rates and the cross-check ----------------------------------------------------------------------------

REPLICATES, N = 2000, 5
SE = np.sqrt(0.05 * 0.95 / REPLICATES)


def noise(scenario: str, replicates: int = REPLICATES, seed: int = 5) -> np.ndarray:
    """Tables [R, 8, N] of a 2³ factorial in which nothing does anything."""
    rng = np.random.default_rng(seed)
    table, seed_effect = rng.standard_normal((replicates, 8, N)), rng.standard_normal((replicates, 1, N))
    if scenario == "full stack SD x3":
        table[:, -1] *= 3
    elif scenario == "mixed correlations":  # .9, but none for half of the cells
        table[:, :4] = np.sqrt(0.9) * seed_effect + np.sqrt(0.1) * table[:, :4]
    elif scenario == "t3":
        table = rng.standard_t(3, table.shape) / np.sqrt(3)
    return table


def cell_claims(tables: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Whether the interval of each contrast leaves zero [R, m], by the function that analyze calls."""
    found = [cell_effects(table, weights) for table in tables]
    return np.array([(f.low > 0) | (f.high < 0) for f in found])


def by_seed(tables: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Claims [R, m] of the contrasts computed seed by seed; what `cell_fragile` asks, see the test that says so."""
    unit = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    return claims(np.einsum("mc,rcn->rmn", unit, tables), contrast_correlation(weights))


@pytest.mark.parametrize("weights", [MAIN, SHAPLEY], ids=["main", "shapley"])
def test_error_rate_is_nominal_where_the_model_holds(weights):
    """One variance and one seed correlation: .05 ± 3 SE, two-sided; here with .6 between the cells of a seed."""
    tables = np.sqrt(0.4) * noise("normal") + np.sqrt(0.6) * np.random.default_rng(1).normal(
        size=(REPLICATES, 1, N)
    )
    assert cell_claims(tables, weights).any(-1).mean() == pytest.approx(0.05, abs=3 * SE)


@pytest.mark.parametrize("mutation", ["none", "ddof", "z for t", "pooled df off", "uncorrected"])
def test_mutations_break_the_gate(mutation, monkeypatch):
    """Each planted mistake lifts the rate above .05 + 3 SE: 3 contrasts of 4 cells at 3 seeds, where df matter."""
    t = pooled.critical_t
    if mutation == "ddof":  # the residual sum of squares over all 12 runs instead of 6 degrees of freedom
        monkeypatch.setattr(pooled, "critical_t", lambda a, df: t(a, df) * np.sqrt(6 / 12))
    elif mutation == "z for t":
        monkeypatch.setattr(pooled, "critical_t", lambda a, df: t(a, np.inf))
    elif mutation == "pooled df off":  # runs less one; those that cells and seeds take forgotten
        monkeypatch.setattr(pooled, "critical_t", lambda a, df: t(a, 11.0))
    elif mutation == "uncorrected":
        monkeypatch.setattr(pooled, "_levels", lambda df, correlation, level: (1 - level, 2 - 2 * level))
    tables = np.random.default_rng(3).standard_normal((REPLICATES, 4, 3))
    weights = np.array([[-1, -1, 1, 1], [-1, 1, -1, 1], [1, -1, -1, 1]]) / 2
    rate = cell_claims(tables, weights).any(-1).mean()
    if mutation == "none":
        assert rate == pytest.approx(0.05, abs=3 * SE)
    else:
        assert rate > 0.05 + 3 * SE


@pytest.mark.parametrize(
    ("scenario", "weights", "unchecked"),
    [
        ("full stack SD x3", SHAPLEY, 0.09),
        ("full stack SD x3", LEAVE_ONE_OUT, 0.18),
        ("mixed correlations", MAIN, 0.12),
        ("t3", SHAPLEY, 0.0),
    ],
)
def test_claims_that_are_not_fragile_hold_where_the_model_does_not(scenario, weights, unchecked):
    """At most .06 and two SE, though the cell model alone claims far more (its rate exceeds `unchecked`)."""
    tables = noise(scenario)
    claimed = cell_claims(tables, weights)
    assert claimed.any(-1).mean() > unchecked
    solid = claimed & by_seed(tables, weights)
    assert solid.any(-1).mean() <= 0.06 + 2 * SE


def test_most_true_claims_are_not_fragile():
    """Main effects of four standard errors, five seeds: .92 claimed, .72 and not fragile."""
    tables = noise("normal", 300) + np.sign(MAIN).sum(0)[:, None] * 4 / np.sqrt(8 * N)
    claimed = cell_claims(tables, MAIN)
    assert claimed.mean() > 0.87
    assert (claimed & by_seed(tables, MAIN)).sum() > 0.7 * claimed.sum()


def test_sharing_is_making_the_same_claim_seed_by_seed():
    """The flags are those of `claims`, which decides as `effects` does, on weights @ table, in the same direction."""
    tables = noise("full stack SD x3", 20) + np.sign(SHAPLEY).sum(0)[:, None] * 0.4
    up = (tables.mean(-1) @ SHAPLEY.T) > 0
    for table, claim, better in zip(tables, by_seed(tables, SHAPLEY), up, strict=True):
        for word, expected in (("better", claim & better), ("worse", claim & ~better), ("undecided", ~claim)):
            flags = cell_fragile(table, SHAPLEY, [word] * 3, 0.1)
            np.testing.assert_array_equal(flags, ~expected)


def test_no_claim_from_two_seeds_is_solid():
    table = [[90.0, 90.101], [95.0, 95.1], [90.1, 90.2], [95.1, 95.2]]
    weights = np.array([[-1, 1, -1, 1], [-1, -1, 1, 1]]) / 2
    words = verdicts(cell_effects(table, weights), 0.2)
    assert words[0] == "better"
    assert cell_fragile(table, weights, words, 0.2).tolist() == [word != "undecided" for word in words]
