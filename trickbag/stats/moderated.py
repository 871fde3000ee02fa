"""Moderated paired differences: each contrast's variance borrows from the others, unless it stands out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, digamma, fdtrc, polygamma

from trickbag.errors import InputError
from trickbag.stats.family import Floats, critical_t, family_level, holm, two_sided_p

Bools = NDArray[np.bool_]

OUTLIER = 0.1  # a variance this far in the upper tail of what the others predict is believed as it stands
FEWEST = 2  # other variances that a prior is fitted to; see below
TIE = 1e-9  # percentage points: differences of float64 percentages carry errors of 1e-14; an image is > 1e-6
SHARED = 0.25  # squared correlation of contrasts that share a comparison

# How often this claims something where nothing differs, and what it finds: docs/error_rates.md (`make gates`).
# Measured before (10,000 studies, nominal .05): three contrasts are enough to borrow from once d0 is limited to
# what the other variances can know, k = 3, 5, 10, 20 at five seeds: .046, .048, .047, .041; one or two stay
# plain paired t. Power for two seed SDs at k = 10: .48, against .17 for the plain paired t. Claims reach .07
# where half of the arms have three times the SD of the rest; `fragile` brings that below .06.


@dataclass(frozen=True)
class Effects:
    """Effects of k contrasts (arrays [k], percentage points); their intervals hold for all at once."""

    effect: Floats
    se: Floats
    df: Floats
    low: Floats
    high: Floats
    low_90: Floats  # the twin at 1 - 2 (1 - level), for equivalence
    high_90: Floats
    p: Floats
    p_adjusted: Floats  # Holm
    moderated: Bools  # False: the contrast's own variance, an ordinary paired t
    seeds: NDArray[np.int64]
    alpha: float  # the two-sided level of each interval that makes all of them hold together


@dataclass(frozen=True)
class Prior:
    """What the other contrasts say about each variance (arrays [..., k]): s0² with d0 degrees of freedom."""

    s0_squared: Floats
    d0: Floats  # of Smyth's model; infinite where the variances differ no more than by chance; 0: no prior
    known: Floats  # the degrees of freedom that the other variances have together, which bounds d0


def effects(
    differences: Sequence[ArrayLike] | Floats,
    level: float = 0.95,
    correlation: ArrayLike | None = None,
    resolution: float = 0.0,
) -> Effects:
    """The moderated paired t (docs/statistics.md): Smyth (2004), "Linear models and empirical Bayes methods".

    `differences`: one row per contrast, arm minus comparison at each seed, in percentage points; rows may
    have different lengths. `correlation` [k, k] is `design_correlation` of the contrasts; without it the
    intervals are Šidák's, which hold whatever it is, and a shared comparison is assumed for the degrees of
    freedom. `resolution`: what one evaluation image counts (100 / images); a row of ties is given the
    smallest variance it could have shown, resolution² / n. Ties with neither that nor anything to borrow from
    cannot be judged: the standard error is infinite. InputError: fewer than two seeds, a value not finite.
    """
    rows = as_rows(differences)
    effect, se, df, moderated = moderated_t(rows, correlation, resolution)
    alpha = family_level(df, level, correlation)
    bounds = intervals(effect, se, df, alpha, family_level(df, 2 * level - 1, correlation))
    p = two_sided_p(effect / se, df)
    return Effects(effect, se, df, *bounds, p, holm(p), moderated, _seeds(rows), alpha)


def moderated_t(
    rows: Sequence[Floats], correlation: ArrayLike | None = None, resolution: float = 0.0
) -> tuple[Floats, Floats, Floats, Bools]:
    """Effects, standard errors, degrees of freedom and whether each borrowed [..., k]; see `effects`.

    The rows [..., seeds] may have leading axes, the same for all of them: many studies at once.
    """
    n = _seeds(rows)
    effect, variance = moments(rows)
    prior = fit_prior(variance, n - 1.0, correlation)
    s_squared, df, moderated = posterior(variance, n - 1.0, prior, resolution**2 / n)
    return effect, np.sqrt(s_squared / n), df, moderated


def intervals(
    effect: Floats, se: Floats, df: Floats, alpha: ArrayLike, alpha_90: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    """Bounds [..., k]: low and high at two-sided level `alpha`, low and high of the twin at `alpha_90`."""
    wide, narrow = critical_t(alpha, df) * se, critical_t(alpha_90, df) * se
    return effect - wide, effect + wide, effect - narrow, effect + narrow


def as_rows(differences: Sequence[ArrayLike] | Floats) -> list[Floats]:
    """The contrasts as float arrays [..., seeds], checked."""
    rows = [np.asarray(row, dtype=np.float64) for row in differences]
    if not rows:
        raise InputError("effects: no contrast given; give at least one row of differences")
    for i, row in enumerate(rows):
        if row.ndim < 1 or row.shape[-1] < 2:
            raise InputError(f"effects: contrast {i} has {row.size} seed(s); a variance needs at least 2")
        if not np.isfinite(row).all():
            raise InputError(
                f"effects: contrast {i} has a missing or infinite value; pass complete seeds only"
            )
    return rows


def _seeds(rows: Sequence[Floats]) -> NDArray[np.int64]:
    """How many seeds each contrast has [k]."""
    return np.array([row.shape[-1] for row in rows])


def moments(rows: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Means and variances [..., k] of rows [..., seeds]; rounding errors between equal values are no variance."""
    sd = np.stack([row.std(axis=-1, ddof=1) for row in rows], axis=-1)
    return np.stack([row.mean(axis=-1) for row in rows], axis=-1), np.where(sd < TIE, 0.0, sd**2)


def fit_prior(variance: ArrayLike, df: ArrayLike, correlation: ArrayLike | None = None) -> Prior:
    """The prior of each of the variances [..., k] from the k - 1 others; variances of zero are left out."""
    v = np.asarray(variance, dtype=np.float64)
    k = v.shape[-1]
    others = np.nonzero(~np.eye(k, dtype=bool))[1].reshape(k, k - 1)
    d = np.broadcast_to(np.asarray(df, dtype=np.float64), v.shape)
    s0_squared, d0 = variance_prior(v[..., others], d[..., others])
    enough = (v[..., others] > 0).sum(-1) >= FEWEST
    known = known_df(np.where(v > 0, d, 0.0), SHARED if correlation is None else np.square(correlation))
    return Prior(np.where(enough, s0_squared, 1.0), np.where(enough, d0, 0.0), np.where(enough, known, 0.0))


def known_df(df: Floats, squared_correlation: ArrayLike) -> Floats:
    """Degrees of freedom [..., k] of the pooled variance of all contrasts but one (Satterthwaite).

    Contrasts that share a comparison share its noise: the variances of two normal differences with
    correlation r have correlation r². Ten contrasts with r = .5 know 3.1 times what one does, not ten times;
    without this bound the chance of a false claim reached .08 (graded SDs, k = 20, n = 5).
    """
    common = np.minimum(df[..., :, None], df[..., None, :])
    off_diagonal = 1 - np.eye(df.shape[-1])
    rest = (common * np.asarray(squared_correlation) * off_diagonal).sum(-1)
    total = (df + rest).sum(-1, keepdims=True) - df - 2 * rest
    return np.asarray((df.sum(-1, keepdims=True) - df) ** 2 / np.maximum(total, 1e-300))


def variance_prior(variance: ArrayLike, df: ArrayLike) -> tuple[Floats, Floats]:
    """Smyth's (2004, section 6.2) moment fit of s² ~ s0² F(df, d0) to variances [..., m]: (s0², d0).

    Variances of exactly zero (ties) say nothing about the noise and are left out; at least two must remain.
    d0 is infinite where the logarithms scatter no more than by chance, and s0² is then the pooled variance,
    as in limma's fitFDist.
    """
    v = np.asarray(variance, dtype=np.float64)
    used = v > 0
    d = np.where(used, df, 1.0)
    m = np.maximum(used.sum(-1), 2)
    e = np.where(used, np.log(np.where(used, v, 1.0)) - digamma(d / 2) + np.log(d / 2), 0.0)
    center = e.sum(-1) / m
    scatter = np.where(used, (e - center[..., None]) ** 2, 0.0).sum(-1) / (m - 1)
    excess = scatter - np.where(used, polygamma(1, d / 2), 0.0).sum(-1) / m
    half = _trigamma_inverse(np.where(excess > 0, excess, 1.0))
    pooled = (v * d).sum(-1) / np.maximum(np.where(used, d, 0.0).sum(-1), 1.0)
    s0_squared = np.where(excess > 0, np.exp(center + digamma(half) - np.log(half)), pooled)
    return s0_squared, np.where(excess > 0, 2 * half, np.inf)


def _trigamma_inverse(x: Floats) -> Floats:
    """y with trigamma(y) = x: Newton on 1 / trigamma, nearly linear and convex (Smyth 2004, appendix)."""
    y = 0.5 + 1 / x
    for _ in range(10):  # converges monotonically; 6 steps reach double precision for x from 1e-6 to 1e4
        trigamma = polygamma(1, y)
        y = y + trigamma * (1 - trigamma / x) / polygamma(2, y)
    return np.asarray(y)


def posterior(
    variance: ArrayLike, df: ArrayLike, prior: Prior, floor: ArrayLike = 0.0
) -> tuple[Floats, Floats, Bools]:
    """Variances [..., k] after borrowing, their degrees of freedom, and which did borrow.

    The own variance stays, at least `floor`, where there is no prior or where it is an upper-tail outlier,
    P(F(df, d0) > v / s0²) < OUTLIER. A zero variance that can neither borrow nor be floored is infinite.
    """
    v, d = np.asarray(variance, dtype=np.float64), np.asarray(df, dtype=np.float64)
    ratio, finite = v / prior.s0_squared, np.where(np.isinf(prior.d0), 1.0, np.maximum(prior.d0, 1e-300))
    tail = np.where(np.isinf(prior.d0), chdtrc(d, d * ratio), fdtrc(d, finite, ratio))
    moderated = (prior.d0 > 0) & (tail >= OUTLIER)
    d0 = np.where(moderated, np.minimum(prior.d0, prior.known), 0.0)
    own = np.maximum(v, floor)
    s_squared = (d0 * prior.s0_squared + d * np.where(moderated, v, own)) / (d0 + d)
    return np.where(s_squared > 0, s_squared, np.inf), d0 + d, moderated
