"""The decisions of `analyze` for many studies at once: the same functions, and the same words."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from trickbag import stats
from trickbag.stats.family import Floats, family_level
from trickbag.stats.moderated import Bools, intervals, moderated_t

SLACK = 0.06  # relative; a level is a quantile of 100,000 draws, with a standard error of 1.4 %
GRID = np.unique(np.r_[1:20, np.geomspace(20, 2000, 24).round(), np.inf])


@dataclass(frozen=True)
class Decisions:
    """What the analysis says about R studies of k contrasts (arrays [R, k])."""

    effect: Floats
    se: Floats
    df: Floats
    words: NDArray[np.str_]
    fragile: Bools
    covered: Bools  # whether the simultaneous interval holds the true effect

    @property
    def claims(self) -> Bools:
        """Which contrasts are said to differ."""
        return np.isin(self.words, ("better", "better but small", "worse"))


def decide(
    rows: Sequence[Floats],
    truth: Floats,
    margin: float,
    correlation: Floats,
    level: float = 0.95,
    resolution: float = 0.0,
) -> Decisions:
    """Verdicts of R studies from k rows of differences [R, seeds], as `effects`, `verdicts` and `fragile` give.

    The level of a family depends on all its degrees of freedom and takes 100,000 draws. It lies between the
    levels for the fewest and for the most degrees of freedom of the study, and every decision changes at most
    once between the two, so it is worked out only where the bounds decide differently.
    """
    effect, se, df, _ = moderated_t(rows, correlation, resolution)
    judged = np.isfinite(se)  # as in `analyze`: a contrast that cannot be judged has no verdict
    fewest, most = _round(df.min(-1), down=True), _round(df.max(-1), down=False)
    lower = _levels(fewest, correlation, level, -SLACK)
    upper = _levels(most, correlation, level, SLACK)
    look = partial(_look, effect, se, df, truth, margin)
    corners = [look(a, b) for a, b in product((lower[0], upper[0]), (lower[1], upper[1]))]
    open_ = [(words != corners[0][0]) | (held != corners[0][1]) for words, held in corners[1:]]
    for i in np.any(open_, axis=(0, -1)).nonzero()[0]:
        lower[:, i, 0] = [family_level(df[i], x, correlation) for x in (level, 2 * level - 1)]
    words, covered = look(*lower)
    words = np.where(judged, words, "undecided")
    flags = stats.fragile(rows, words, margin, level, correlation, resolution)
    return Decisions(effect, se, df, words, flags, covered)


def _round(df: Floats, down: bool) -> Floats:
    """Degrees of freedom on a grid, so that few levels serve all studies."""
    at = np.searchsorted(GRID, df, side="right") - 1 if down else np.searchsorted(GRID, df, side="left")
    return GRID[at]


def _levels(df: Floats, correlation: Floats, level: float, slack: float) -> Floats:
    """A bound of the levels [2, R, 1] of each study's intervals and of their twins."""
    key = (len(correlation), correlation.tobytes())
    both = [[_level(float(x), *key, round(p, 12)) for x in df] for p in (level, 2 * level - 1)]
    return np.array(both)[..., None] * (1 + slack)


@cache
def _level(df: float, k: int, correlation: bytes, level: float) -> float:
    """The level of a family with equal degrees of freedom."""
    return family_level(np.full(k, df), level, np.frombuffer(correlation).reshape(k, k))


def _look(
    effect: Floats, se: Floats, df: Floats, truth: Floats, margin: float, alpha: Floats, alpha_90: Floats
) -> tuple[NDArray[np.str_], Bools]:
    """Verdicts [R, k] at these levels, and whether the intervals hold the truth."""
    low, high, low_90, high_90 = intervals(effect, se, df, alpha, alpha_90)
    words = np.vectorize(stats.verdict, otypes=["U16"])(low, high, low_90, high_90, margin)
    return words, (low <= truth) & (truth <= high)
