"""Claims beside the verdict: what a cross-check shares, accuracy kept, and faster with accuracy kept."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from trickbag.errors import InputError
from trickbag.stats.moderated import Bools
from trickbag.stats.verdict import Verdict


def shares(words: Sequence[Verdict], better: ArrayLike, worse: ArrayLike, small: ArrayLike) -> Bools:
    """Whether an analysis that shows these facts [..., k] makes the claims `words` [k], or no claim of a difference.

    `better`, `worse`: its interval leaves zero; `small`: its 90 % twin lies inside the margin. Undecided is
    shared where neither better nor worse is shown.
    """
    up, down, inside = (np.asarray(fact, dtype=np.bool_) for fact in (better, worse, small))
    shown = {"equivalent": inside, "better but small": up & inside, "better": up, "worse": down}
    word = np.broadcast_to(np.asarray(words), up.shape)
    return np.asarray(np.select([word == name for name in shown], list(shown.values()), ~(up | down)))


def kept(low_90: ArrayLike, margin: float) -> Bools:
    """Non-inferiority [k]: the arm is not less accurate by `margin` percentage points or more.

    `low_90` [k]: lower bounds of the 90 % twin, so each is a one-sided test at 5 %. InputError: margin not positive.
    """
    if not 0 < margin < np.inf:
        raise InputError(f"margin: {margin} is not a margin; give a positive number of percentage points")
    return np.asarray(np.asarray(low_90, dtype=np.float64) > -margin)


def faster_and_kept(faster: ArrayLike, low_90: ArrayLike, margin: float) -> Bools:
    """The joint claim [k], faster (the time verdict, as booleans) and accuracy `kept`.

    An intersection-union test: the union of "not faster" and "less accurate" is rejected only where both parts
    are, each at its own 5 %, so the joint claim is wrong at most 5 % of the time without a correction between
    the two (Berger 1982, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24:295).
    """
    return np.asarray(np.asarray(faster, dtype=np.bool_) & kept(low_90, margin))
