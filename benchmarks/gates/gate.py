"""What a gate is: a measured rate, the band that it must lie in, and the scenario that it comes from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

Counts = dict[str, float]  # sums over studies; `studies` is their number
Simulate = Callable[[np.random.Generator, int], Counts]


@dataclass(frozen=True)
class Gate:
    """A line of the page: what was measured, and whether it is what it should be."""

    section: str
    scenario: str
    quantity: str
    value: float
    se: float
    low: float = -inf  # the band; both infinite: printed, not gated
    high: float = inf

    @property
    def gated(self) -> bool:
        """Whether there is a band."""
        return self.low > -inf or self.high < inf

    @property
    def ok(self) -> bool:
        """Whether the value lies in the band."""
        return self.low <= self.value <= self.high


@dataclass(frozen=True)
class Scenario:
    """Studies of one kind: how they are simulated, and what their counts must show."""

    name: str
    simulate: Simulate  # (generator, studies) -> sums
    gates: Callable[[Mapping[str, float]], list[Gate]]
    share: float = 1.0  # of the number of studies asked for
    chunk: int = 500  # studies simulated at once, each chunk with a generator of its own


def proportion(count: float, studies: float) -> tuple[float, float]:
    """A rate and its standard error; that of a rate of zero or one is taken as if one study had differed."""
    rate = count / studies
    inner = min(max(rate, 1 / studies), 1 - 1 / studies)
    return rate, sqrt(inner * (1 - inner) / studies)


def nominal(rate: float, studies: float) -> float:
    """Three standard errors of a proportion whose true value is `rate`."""
    return 3 * sqrt(rate * (1 - rate) / studies)
