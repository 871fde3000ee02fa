"""Interim looks: boundaries against textbooks and scipy, the replay against the plain analysis, error rates."""

import numpy as np
import pytest
from scipy import stats
from simulated import draw, shared_comparison

from benchmarks.gates.noise import Cell
from trickbag.errors import InputError
from trickbag.stats import effects, fragile, fragile_looks, judge_looks, look_levels, verdicts
from trickbag.stats.sequential import crossing

LOOKS = (4, 7, 10)
LEVELS = look_levels(LOOKS)


@pytest.mark.parametrize(
    ("looks", "nominal"), [((4, 7, 10), [0.0020, 0.0183, 0.0429]), ((5, 10), [0.0056, 0.0479])]
)
def test_levels_are_those_of_the_published_simulation(looks, nominal):
    """Simulated by others with numpy (1e6 paths, so the last digit is uncertain by one)."""
    np.testing.assert_allclose(1 - np.array(look_levels(looks)), nominal, atol=1.5e-4)


def test_the_first_look_spends_what_lan_and_demets_allow():
    """Lan and DeMets 1983: 2 - 2 Φ(1.96 / √.4)."""
    assert 1 - LEVELS[0] == pytest.approx(2 * stats.norm.sf(stats.norm.isf(0.025) / np.sqrt(0.4)), abs=1e-6)


def test_the_textbook_boundary_of_five_looks_spends_five_percent():
    """O'Brien and Fleming 1979, five equal looks: nominal p .00001 .0013 .0084 .0225 .0413, z = 2.040 √(5 / j)."""
    nominal = np.array([0.00001, 0.0013, 0.0084, 0.0225, 0.0413])
    bounds = 2.040 * np.sqrt(5 / np.arange(1, 6))
    np.testing.assert_allclose(2 * stats.norm.sf(bounds), nominal, atol=1e-4)
    assert sum(crossing(np.arange(1, 6) / 5, bounds)) == pytest.approx(0.05, abs=1e-4)


def test_crossing_is_the_multivariate_normal():
    """One minus the chance that (Z_1, Z_2, Z_3) stays inside, corr(Z_i, Z_j) = √(t_i / t_j), by scipy (Genz)."""
    t, bounds = np.array([0.4, 0.7, 1.0]), np.array([3.0, 2.4, 2.0])
    cov = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    inside = stats.multivariate_normal.cdf(
        bounds, cov=cov, lower_limit=-bounds, abseps=1e-8, releps=1e-8, maxpts=2_000_000
    )
    assert sum(crossing(t, bounds)) == pytest.approx(1 - inside, abs=1e-6)
    spent = [1 - stats.norm.cdf(b) + stats.norm.cdf(-b) for b in bounds[:1]]
    assert crossing(t, bounds)[0] == pytest.approx(spent[0], abs=1e-12)


@pytest.mark.parametrize("looks", [(), (1, 5), (4, 4, 8), (8, 4)])
def test_looks_that_do_not_rise_are_refused(looks):
    with pytest.raises(InputError, match="rising numbers of seeds"):
        look_levels(looks)


def rows(k: int = 4, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(k, 10)) - rng.normal(size=10)


def test_one_look_is_the_plain_analysis():
    d = rows() + np.array([0.0, 2.0, 4.0, -3.0])[:, None]
    judged = judge_looks(d, (10,), look_levels((10,)), 0.5, shared_comparison(4), 0.01)
    plain = effects(d, 0.95, shared_comparison(4), 0.01)
    for name in ("effect", "low", "high", "low_90", "high_90", "p_adjusted", "df"):
        np.testing.assert_array_equal(getattr(judged.effects, name), getattr(plain, name))
    assert judged.verdicts == verdicts(plain, 0.5)
    assert judged.settled.all()
    flags = fragile(d, judged.verdicts, 0.5, 0.95, shared_comparison(4), 0.01)
    np.testing.assert_array_equal(
        fragile_looks(d, judged, (10,), (0.95,), 0.5, shared_comparison(4), 0.01), flags
    )


def test_each_contrast_stops_at_its_own_look_with_that_looks_interval():
    """A huge effect stops at 4 seeds, a negative estimate too; the rest go on, the stopped as they were."""
    d = rows(3) * 0.3 + np.array([9.0, 0.4, -0.5])[:, None]
    judged = judge_looks(d, LOOKS, LEVELS, 0.2, shared_comparison(3))
    first = effects(d[:, :4], LEVELS[0], shared_comparison(3))
    assert judged.verdicts[0] == "better"
    assert (judged.seeds[0], judged.seeds[2]) == (4, 4)
    assert (judged.effects.low[0], judged.effects.high[2]) == (first.low[0], first.high[2])
    assert judged.verdicts[2] == ("undecided" if first.high[2] >= 0 else "worse")
    assert judged.seeds[1] > 4
    stopped = [d[0, :4], d[1, :7], d[2, :4]]
    second = effects(stopped, LEVELS[1], shared_comparison(3))
    if judged.seeds[1] == 7:
        assert judged.effects.low[1] == second.low[1]


def test_seeds_beyond_the_stop_change_nothing_and_missing_ones_wait():
    d = rows(3) + np.array([40.0, 0.4, 0.5])[:, None]
    cut = [d[0, :4], d[1], d[2]]
    full, short = (judge_looks(r, LOOKS, LEVELS, 0.2, shared_comparison(3)) for r in (d, cut))
    np.testing.assert_array_equal(full.effects.low, short.effects.low)
    waiting = judge_looks([d[0, :4], d[1, :4], d[2, :5]], LOOKS, LEVELS, 0.2, shared_comparison(3))
    assert waiting.settled.tolist() == [True, False, False]
    assert waiting.seeds.tolist() == [4, 4, 5]
    assert waiting.look.tolist() == [0, 1, 1]


def test_a_diverged_seed_is_left_out_and_still_counts_as_run():
    d = rows(2) + np.array([0.6, 0.7])[:, None]
    holes = d.copy()
    holes[0, 2] = np.nan
    judged = judge_looks(holes, LOOKS, LEVELS, 0.2, None)
    expected = judge_looks([np.delete(d[0], 2), d[1]], (3, 6, 9), LEVELS, 0.2, None)
    assert judged.seeds[0] in LOOKS
    if judged.look[0] == expected.look[0] == 0:
        assert judged.effects.effect[0] == pytest.approx(np.delete(d[0], 2)[:3].mean())


def false_claims(k: int, replicates: int, correlation: np.ndarray | None) -> tuple[float, float]:
    """Share of studies with any false claim when nothing differs, and mean seeds per arm, over LOOKS."""
    wrong, seeds = 0, 0.0
    for d in draw(Cell(k=k, n=LOOKS[-1]), replicates, seed=11):
        judged = judge_looks(d, LOOKS, LEVELS, 1e-9, correlation)
        wrong += any(word != "undecided" for word in judged.verdicts)
        seeds += judged.seeds.mean()
    return wrong / replicates, seeds / replicates


@pytest.mark.parametrize(("k", "replicates"), [(1, 2000), (5, 600)])
def test_all_looks_together_keep_the_error(k, replicates):
    """At most .05 + 3 SE (Šidák's intervals, which need no draws), and a third of the seeds saved."""
    rate, seeds = false_claims(k, replicates, None)
    assert rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / replicates)
    assert seeds < 7.5


@pytest.mark.slow
def test_all_looks_together_keep_the_error_with_a_shared_comparison():
    rate, _ = false_claims(5, 4000, shared_comparison(5))
    assert rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)
