"""What a plan will be able to see before anything has run: the smallest effect it shows, the price of equivalence."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from trickbag.stats.moderated import FEWEST, SHARED, known_df
from trickbag.stats.price import (
    MOST_SEEDS,
    equivalence_power,
    fewest_seeds,
    minimum_detectable_effect,
    sidak_level,
)

# Half of what the other comparisons could lend is what they lend on average: with it the simulated power of a
# minimum detectable effect is .74 to .83 for k from 1 to 20 and n from 3 to 10 (all of it: .69 to .79).
LENT = 0.5
CONVERGED_ERROR = 0.1  # error rate assumed where nothing is known


@dataclass(frozen=True)
class Sight:
    """What n seeds of a family can see, with the probability that was asked for (percentage points)."""

    detectable: float  # smallest effect that is shown to be one
    equivalence_chance: float  # of showing "no practical difference" where there is none, with these seeds
    equivalence_seeds: int | None  # that raise this chance to the one asked for; None: no sensible number


def sight(
    n: int,
    seed_sd: float,
    k: int,
    margin: float,
    correlation: float = 0.0,
    power: float = 0.8,
    level: float = 0.95,
    df: Callable[[int, int], float] | None = None,
) -> Sight:
    """What `n` seeds will see in a family of `k` comparisons with one baseline.

    `seed_sd`: SD between the seeds of one arm; `correlation`: of two arms with the same seed; `df`: degrees of
    freedom for (n, k), those of moderated paired differences if None.
    """
    sd, freedom = seed_sd * float(np.sqrt(2 * (1 - correlation))), df or planning_df
    chance = partial(_equivalence, sd=sd, k=k, margin=margin, level=level, df=freedom)
    seeds = fewest_seeds(lambda more: chance(more) >= power, 3)
    return Sight(
        detectable=minimum_detectable_effect(n, sd, k, power, level, freedom(n, k)),
        equivalence_chance=chance(n),
        equivalence_seeds=None if seeds > MOST_SEEDS else seeds,
    )


def contrast_detectable(
    weights: ArrayLike,
    n: int,
    seed_sd: float,
    k: int,
    cells: int,
    correlation: float = 0.0,
    power: float = 0.8,
    level: float = 0.95,
) -> float:
    """The smallest contrast of cell means that `n` seeds show in a family of `k`, from a fit of so many `cells`.

    What all cells of a seed have in common cancels: the variance of one seed is sd² (1 - correlation) Σw².
    """
    sd = seed_sd * float(np.sqrt((1 - correlation) * np.square(np.asarray(weights)).sum()))
    return minimum_detectable_effect(n, sd, k, power, level, (cells - 1.0) * (n - 1))


def planning_df(n: int, k: int) -> float:
    """Degrees of freedom to expect for each of `k` moderated comparisons with one baseline and `n` seeds."""
    if k <= FEWEST:
        return n - 1.0
    return n - 1 + LENT * float(known_df(np.full(k, n - 1.0), SHARED)[0])


def unpaired_df(n: int, k: int) -> float:
    """Degrees of freedom of Dunnett's pooled variance: k arms of n seeds, a baseline of n √k."""
    return k * (n - 1.0) + float(np.ceil(n * np.sqrt(k))) - 1


def luck_of_evaluation(images: int, error: float = CONVERGED_ERROR) -> float:
    """Seed SD, in points, that judging on so few images alone gives a converged network of that error rate.

    sqrt(error / (2 images)) for two classes, Jordan 2024 (arXiv 2304.01910), section 4; more classes, and
    short training, add to it.
    """
    return 100 * float(np.sqrt(error / 2 / images))


def _equivalence(
    n: int, sd: float, k: int, margin: float, level: float, df: Callable[[int, int], float]
) -> float:
    """The chance that n seeds show equivalence where there is no difference at all."""
    distance = margin * float(np.sqrt(n)) / sd
    return equivalence_power(distance, distance, df(n, k), sidak_level(k, 2 * level - 1))
