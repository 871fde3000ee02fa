"""One arm on several workloads: the mean effect, how much the true effects differ, and where the next would lie."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import fdtrc
from statsmodels.stats.meta_analysis import combine_effects

from trickbag.errors import InputError
from trickbag.stats.family import Floats, critical_t


@dataclass(frozen=True)
class AcrossWorkloads:
    """A random-effects summary in percentage points."""

    mean: float
    low: float  # Hartung-Knapp
    high: float
    tau: float  # SD of the true effects between workloads
    i_squared: float  # share of the scatter that is not chance, 0 to 1
    q_p: float  # p-value of the hypothesis that the effect is the same everywhere
    prediction_low: float  # where the effect on another such workload would lie; nan for two workloads
    prediction_high: float


def random_effects(effect: ArrayLike, se: ArrayLike, df: ArrayLike, level: float = 0.95) -> AcrossWorkloads:
    """Random-effects meta-analysis of effects [w] with standard errors [w] on `df` [w] degrees of freedom.

    tau²: Paule and Mandel (1982), by statsmodels. Mean: Hartung and Knapp (2001, Statistics in Medicine 20:3875),
    t with w - 1 degrees of freedom, its variance never below that of the fixed weights (Röver, Knapp and Friede
    2015, BMC Medical Research Methodology 15:99), so that two workloads which happen to agree do not make a
    narrow interval. q_p: Welch's (1951, Biometrika 38:330) heterogeneity test, which is Cochran's Q allowing
    for standard errors from a few seeds; Q against chi² rejects too often there. I² = (Q - (w - 1)) / Q.
    Prediction: mean ± t(w - 2) sqrt(tau² + se²) (Higgins, Thompson and Spiegelhalter 2009, JRSS A 172:137, eq. 12).
    InputError: fewer than two workloads, shapes that differ, a standard error not positive and finite.
    """
    y, s, d = (np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (effect, se, df))
    _check(y, s, d)
    w = y.size
    with np.errstate(divide="ignore"):  # equal effects: its H² is 0, and it takes 1 / H²
        found = combine_effects(y - y.mean(), s**2, method_re="iterated", use_t=True)
    mean, tau_squared = float(found.mean_effect_re + y.mean()), float(found.tau2)
    variance = max(float(found.var_hksj_re), float(found.var_eff_w_re))
    half = float(critical_t(1 - level, w - 1) * np.sqrt(variance))
    reach = float(critical_t(1 - level, w - 2) * np.sqrt(tau_squared + variance)) if w > 2 else np.nan
    q = float(found.q)
    return AcrossWorkloads(
        mean=mean,
        low=mean - half,
        high=mean + half,
        tau=float(np.sqrt(tau_squared)),
        i_squared=max(0.0, 1 - (w - 1) / q) if q > 0 else 0.0,
        q_p=_welch_p(q, s, d),
        prediction_low=mean - reach,
        prediction_high=mean + reach,
    )


def _welch_p(q: float, se: Floats, df: Floats) -> float:
    """p-value of Cochran's Q with estimated variances (Welch 1951, equations 27 to 29)."""
    w = se.size
    weight = 1 / se**2
    unsure = max(float(((1 - weight / weight.sum()) ** 2 / df).sum()), 1e-9)  # zero for infinite df: chi²
    f = q / (w - 1) / (1 + 2 * (w - 2) / (w**2 - 1) * unsure)
    return float(fdtrc(w - 1, (w**2 - 1) / (3 * unsure), f))


def _check(effect: Floats, se: Floats, df: Floats) -> None:
    """Refuse what cannot be combined."""
    if effect.ndim != 1 or effect.shape != se.shape or effect.shape != df.shape or effect.size < 2:
        raise InputError(
            f"workloads: shapes {effect.shape}, {se.shape}, {df.shape}; give effect, se and df of at least two"
        )
    if not (np.isfinite(effect).all() and np.isfinite(se).all() and (se > 0).all() and (df > 0).all()):
        raise InputError("workloads: each needs a finite effect, a positive finite se and positive df")
