"""What a plan can see, against simulation, scipy's noncentral t and the tables of the literature."""

import numpy as np
import pytest
from scipy import stats as scipy_stats
from simulated import claims, draw, shared_comparison

from benchmarks.gates.noise import Cell
from trickbag.stats import (
    contrast_detectable,
    luck_of_evaluation,
    minimum_detectable_effect,
    sight,
    unpaired_df,
    unpaired_effects,
)
from trickbag.stats.prospect import planning_df


@pytest.mark.parametrize(("k", "n"), [(1, 5), (3, 5), (10, 5), (10, 8), (20, 5)])
def test_an_effect_of_the_promised_size_is_found_four_times_in_five(k: int, n: int) -> None:
    """Simulated power .8 within .07: three standard errors of 400 studies (.06) and what borrowing varies by."""
    effect = sight(n, 1.0, k, margin=1.0).detectable
    d = draw(Cell(k=k, n=n), 400, seed=3)
    d[:, 0] += effect
    found = claims(d, shared_comparison(k))[:, 0].mean()
    assert found == pytest.approx(0.8, abs=0.07)


def test_two_arms_alone_are_the_noncentral_t() -> None:
    """At the detectable effect the paired t test of scipy's noncentral t has power .8."""
    n, effect = 6, sight(6, 0.5, 1, margin=1.0).detectable
    critical = scipy_stats.t.isf(0.025, n - 1)
    power = scipy_stats.nct.sf(critical, n - 1, effect / (0.5 * np.sqrt(2)) * np.sqrt(n))
    assert power == pytest.approx(0.8, abs=1e-4)
    assert planning_df(6, 1) == 5


@pytest.mark.parametrize("seeds_more", [0, -1])
def test_equivalence_seeds_are_the_fewest_by_simulation(seeds_more: int) -> None:
    """TOST by hand on 20,000 simulated pairs: the promised seeds reach .8, one fewer does not."""
    n = sight(3, 1.0, 1, margin=1.5).equivalence_seeds
    assert n is not None
    n += seeds_more
    d = np.random.default_rng(0).normal(0, np.sqrt(2), size=(20_000, n))
    half = scipy_stats.t.isf(0.05, n - 1) * d.std(axis=1, ddof=1) / np.sqrt(n)
    shown = (np.abs(d.mean(1)) + half < 1.5).mean()
    assert (shown >= 0.8 - 0.006) if seeds_more == 0 else (shown < 0.8 + 0.006)


def test_equivalence_is_dear() -> None:
    """SD .15, margin .1, no correlation: 1.4142 (1.645 + 1.282) .15 / .1 squared = 38.5 for known variance."""
    found = sight(5, 0.15, 1, margin=0.1).equivalence_seeds
    assert found is not None
    assert 38 <= found <= 43
    assert sight(5, 5.0, 10, margin=0.01).equivalence_seeds is None


def test_shared_noise_makes_small_effects_visible() -> None:
    assert sight(5, 1.0, 5, 1.0, correlation=0.75).detectable == pytest.approx(
        sight(5, 1.0, 5, 1.0).detectable / 2
    )


def test_hidden_replication_of_a_factorial() -> None:
    """A main effect in 2^3 cells has weights ±1/4: se = sd sqrt(8/16 / n), 7 (n - 1) degrees of freedom."""
    weights = np.tile([-0.25, 0.25], 4)
    assert contrast_detectable(weights, 4, 1.0, 3, cells=8) == pytest.approx(
        minimum_detectable_effect(4, np.sqrt(0.5), 3, df=21.0)
    )
    assert contrast_detectable(weights, 4, 1.0, 3, cells=8, correlation=0.75) == pytest.approx(
        contrast_detectable(weights, 4, 1.0, 3, cells=8) / 2
    )


def test_seeds_of_ones_own_are_seen_with_dunnetts_degrees_of_freedom() -> None:
    """Power .8 within three standard errors of 300 studies: 4 arms of 6 seeds, a baseline of 12."""
    correlation = (1 - 4**-0.5) / 2
    effect = sight(6, 1.0, 4, 1.0, correlation, df=unpaired_df).detectable
    rng, found = np.random.default_rng(0), 0
    for _ in range(300):
        arms = rng.normal(size=(4, 6))
        arms[0] += effect
        found += unpaired_effects(list(arms), rng.normal(size=12)).low[0] > 0
    assert found / 300 == pytest.approx(0.8, abs=0.07)


def test_luck_of_the_evaluation_set() -> None:
    """sqrt(.06 / 20,000) by hand: .1732 points for 6 % error on 10,000 images."""
    assert luck_of_evaluation(10_000, 0.06) == pytest.approx(0.1732, abs=1e-3)
