"""Seeds added after results could be seen: what a claim must then survive."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from trickbag import stats

SPENT = 0.01  # of false claims, by all extensions together


def extension_level(extensions: int) -> float:
    """The level of the family's simultaneous intervals that must show a claim after so many extensions.

    Whoever adds seeds until something is claimed judges the same family again and again. The m-th extension may
    spend `SPENT` / 2**m, and SPENT (1/2 + 1/4 + ...) = SPENT, so by the union bound all claims that are not fragile,
    at any of the stages, are false together in at most 1 - level + SPENT of all studies, .05 + .01.
    """
    return 1 - SPENT * 0.5**extensions


def lost_by_extension(
    effects_at: Callable[[float], stats.Effects],
    verdicts: Sequence[stats.Verdict],
    margin: float,
    extensions: int,
) -> NDArray[np.bool_]:
    """Which claims [k] the intervals of the same family at `extension_level` do not show; none without extensions.

    `effects_at`: level -> the effects with their simultaneous intervals. Undecided is no claim.
    """
    claims = np.array([word != "undecided" for word in verdicts])
    if not extensions:
        return np.zeros_like(claims)
    found = effects_at(extension_level(extensions))
    small = (-margin < found.low_90) & (found.high_90 < margin)
    return np.asarray(claims & ~stats.shares(verdicts, found.low > 0, found.high < 0, small))
