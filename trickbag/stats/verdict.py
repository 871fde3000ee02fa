"""From intervals to words: the verdict of a contrast, and whether it hangs on one seed or on borrowing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trickbag.errors import InputError
from trickbag.stats.family import Floats, critical_t, family_level
from trickbag.stats.moderated import Bools, Effects, Prior, as_rows, fit_prior, moments, posterior

Verdict = Literal["equivalent", "better but small", "better", "worse", "undecided"]

LESS = 2 / 3  # of d0, which k - 1 variances tell but roughly; see `fragile`
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
    given: Sequence[Verdict] | NDArray[np.str_],
    margin: float,
    level: float = 0.95,
    correlation: ArrayLike | None = None,
    resolution: float = 0.0,
) -> Bools:
    """Which of the verdicts `given` to these contrasts [..., k] the robust cross-check does not share.

    A claim must survive, in its own direction, (a) the loss of any one seed and (b) the plain paired t, which
    borrows nothing, both at the level of a single contrast; and (c) with `LESS` of the prior's degrees of
    freedom, at Šidák's level for the family. So no claim from two seeds survives. An undecided contrast must be
    undecided for the plain paired t with Šidák's correction too. Asking more would undo the gain in power
    (docs/error_rates.md): a claim at the level of the whole family after the loss of any seed kept .17 of .47
    (k = 10, n = 5, an effect of two seed SDs), (a) and (b) .45, this .43. (c) is for arms of two kinds, on
    whose variances one prior fits badly: half of them with SDs x3, false claims that are not fragile fell from
    .069 to .051. Arguments as for `effects`.
    """
    rows, words, floor = as_rows(differences), np.asarray(given), resolution**2
    _, variance = moments(rows)
    n = np.array([row.shape[-1] for row in rows])
    prior = fit_prior(variance, n - 1.0, correlation)
    family = tuple(family_level(n - 1.0, x) for x in (level, 2 * level - 1))
    single = (1 - level, 2 * (1 - level))
    flags = []
    for i, row in enumerate(rows):
        word, own = words[..., i], Prior(*(x[..., i] for x in (prior.s0_squared, prior.d0, prior.known)))
        low, high = _interval(row, _NO_PRIOR, floor, family[0])
        checks = [np.full(word.shape, n[i] > 2)]
        if n[i] > 2:
            rest = np.stack([np.delete(row, j, axis=-1) for j in range(n[i])])
            less = replace(own, d0=LESS * own.d0)
            checks += list(_supports(word, rest, own, floor, margin, single))
            checks.append(_supports(word, row, _NO_PRIOR, floor, margin, single))
            checks.append(_supports(word, row, less, floor, margin, family))
        flags.append(np.where(word == "undecided", (low > 0) | (high < 0), ~np.all(checks, axis=0)))
    return np.stack(flags, axis=-1)


def _interval(row: Floats, prior: Prior, floor: float, alpha: float) -> tuple[Floats, Floats]:
    """Interval (low, high) [...] at level 1 - alpha on its own, of versions [..., seeds] of one contrast."""
    n = row.shape[-1]
    (effect,), (variance,) = (np.moveaxis(x, -1, 0) for x in moments([row]))
    s_squared, df, _ = posterior(variance, n - 1.0, prior, floor / n)
    half = critical_t(alpha, df) * np.sqrt(s_squared / n)
    return effect - half, effect + half


def _supports(
    word: NDArray[np.str_],
    row: Floats,
    prior: Prior,
    floor: float,
    margin: float,
    alphas: tuple[float, ...],
) -> Bools:
    """Which of these versions [..., seeds] of a contrast show the claim, with intervals and twins at `alphas`."""
    (low, high), (low_90, high_90) = (_interval(row, prior, floor, alpha) for alpha in alphas)
    small = (-margin < low_90) & (high_90 < margin)
    shown = {"equivalent": small, "better": low > 0, "better but small": (low > 0) & small, "worse": high < 0}
    return np.asarray(np.select([word == name for name in shown], list(shown.values()), False))
