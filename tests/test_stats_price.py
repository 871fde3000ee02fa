"""Prices: against tables worked out apart, statsmodels' power, and by running the planned study."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from trickbag.errors import InputError
from trickbag.stats import minimum_detectable_effect, price
from trickbag.stats.price import difference_power, equivalence_power


@pytest.mark.parametrize(
    ("n", "expected"), [(3, 3.07), (5, 2.02), (8, 1.51), (10, 1.32), (20, 0.91), (30, 0.74)]
)
def test_minimum_detectable_effect_of_two_samples(n, expected):
    """Exact noncentral t, in seed SDs: two arms with separate seeds have 2n - 2 degrees of freedom."""
    assert minimum_detectable_effect(n, np.sqrt(2), df=2 * n - 2) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_minimum_detectable_effect_of_a_pair_is_statsmodels(n):
    expected = TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8, effect_size=None)
    assert minimum_detectable_effect(n, 1.0) == pytest.approx(expected, rel=1e-4)


def test_minimum_detectable_effect_grows_with_the_family_and_survives_two_seeds():
    effects = [minimum_detectable_effect(5, 0.2, k) for k in (1, 2, 10, 50)]
    assert effects == sorted(effects)
    assert np.isfinite(minimum_detectable_effect(2, 0.2, 50))
    with pytest.raises(InputError, match="n = 1"):
        minimum_detectable_effect(1, 0.2)


@pytest.mark.parametrize(
    ("sigma", "effect", "seeds"), [(0.15, 0.1, 37), (0.20, 0.1, 64), (0.15, 0.3, 6), (0.56, 0.3, 56)]
)
def test_seeds_per_arm_for_a_difference(sigma, effect, seeds):
    """Exact noncentral t, one arm against one: the first n whose power reaches .8, two samples."""
    power = [difference_power(effect / sigma * np.sqrt(n / 2), 2 * n - 2, 0.05) for n in (seeds - 1, seeds)]
    assert power[0] < 0.8 <= power[1]


@pytest.mark.parametrize(
    ("sigma", "margin", "seeds"),
    [(0.15, 0.1, 40), (0.15, 0.15, 18), (0.15, 0.2, 11), (0.15, 0.3, 6), (0.1, 0.2, 6)],
)
def test_seeds_per_arm_for_equivalence(sigma, margin, seeds):
    """Exact TOST at .05 with true difference zero, two samples."""
    distance = [margin / sigma * np.sqrt(n / 2) for n in (seeds - 1, seeds)]
    power = [
        equivalence_power(x, x, 2 * n - 2, 0.1) for x, n in zip(distance, (seeds - 1, seeds), strict=True)
    ]
    assert power[0] < 0.8 <= power[1]


def test_huge_effects_are_certain_not_nan():
    """statsmodels' TTestPower.power gives nan at d = 6, n = 4."""
    assert difference_power(6 * 2, 3, 0.05) == pytest.approx(1, abs=0.01)
    assert difference_power(1e4, 3, 0.05) == 1
    assert equivalence_power(1e4, 1e4, 3, 0.1) == 1


def test_a_priced_difference_is_settled_eight_times_in_ten():
    plan = price(0.1, 0.15 / np.sqrt(5), 5, k=8, margin=0.05)
    assert (plan.by, plan.more) == ("difference", plan.seeds - 5)
    d = np.random.default_rng(0).normal(0.1, 0.15, size=(20_000, plan.seeds))
    low = stats.ttest_1samp(d, 0, axis=1).confidence_interval(0.95 ** (1 / 8)).low
    assert np.mean(low > 0) == pytest.approx(0.8, abs=0.03)


def test_a_priced_equivalence_is_settled_eight_times_in_ten():
    plan = price(0.01, 0.15 / np.sqrt(5), 5, k=8, margin=0.1)
    assert plan.by == "equivalence"
    d = np.random.default_rng(1).normal(0.01, 0.15, size=(20_000, plan.seeds))
    twin = stats.ttest_1samp(d, 0, axis=1).confidence_interval(0.9 ** (1 / 8))
    assert np.mean((twin.low > -0.1) & (twin.high < 0.1)) == pytest.approx(0.8, abs=0.03)


def test_cheaper_way_wins_and_borrowing_lowers_the_price():
    near, far = (price(x, 0.05, 5, 4, margin=0.12) for x in (0.01, 0.11))
    assert (near.by, far.by) == ("equivalence", "difference")
    assert price(0.11, 0.05, 5, 4, margin=0.12, df=13).seeds < far.seeds
    assert price(0.11, 0.05, 5, 40, margin=0.12).seeds > far.seeds


def test_what_cannot_be_settled_has_no_price():
    assert price(0.0001, 0.1, 5, 4, margin=0.0002).seeds is None
    assert price(0.1, np.inf, 3, 1, margin=0.1) == price(0.1, 0.0, 3, 1, margin=0.1)
    assert price(0.1, np.inf, 3, 1, margin=0.1).by is None


def test_at_least_one_seed_more_and_three_in_all():
    assert price(5.0, 0.01, 2, 1, margin=0.1).seeds == 3
    assert price(5.0, 0.01, 9, 1, margin=0.1).more == 1
