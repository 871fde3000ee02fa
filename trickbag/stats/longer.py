"""What a gain is worth in training time: how many times as long the comparison would have to train."""

import numpy as np
from numpy.typing import ArrayLike

from trickbag.errors import InputError
from trickbag.stats.family import Floats, critical_t

FEWEST_DURATIONS = 3  # two always lie on a line; the third shows whether accuracy follows it
FARTHEST = 1000.0  # times longer or shorter; beyond, a line through a few durations says nothing

Longer = tuple[float, float | None, float | None]


def times_longer(
    gain: ArrayLike, accuracy: ArrayLike, times: ArrayLike, level: float = 0.95
) -> Longer | None:
    """How many times as long the comparison must train to gain as much: (times, low, high).

    `gain` [S]: arm minus comparison at each seed; `accuracy` [D, S]: of the comparison at the same seeds,
    trained `times` [D] as long, each with its whole schedule; all in percentage points. At each seed the
    accuracy is a line in log(times) (least squares), and the answer is exp(mean gain / mean slope). The
    interval is Fieller's (1954, "Some problems in interval estimation", JRSS B 16:175): all ratios r for
    which the paired t test does not reject mean(gain - r slope) = 0. A bound is open, None, where the slope
    is not clearly positive: one of them where the gain is clear, else both.
    None where the mean slope is not positive, so that no length brings a gain. Raises InputError where
    fewer than three durations or two seeds are given, or shapes do not fit.
    """
    gains, table, lengths = (np.asarray(values, dtype=np.float64) for values in (gain, accuracy, times))
    _check(gains, table, lengths)
    x = np.log(lengths) - np.log(lengths).mean()
    slopes = x @ table / (x @ x)  # [S]
    if slopes.mean() <= 0 or (point := _times(gains.mean() / slopes.mean())) is None:
        return None
    low, high = _fieller(gains, slopes, level)
    return point, low, high


def _fieller(gains: Floats, slopes: Floats, level: float) -> tuple[float | None, float | None]:
    """The bounds of exp(r) from the roots of (g - r b)² = t² (s_gg - 2 r s_gb + r² s_bb) / S."""
    seeds = gains.size
    g, b = gains.mean(), slopes.mean()
    spread = np.cov(gains, slopes) * float(critical_t(1 - level, seeds - 1)) ** 2 / seeds
    a, half, c = b**2 - spread[1, 1], g * b - spread[0, 1], g**2 - spread[0, 0]
    if a <= 0 and c <= 0:
        return None, None
    root = np.sqrt(max(half**2 - a * c, 0.0))
    if a > 0:
        return _times((half - root) / a), _times((half + root) / a)
    # The slope may be zero, the gain not: two rays, of which a positive slope leaves the gain's own side. Its
    # end is the root with the sign of the gain, c / (half ± root), which holds for a = 0 too.
    return (_times(c / (half + root)), None) if g > 0 else (None, _times(c / (half - root)))


def _times(exponent: float) -> float | None:
    """exp of an exponent, or None beyond what a line through a few durations can tell."""
    return float(np.exp(exponent)) if abs(exponent) <= np.log(FARTHEST) else None


def _check(gains: Floats, table: Floats, lengths: Floats) -> None:
    """InputError where the arrays cannot be what they should be."""
    if table.ndim != 2 or gains.shape != table.shape[1:] or lengths.shape != table.shape[:1]:
        raise InputError(
            f"times longer: shapes {gains.shape}, {table.shape}, {lengths.shape}; give [S], [D, S] and [D]"
        )
    if len(set(lengths.tolist())) < FEWEST_DURATIONS or gains.size < 2:
        raise InputError(
            f"times longer: {len(set(lengths.tolist()))} durations, {gains.size} seeds; give at least "
            f"{FEWEST_DURATIONS} different durations and 2 seeds"
        )
    if not (np.isfinite(gains).all() and np.isfinite(table).all() and (lengths > 0).all()):
        raise InputError("times longer: a value is missing or a duration not positive; pass complete seeds")
