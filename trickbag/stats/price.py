"""The price of settling an undecided contrast, and the smallest effect that a number of seeds can show."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import scipy

from trickbag.errors import InputError
from trickbag.stats.family import critical_t, family_level

MOST_SEEDS = 10_000  # a contrast that needs more cannot be settled at any sensible price


@dataclass(frozen=True)
class Price:
    """How many seeds settle a contrast, in all and beyond the present ones; None: no sensible number."""

    seeds: int | None
    more: int | None
    by: Literal["difference", "equivalence"] | None  # what those seeds would show


def price(
    effect: float,
    se: float,
    n: int,
    k: int,
    margin: float,
    df: float | None = None,
    power: float = 0.8,
    level: float = 0.95,
    alpha: float | None = None,
) -> Price:
    """Seeds that settle a contrast with probability `power`, if its true effect is the one estimated.

    Settled: the interval leaves zero, or lies inside ± `margin` (its 90 % twin); the cheaper of the two.
    `se` and `df` (default n - 1) are those of the present n seeds. Borrowed degrees of freedom are assumed to
    grow in step with n. `alpha`: the two-sided level of the present intervals (`Effects.alpha`), kept, with that
    of the twins in proportion; without it Šidák's for k contrasts, which costs up to a tenth more seeds where
    they share a comparison. The estimate is itself noisy: this is a plan, not a promise.
    """
    if not np.isfinite(se) or se <= 0:
        return Price(None, None, None)
    sd, borrowed = se * np.sqrt(n), (n - 1 if df is None else df) / (n - 1)
    wide, narrow = sidak_level(k, level), sidak_level(k, 2 * level - 1)
    if alpha is not None:
        wide, narrow = alpha, narrow * alpha / wide
    different = partial(_shows_difference, effect, sd, borrowed, wide, power)
    equivalent = partial(_shows_equivalence, effect, sd, borrowed, narrow, margin, power)
    fewest = max(n + 1, 3)
    seeds, by = min(
        (fewest_seeds(different, fewest), "difference"),
        (fewest_seeds(equivalent, fewest) if abs(effect) < margin else MOST_SEEDS + 1, "equivalence"),
    )
    if seeds > MOST_SEEDS:
        return Price(None, None, None)
    return Price(seeds, seeds - n, "difference" if by == "difference" else "equivalence")


def difference_power(noncentrality: float, df: float, alpha: float) -> float:
    """The chance that a two-sided t test at level `alpha` shows an effect, in its true direction."""
    return _probability(scipy.stats.nct.sf(critical_t(alpha, df), df, abs(noncentrality)), 1.0)


def equivalence_power(below: float, above: float, df: float, alpha: float) -> float:
    """The chance that two one-sided t tests, each at `alpha` / 2, show equivalence.

    `below`, `above`: distances of the true effect from the two margins in standard errors. A lower bound,
    exact where both margins cannot be missed at once, which is the case wherever the power is of interest.
    """
    critical = critical_t(alpha, df)
    misses = [_probability(scipy.stats.nct.cdf(critical, df, distance), 0.0) for distance in (below, above)]
    return max(0.0, 1 - sum(misses))


def minimum_detectable_effect(
    n: int,
    sd_difference: float,
    k: int = 1,
    power: float = 0.8,
    level: float = 0.95,
    df: float | None = None,
) -> float:
    """The smallest effect that n seeds show with probability `power` in a family of k contrasts.

    In the unit of `sd_difference`, the SD over seeds of arm minus comparison; `df` defaults to n - 1.
    """
    if n < 2 or sd_difference <= 0:
        raise InputError(f"detectable effect: n = {n}, SD = {sd_difference}; give n >= 2 and a positive SD")
    freedom, alpha = n - 1 if df is None else df, sidak_level(k, level)
    # There the variance is overestimated by more only once in twenty times, so the power is above .94.
    highest = critical_t(alpha, freedom) * np.sqrt(scipy.stats.chi2.isf(0.05, freedom) / freedom) + 3
    shown = scipy.optimize.brentq(lambda x: difference_power(x, freedom, alpha) - power, 0, float(highest))
    return float(shown * sd_difference / np.sqrt(n))


def sidak_level(k: int, level: float) -> float:
    """Šidák's two-sided level for each of k contrasts."""
    return family_level(np.full(k, np.inf), level)


def _probability(value: float, otherwise: float) -> float:
    """A probability; scipy's noncentral t returns nan for noncentralities far beyond the critical value."""
    return otherwise if np.isnan(value) else float(value)


def _shows_difference(
    effect: float, sd: float, borrowed: float, alpha: float, power: float, seeds: int
) -> bool:
    """Whether that many seeds show the effect with enough power."""
    return difference_power(effect * np.sqrt(seeds) / sd, borrowed * (seeds - 1), alpha) >= power


def _shows_equivalence(
    effect: float, sd: float, borrowed: float, alpha: float, margin: float, power: float, seeds: int
) -> bool:
    """Whether that many seeds show with enough power that the effect lies inside the margin."""
    below, above = (distance * np.sqrt(seeds) / sd for distance in (margin + effect, margin - effect))
    return equivalence_power(below, above, borrowed * (seeds - 1), alpha) >= power


def fewest_seeds(enough: Callable[[int], bool], fewest: int) -> int:
    """The fewest seeds that are enough, by bisection (power grows with seeds), or MOST_SEEDS + 1."""
    return fewest + bisect_left(range(fewest, MOST_SEEDS + 1), True, key=enough)
