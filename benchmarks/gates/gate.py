"""What a gate is: a measured rate, the band that it must lie in, and the scenario that it comes from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

ALPHA, LIMIT = 0.05, 0.06  # nominal error; false claims that are not fragile where assumptions fail
Counts = dict[str, float]  # sums over studies, by what was counted


@dataclass(frozen=True)
class Gate:
    """A line of the page: what was measured, and whether it is what it should be."""

    section: str
    planted: str
    measured: str
    value: float
    se: float
    low: float = -inf
    high: float = inf  # both infinite: printed, not gated

    @property
    def gated(self) -> bool:
        """Whether there is a band."""
        return self.low > -inf or self.high < inf

    @property
    def ok(self) -> bool:
        """Whether the value lies in the band."""
        return self.low <= self.value <= self.high


# What judges; the rest of trickbag.stats describes noise, time and plans, and changes no rate.
_NAMES = (
    "cells",
    "claims",
    "family",
    "moderated",
    "noise",
    "pooled",
    "price",
    "sequential",
    "unpaired",
    "verdict",
)
JUDGES = tuple(f"trickbag/stats/{name}.py" for name in _NAMES)


@dataclass(frozen=True)
class Scenario:
    """Studies of one kind: how they are simulated, and what the sums over them must show."""

    name: str
    simulate: Callable[[np.random.Generator, int], Counts]  # a generator, how many studies
    gates: Callable[[Mapping[str, float], int], list[Gate]]  # the sums, over how many studies
    share: float = 1.0  # of the number of studies that is asked for
    sources: tuple[str, ...] = JUDGES  # files and folders whose change asks for a new simulation


def proportion(count: float, studies: int) -> tuple[float, float]:
    """A rate and its standard error; one study at least is taken to have differed from the others."""
    rate = count / studies
    inner = min(max(rate, 1 / studies), 1 - 1 / studies)
    return rate, sqrt(inner * (1 - inner) / studies)


def three_se(rate: float, studies: int) -> float:
    """Three standard errors of a proportion whose true value is `rate`."""
    return 3 * sqrt(rate * (1 - rate) / studies)
