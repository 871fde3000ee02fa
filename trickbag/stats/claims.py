"""Claims that combine verdicts: accuracy kept, and faster with accuracy kept."""

import numpy as np
from numpy.typing import ArrayLike

from trickbag.errors import InputError
from trickbag.stats.moderated import Bools


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
