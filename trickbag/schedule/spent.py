"""What a schedule spends where."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True)
class Spent:
    """A schedule in three numbers, each a share from 0 to 1."""

    mean: float  # factor over all steps: the area under the curve, how far the weights may move
    high: float  # share of the steps above half of the peak: how long noise is kept large
    final: float  # factor at the last step: how much noise is left in the weights that are judged


def spent(factors: Sequence[float]) -> Spent:
    """The summary of the factors of all steps of a training, at least one."""
    peak = max(factors)
    return Spent(fmean(factors), sum(value > peak / 2 for value in factors) / len(factors), factors[-1])
