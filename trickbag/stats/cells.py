"""The cell-means model: main effects, interactions and Shapley shares of a factorial design, as contrasts.

Every such quantity is a weighted sum of the cells' mean accuracies whose weights sum to zero, so it has an exact
interval from one least squares fit, and shares that add up to a total in the weights add up in the estimates.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from trickbag.errors import InputError
from trickbag.stats.claims import shares
from trickbag.stats.family import Floats
from trickbag.stats.moderated import TIE, Bools, Effects, effects
from trickbag.stats.pooled import pooled_effects
from trickbag.stats.verdict import Verdict

_ROUNDING = 1e-9  # weights such as 1/3 sum to zero up to this


def cell_effects(
    table: ArrayLike, weights: ArrayLike, level: float = 0.95, resolution: float = 0.0
) -> Effects:
    """Contrasts [m] of cell means with simultaneous intervals, from `acc ~ cell + seed`.

    `table` [cells, seeds]: accuracies in percent, nan where a run is missing; such a seed is left out for all
    cells, so that every contrast compares like with like. `weights` [m, cells], rows summing to zero. In a
    complete block design the least squares estimate is weights @ cell means with standard error
    s |weights| / sqrt(seeds), s² the residual mean square with (cells - 1)(seeds - 1) degrees of freedom
    (Searle 1971, "Linear Models", section 7.2); intervals as `pooled_effects`. The model supposes one variance and
    one seed correlation for all cells; `cell_fragile` marks what does not survive without that. `resolution`:
    what one evaluation image counts (100 / images); where nothing scatters, s² is what one image in one run
    would give it, and infinite without it.
    InputError: shapes that do not fit, weights not summing to zero, fewer than two cells or complete seeds.
    """
    complete, rows, norm = _checked(table, weights)
    cells, n = complete.shape
    residual = complete - complete.mean(1, keepdims=True) - complete.mean(0)  # the grand mean is zero
    df = (cells - 1.0) * (n - 1)
    scatter = float((residual**2).sum()) / df
    s_squared = scatter if scatter > TIE**2 else resolution**2 / (cells * n)
    se = norm * np.sqrt((s_squared or np.inf) / n)
    effect, seeds = rows @ complete.mean(1), np.full(len(rows), float(n))
    return pooled_effects(effect, se, df, contrast_correlation(rows), seeds, level)


def cell_fragile(
    table: ArrayLike,
    weights: ArrayLike,
    verdicts: Sequence[Verdict],
    margin: float,
    level: float = 0.95,
    resolution: float = 0.0,
) -> Bools:
    """Which of the verdicts [m] on these contrasts the contrast computed seed by seed does not share.

    The contrast of one seed needs no common variance and no common seed correlation, whatever the cells do.
    Shared: the moderated paired differences (`effects`) of these make the same claim with the simultaneous
    intervals of the same family, so a claim that is not fragile is one of theirs and keeps their error rate; an
    undecided contrast is fragile where they claim a difference; no claim from two seeds survives. In 2², 2³ and
    2⁴ designs with five and ten seeds (4,000 studies each) in which nothing differs, cell means claimed
    something in up to .29 (leave-one-out, full stack's SD x3; main effects, half of the cells of seed correlation
    .9, half of 0), and something not fragile in at most .058. Of true main effects of four standard errors
    (2³, five seeds) they claim .92, .78 of these not fragile. Asking the seed-by-seed intervals for the level of
    a single contrast would keep more, and let .11 through.
    """
    complete, rows, norm = _checked(table, weights)
    by_seed = rows / norm[:, None] @ complete  # of one variance where the cells have one
    step = resolution * float(np.min(np.abs(rows / norm[:, None]), where=rows != 0, initial=1.0))
    found = effects(by_seed, level, contrast_correlation(rows), step)
    small = (-margin < norm * found.low_90) & (norm * found.high_90 < margin)
    few = complete.shape[1] < 3
    claim = np.array([word != "undecided" for word in verdicts])
    return np.asarray(~shares(verdicts, found.low > 0, found.high < 0, small) | (few & claim))


def contrast_correlation(weights: ArrayLike) -> Floats:
    """Correlation [m, m] of contrasts of independent cells of equal variance: WW' with unit diagonal.

    Rounded to 1e-12, so that relabelled cells give the same matrix, and with it the same draws, to the last digit.
    """
    rows = np.asarray(weights, dtype=np.float64)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.round(unit @ unit.T, 12))


def _checked(table: ArrayLike, weights: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """The complete seeds of the table less their grand mean, the weights, and the length of each row."""
    accuracy = np.asarray(table, dtype=np.float64)
    rows = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    if accuracy.ndim != 2 or rows.ndim != 2 or rows.shape[1] != len(accuracy) or len(accuracy) < 2:
        raise InputError(
            f"cells: table {accuracy.shape}, weights {rows.shape}; give [cells, seeds] and [m, cells], cells >= 2"
        )
    norm = np.linalg.norm(rows, axis=1)
    for i, row in enumerate(rows):
        if not norm[i] > 0 or abs(row.sum()) > _ROUNDING * norm[i]:
            raise InputError(f"cells: weights of contrast {i} sum to {row.sum():g}; give a contrast: sum 0")
    complete = accuracy[:, np.isfinite(accuracy).all(axis=0)]
    if complete.shape[1] < 2:
        raise InputError(
            f"cells: {complete.shape[1]} seed(s) with a run in every cell; a variance needs at least 2"
        )
    return complete - complete.mean(), rows, norm
