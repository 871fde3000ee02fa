"""The change of the error rate: a gain of half a point means more at 95 % accuracy than at 60 %."""

import numpy as np
from numpy.typing import ArrayLike

from trickbag.errors import InputError
from trickbag.stats.family import critical_t
from trickbag.stats.moderated import TIE

PERCENT = 100.0


def relative_error(
    arm: ArrayLike, comparison: ArrayLike, alpha: float = 0.05
) -> tuple[float, float, float] | None:
    """Change of the error rate in percent of the comparison's (negative is better): (effect, low, high).

    `arm`, `comparison` [seeds]: accuracies in percent at the same seeds. A paired t interval at two-sided level
    `alpha` of the log ratios of error rates, back-transformed, so it is about the ratio of geometric means (Bland
    and Altman 1996, "Transformations, means, and confidence intervals", BMJ 312:1079). None where it cannot be
    told: fewer than two seeds, an error rate of zero, or ratios without any scatter.
    InputError: arm and comparison of different lengths.
    """
    a, b = np.asarray(arm, dtype=np.float64), np.asarray(comparison, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(f"relative error: shapes {a.shape} and {b.shape}; give the same seeds of both")
    errors = np.array([PERCENT - a, PERCENT - b])
    if a.size < 2 or not np.isfinite(errors).all() or (errors <= TIE).any():
        return None
    ratios = np.log(errors[0] / errors[1])
    se = float(ratios.std(ddof=1) / np.sqrt(a.size))
    if se < TIE:
        return None
    half = float(critical_t(alpha, a.size - 1)) * se
    low, effect, high = (PERCENT * float(np.expm1(ratios.mean() + x)) for x in (-half, 0.0, half))
    return effect, low, high
