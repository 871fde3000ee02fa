"""From intervals to words: the verdict of a contrast, and whether it hangs on one seed or on borrowing."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from trickbag.errors import InputError
from trickbag.stats.family import Floats, critical_t, family_level
from trickbag.stats.moderated import Bools, Effects, Prior, as_rows, fit_prior, moments, posterior

Verdict = Literal["equivalent", "better but small", "better", "worse", "undecided"]

_NO_PRIOR = Prior(np.ones(()), np.zeros(()), np.zeros(()))


def verdict(low: float, high: float, low_90: float, high_90: float, margin: float) -> Verdict:
    """The verdict on arm minus comparison from its 95 % interval, the 90 % twin and the declared margin.

    All in percentage points; the first that fits, see docs/statistics.md. InputError: margin not positive.
    """
    if not 0 < margin < np.inf:
        raise InputError(f"margin: {margin} is not a margin; give a positive number of percentage points")
    if -margin < low_90 and high_90 < margin and low <= 0 <= high:
        return "equivalent"
    if low > 0:
        return "better but small" if high_90 < margin else "better"
    return "worse" if high < 0 else "undecided"


def verdicts(found: Effects, margin: float) -> list[Verdict]:
    """The verdict of every contrast."""
    bounds = zip(found.low, found.high, found.low_90, found.high_90, strict=True)
    return [verdict(float(a), float(b), float(c), float(d), margin) for a, b, c, d in bounds]


def fragile(
    differences: Sequence[ArrayLike] | Floats,
    given: Sequence[Verdict],
    margin: float,
    level: float = 0.95,
    correlation: ArrayLike | None = None,
    resolution: float = 0.0,
) -> Bools:
    """Which of the verdicts `given` to these contrasts [k] the robust cross-check does not share.

    A claim must survive, in its own direction and at the level of a single contrast, (a) the loss of any one
    seed and (b) the plain paired t, which borrows nothing; so no claim from two seeds survives. An undecided
    contrast must be undecided for the plain paired t with Šidák's correction too. Asking more would undo
    the gain in power: a claim at the level of the whole family after the loss of any seed kept .17 of .47
    (k = 10, n = 5, an effect of two seed SDs), this keeps .43, and lowers the false claims of noisy cases.
    Arguments as for `effects`.
    """
    rows = as_rows(differences)
    _, variance = moments(rows)
    n = np.array([row.size for row in rows])
    prior = fit_prior(variance, n - 1.0, correlation)
    alpha = family_level(n - 1.0, level)
    flags = []
    for i, (row, word) in enumerate(zip(rows, given, strict=True)):
        floor = resolution**2
        if word == "undecided":
            low, high = _intervals([row], _NO_PRIOR, floor, alpha)
            flags.append(bool(low[0] > 0 or high[0] < 0))
            continue
        own = Prior(prior.s0_squared[i], prior.d0[i], prior.known[i])
        rest = [np.delete(row, j) for j in range(row.size)]
        kept = row.size > 2 and _supports(word, rest, own, floor, margin, level)
        flags.append(not (kept and _supports(word, [row], _NO_PRIOR, floor, margin, level)))
    return np.array(flags)


def _intervals(rows: Sequence[Floats], prior: Prior, floor: float, alpha: float) -> tuple[Floats, Floats]:
    """Intervals (low, high), each at level 1 - alpha on its own, of versions of one contrast."""
    n = np.array([row.size for row in rows])
    effect, variance = moments(rows)
    s_squared, df, _ = posterior(variance, n - 1.0, prior, floor / n)
    half = critical_t(alpha, df) * np.sqrt(s_squared / n)
    return effect - half, effect + half


def _supports(
    word: Verdict, rows: Sequence[Floats], prior: Prior, floor: float, margin: float, level: float
) -> bool:
    """Whether all these versions of a contrast show the claim at the level of a single contrast."""
    low, high = _intervals(rows, prior, floor, 1 - level)
    low_90, high_90 = _intervals(rows, prior, floor, 2 * (1 - level))
    small = (-margin < low_90) & (high_90 < margin)
    shown = {"equivalent": small, "better": low > 0, "better but small": (low > 0) & small, "worse": high < 0}
    return bool(shown[word].all())
