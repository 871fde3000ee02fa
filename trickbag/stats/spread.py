"""Do the arms scatter alike, and does a seed lie far from the others? Shown to the reader, never acted upon."""

from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import ArrayLike

from trickbag.stats.family import Floats
from trickbag.stats.moderated import TIE

FAR = 3.5  # robust z-score; Iglewicz and Hoaglin 1993, "How to Detect and Handle Outliers", p. 11
FEWEST = 5  # values: of fewer, the median and its deviations are themselves too uncertain
_MAD = 1.4826  # 1 / the third quartile of the standard normal: makes the MAD an estimate of the SD
_MEAN_DEVIATION = 1.2533  # sqrt(pi / 2): the same for the mean absolute deviation


def equal_sd_p(samples: Sequence[ArrayLike]) -> float:
    """p-value of the hypothesis that all samples have one SD (Brown and Forsythe 1974: Levene from the median).

    Samples of fewer than three values are left out (both values of a pair lie equally far from their median);
    1.0, no evidence, where fewer than two samples remain or where nothing scatters about its median.
    """
    used = [row for row in map(_values, samples) if row.size > 2]
    if len(used) < 2 or all(np.ptp(np.abs(row - np.median(row))) < TIE for row in used):
        return 1.0
    return float(scipy.stats.levene(*used, center="median").pvalue)


def outlying(values: ArrayLike) -> list[int]:
    """Indexes of the values further from the median than `FAR` robust SDs (1.4826 MAD).

    Where more than half of the values are tied the MAD is zero and the mean absolute deviation takes its place
    (Iglewicz and Hoaglin 1993), so less than a quarter of the values can be flagged. Fewer than five: none.
    """
    row = _values(values)
    if row.size < FEWEST:
        return []
    distance = np.abs(row - np.median(row))
    distance[distance < TIE] = 0.0  # rounding errors of float64 percentages
    scale = _MAD * np.median(distance) or _MEAN_DEVIATION * distance.mean()
    return [int(i) for i in np.nonzero(distance > FAR * scale)[0]]


def _values(values: ArrayLike) -> Floats:
    """The values as a 1-D float array."""
    return np.asarray(values, dtype=np.float64).ravel()
