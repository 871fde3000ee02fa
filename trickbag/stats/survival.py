"""Time to a target, with runs that never reach it: censored, not left out."""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike

from trickbag.errors import InputError


@dataclass(frozen=True)
class TimeToTarget:
    """Kaplan-Meier medians (None where fewer than half reach the target) and the log-rank test of two arms."""

    median: float | None
    comparison_median: float | None
    p: float | None  # None where no target is reached while runs of both arms are still on their way


def time_to_target(
    times: ArrayLike, reached: ArrayLike, comparison_times: ArrayLike, comparison_reached: ArrayLike
) -> TimeToTarget:
    """When runs reach a target, from [R] times and whether each was reaching it or the end without it.

    Kaplan and Meier (1958, "Nonparametric estimation from incomplete observations"), and the log-rank test
    of Mantel (1966), both as in scipy. Any unit of time. InputError: an empty arm, or shapes that differ.
    """
    arm, comparison = _censored(times, reached), _censored(comparison_times, comparison_reached)
    events = bool(np.any(reached) or np.any(comparison_reached))
    with np.errstate(divide="ignore", invalid="ignore"):  # nothing left to compare after the first time
        p = float(scipy.stats.logrank(arm, comparison).pvalue) if events else np.nan
    return TimeToTarget(_median(arm), _median(comparison), p if np.isfinite(p) else None)


def _censored(times: ArrayLike, reached: ArrayLike) -> "scipy.stats.CensoredData":
    """The times of one arm, censored where the target was not reached."""
    seconds, events = np.asarray(times, dtype=np.float64), np.asarray(reached, dtype=bool)
    if seconds.ndim != 1 or seconds.shape != events.shape or not seconds.size:
        raise InputError(f"time to target: shapes {seconds.shape} and {events.shape}; give [R] twice, R > 0")
    return scipy.stats.CensoredData.right_censored(seconds, ~events)


def _median(sample: "scipy.stats.CensoredData") -> float | None:
    """The first time at which no more than half are still on their way."""
    survival = scipy.stats.ecdf(sample).sf
    passed = survival.quantiles[survival.probabilities <= 0.5 + 1e-12]  # a half, up to rounding
    return float(passed[0]) if passed.size else None
