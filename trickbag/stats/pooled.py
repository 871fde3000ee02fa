"""Contrasts that share one pooled variance: simultaneous intervals by single-step max-|t|."""

from functools import lru_cache

import numpy as np

from trickbag.stats.family import Floats, critical_t, family_level, holm, two_sided_p
from trickbag.stats.moderated import Effects


def pooled_effects(
    effect: Floats, se: Floats, df: float, correlation: Floats, n: Floats, level: float
) -> Effects:
    """Effects [m] with standard errors from one variance on `df` degrees of freedom, judged as a family.

    `correlation` [m, m] of the estimates; `n` [m]: seeds. The intervals are those of Hothorn, Bretz and Westfall
    (2008, "Simultaneous inference in general parametric models", Biometrical Journal 50:346, section 3.1) with the
    multivariate t; adjusted p: Holm. `Effects.moderated` is False: the variance is pooled, nothing is borrowed.
    """
    alpha, alpha_90 = _levels(df, correlation.tobytes(), level)
    wide, narrow = float(critical_t(alpha, df)) * se, float(critical_t(alpha_90, df)) * se
    p = two_sided_p(effect / se, df)
    return Effects(
        effect=effect,
        se=se,
        df=np.full(effect.size, df),
        low=effect - wide,
        high=effect + wide,
        low_90=effect - narrow,
        high_90=effect + narrow,
        p=p,
        p_adjusted=holm(p),
        moderated=np.zeros(effect.size, dtype=np.bool_),
        seeds=n.astype(np.int64),
        alpha=alpha,
    )


@lru_cache(maxsize=1024)
def _levels(df: float, correlation: bytes, level: float) -> tuple[float, float]:
    """The family's level and that of the 90 % twin, which depend on the design alone."""
    matrix = np.frombuffer(correlation)
    m = round(matrix.size**0.5)
    dfs, square = np.full(m, df), matrix.reshape(m, m)
    first, twin = (family_level(dfs, x, square, pooled=True) for x in (level, 2 * level - 1))
    return first, twin
