"""A family of contrasts judged together: their joint law, the level each is held to, Holm's step-down."""

from collections.abc import Hashable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from trickbag.errors import InputError

Floats = NDArray[np.float64]

DRAWS = 100_000  # the attained joint level then has a standard error of sqrt(.05 * .95 / 1e5) = .0007
TAIL = 0.25  # the smallest p-value of a draw is worked out only below this, so level > 1 - TAIL
_CHUNK = 2_000_000  # numbers per block of draws, so that 200 contrasts need no gigabytes


def design_correlation(pairs: Sequence[tuple[Hashable, Hashable]]) -> Floats:
    """Correlation [k, k] of the differences (arm, comparison) between independent arms of equal variance.

    0.5 for a shared comparison, 0 for disjoint pairs, -0.5 for chained ones (b - a, c - b), 1 for the same
    pair twice. A seed effect common to all arms cancels in every difference and leaves this unchanged.
    """
    for arm, comparison in pairs:
        if arm == comparison:
            raise InputError(f"contrast: {arm!r} is compared with itself; name another comparison")
    arms = {arm: i for i, arm in enumerate(dict.fromkeys(a for pair in pairs for a in pair))}
    rows = np.zeros((len(pairs), len(arms)))
    for row, (arm, comparison) in zip(rows, pairs, strict=True):
        row[arms[arm]], row[arms[comparison]] = 1.0, -1.0
    return rows @ rows.T / 2


def family_level(
    df: ArrayLike, level: float = 0.95, correlation: ArrayLike | None = None, pooled: bool = False
) -> float:
    """The two-sided level a* at which each t interval must be built so that all cover together with `level`.

    `df` [k]: degrees of freedom of each contrast's variance; the intervals are effect ± t(1 - a*/2, df) se.
    With equal df this is the single-step max-|t| interval; with unequal ones every contrast keeps the same
    share of the error (Beran 1988, "Balanced simultaneous confidence sets"), so that one contrast with few
    degrees of freedom does not widen all others. `correlation` [k, k] of the estimates; None assumes nothing
    about it (Šidák 1967, whose inequality holds for every correlation). The variances are taken as
    independent, which is conservative when they share information; `pooled`: one variance serves all.
    """
    dfs = np.atleast_1d(np.asarray(df, dtype=np.float64))
    _check_level(level)
    sidak = -float(np.expm1(np.log(level) / dfs.size))
    if correlation is None or dfs.size == 1:
        return sidak
    return max(_joint_level(*_key(dfs, correlation), pooled, level), sidak)


def single_step_p(t: ArrayLike, df: ArrayLike, correlation: ArrayLike, pooled: bool = False) -> Floats:
    """Single-step adjusted p-values [k]: the chance that the smallest p-value of the family is this small."""
    statistics = np.asarray(t, dtype=np.float64)
    dfs = np.broadcast_to(np.asarray(df, dtype=np.float64), statistics.shape)
    smallest = _smallest_p(*_key(dfs, correlation), pooled, 1.0)
    counts = np.searchsorted(smallest, two_sided_p(statistics, dfs), side="right")
    return np.asarray((1 + counts) / (1 + smallest.size))


def holm(p: ArrayLike) -> Floats:
    """Holm's (1979) step-down adjusted p-values along the last axis."""
    raw = np.asarray(p, dtype=np.float64)
    order = np.argsort(raw, axis=-1, kind="stable")
    steps = np.take_along_axis(raw, order, -1) * np.arange(raw.shape[-1], 0, -1)
    adjusted = np.empty_like(raw)
    np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(steps, axis=-1), 1.0), -1)
    return adjusted


def two_sided_p(t: ArrayLike, df: ArrayLike) -> Floats:
    """Two-sided p-values of t statistics; df may be infinite."""
    return np.asarray(2 * stdtr(df, -np.abs(t)))


def critical_t(alpha: ArrayLike, df: ArrayLike) -> Floats:
    """The value that |t| with `df` degrees of freedom exceeds with probability `alpha`."""
    return np.asarray(-stdtrit(df, np.asarray(alpha) / 2))


def _check_level(level: float) -> None:
    """Refuse a confidence level outside (1 - TAIL, 1)."""
    if not 1 - TAIL < level < 1:
        raise InputError(f"level: {level} is not a confidence level; give one above {1 - TAIL} and below 1")


def _key(df: Floats, correlation: ArrayLike) -> tuple[tuple[float, ...], bytes]:
    """The family in hashable form, sorted so that the names and the order of arms change no digit."""
    matrix = np.asarray(correlation, dtype=np.float64)
    if matrix.shape != (df.size, df.size):
        raise InputError(f"correlation: shape {matrix.shape} does not fit {df.size} contrasts")
    order = np.lexsort((*np.sort(matrix, axis=1).T, df))
    return tuple(df[order].tolist()), matrix[np.ix_(order, order)].tobytes()


@lru_cache(maxsize=1024)
def _joint_level(df: tuple[float, ...], correlation: bytes, pooled: bool, level: float) -> float:
    """The quantile of the smallest p-value that is exceeded with probability `level`."""
    tail = -float(np.expm1(np.log(1 - TAIL) / len(df)))  # what is enough when the contrasts are independent
    found = float(np.quantile(_smallest_p(df, correlation, pooled, tail), 1 - level))
    if found >= tail:  # a level near 1 - TAIL, or contrasts that are almost one
        found = float(np.quantile(_smallest_p(df, correlation, pooled, TAIL), 1 - level))
    return found


@lru_cache(maxsize=64)
def _smallest_p(df: tuple[float, ...], correlation: bytes, pooled: bool, tail: float) -> Floats:
    """Sorted draws of the family's smallest p-value when nothing differs; those above `tail` are set to 1."""
    k = len(df)
    values, vectors = np.linalg.eigh(np.frombuffer(correlation).reshape(k, k))
    root = (vectors * np.sqrt(np.clip(values, 0, None))).T  # singular where a contrast is a sum of others
    rng = np.random.default_rng(0)
    size = max(_CHUNK // k, 1)
    blocks = [min(size, DRAWS - start) for start in range(0, DRAWS, size)]
    return np.sort(
        np.concatenate([_smallest_p_block(rng, n, np.array(df), root, pooled, tail) for n in blocks])
    )


def _smallest_p_block(
    rng: np.random.Generator, n: int, df: Floats, root: Floats, pooled: bool, tail: float
) -> Floats:
    """`n` draws of the smallest p-value; t = normal / sqrt(chi² / df), a chi² per contrast or one for all."""
    half = np.where(np.isinf(df), 1.0, df) / 2
    chi2 = rng.standard_gamma(half[:1] if pooled else half, size=(n, 1 if pooled else df.size))
    t = np.abs(rng.standard_normal(size=(n, df.size)) @ root)
    t /= np.sqrt(np.where(np.isinf(df), 1.0, chi2 / half))
    p = np.ones_like(t)
    extreme = t > critical_t(tail, df)
    p[extreme] = two_sided_p(t[extreme], np.broadcast_to(df, t.shape)[extreme])
    return np.asarray(p.min(axis=1))
