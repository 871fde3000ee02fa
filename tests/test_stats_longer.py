"""Iso-accuracy: hand-worked cases, Fieller's bounds against inverted paired t tests, coverage with known truth."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from trickbag.errors import InputError
from trickbag.stats import times_longer

TIMES = np.array([0.5, 1.0, 2.0, 4.0])


def accuracies(rng: np.random.Generator, slope: float, seeds: int, noise: float) -> np.ndarray:
    """[D, S]: every seed has its own level; accuracy rises by `slope` points per e-fold of time."""
    level = 90 + rng.normal(size=seeds)
    return level + slope * np.log(TIMES)[:, None] + noise * rng.normal(size=(len(TIMES), seeds))


def test_without_noise_the_answer_is_exact() -> None:
    """One point per doubling and a gain of half a point: the square root of two, at every seed."""
    table = 90 + np.log2(TIMES)[:, None] + np.arange(3.0)
    assert times_longer(np.full(3, 0.5), table, TIMES) == pytest.approx((2**0.5, 2**0.5, 2**0.5))


def test_with_one_slope_for_all_seeds_it_is_the_t_interval_of_the_gain() -> None:
    """Gains 1, 2, 3 and slope 4 at every seed: mean 2, se 1 / sqrt(3), t(2, .975) = 4.3027; exp((2 ± 2.4842) / 4)."""
    table = 4 * np.log(TIMES)[:, None] + np.zeros(3)
    found = times_longer([1.0, 2.0, 3.0], table, TIMES)
    assert found == pytest.approx((np.exp(0.5), np.exp(-0.4842 / 4), np.exp(4.4842 / 4)), rel=1e-4)


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize(
    ("slope", "noise", "gain"), [(1, 0.2, 0.5), (1, 0.2, -0.4), (0.3, 0.5, 1.5), (0.3, 0.4, -1.0)]
)
def test_bounds_are_inverted_paired_t_tests(slope: float, noise: float, gain: float, level: float) -> None:
    """A ratio on the gain's side lies inside exactly where scipy's t test of gain - ratio x slope does not reject."""
    kinds = set()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        table = accuracies(rng, slope, 5, noise)
        gains = gain + 0.3 * rng.normal(size=5)
        found = times_longer(gains, table, TIMES, level)
        if found is None:
            continue
        slopes = np.polyfit(np.log(TIMES), table, 1)[0]
        low, high = (None if bound is None else np.log(bound) for bound in found[1:])
        kinds.add((low is None, high is None))
        ratios = np.linspace(-1, 6, 701) * np.sign(gain)
        inside = ttest_1samp(gains - ratios[:, None] * slopes, 0, axis=1).pvalue > 1 - level
        mine = (ratios > (-np.inf if low is None else low)) & (ratios < (np.inf if high is None else high))
        if low is None and high is None:
            continue  # the set may have a hole
        own = ratios * np.sign(gains.mean()) >= 0 if low is None or high is None else ratios < np.inf
        assert (inside == mine)[own].all()
    assert (False, False) in kinds
    if slope < 1:
        assert len(kinds) > 1, "some of these slopes are not clearly positive"


def test_coverage_with_known_truth() -> None:
    """2,000 studies of 5 seeds in which the truth is 1.24 times as long: .95 within three standard errors (.015)."""
    rng = np.random.default_rng(1)
    truth, hits, closed = np.log(1.24), 0, 0
    for _ in range(2000):
        table = accuracies(rng, 1.0, 5, 0.2)
        level = table.mean(0) - np.log(TIMES).mean()  # of the seed; the gain contains the comparison's noise
        found = times_longer(level + truth + 0.15 * rng.normal(size=5) - table[1], table, TIMES)
        assert found is not None
        low, high = found[1], found[2]
        hits += (low is None or np.log(low) < truth) and (high is None or truth < np.log(high))
        closed += low is not None and high is not None
    assert closed > 1900
    assert abs(hits / 2000 - 0.95) < 0.015


def test_coverage_when_the_slope_is_hard_to_see() -> None:
    """The same with a slope of about two standard errors: open bounds keep the coverage."""
    rng = np.random.default_rng(2)
    ratio, hits, opened, counted = 1.0, 0, 0, 0
    for _ in range(2000):
        table = accuracies(rng, 0.5, 5, 0.9)
        found = times_longer(0.5 * ratio + 0.1 * rng.normal(size=5), table, TIMES)
        if found is None:
            continue
        low, high = found[1], found[2]
        counted += 1
        hits += (low is None or np.log(low) < ratio) and (high is None or ratio < np.log(high))
        opened += high is None
    assert opened > 200
    assert hits / counted > 0.935


def test_no_length_helps_where_longer_training_hurts() -> None:
    assert times_longer([1.0, 1.1], -np.log(TIMES)[:, None] + np.zeros(2), TIMES) is None


@pytest.mark.parametrize(
    ("gain", "accuracy", "times", "message"),
    [
        ([1.0, 2.0], np.zeros((2, 2)), [1.0, 2.0], "2 durations, 2 seeds"),
        ([1.0, 2.0], np.zeros((3, 2)), [1.0, 2.0, 2.0], "2 durations"),
        ([1.0], np.zeros((3, 1)), [1.0, 2.0, 4.0], "3 durations, 1 seeds"),
        ([1.0, 2.0, 3.0], np.zeros((3, 2)), [1.0, 2.0, 4.0], "shapes"),
        ([1.0, np.nan], np.zeros((3, 2)), [1.0, 2.0, 4.0], "missing"),
    ],
)
def test_wrong_input(gain: list[float], accuracy: np.ndarray, times: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        times_longer(gain, accuracy, times)
