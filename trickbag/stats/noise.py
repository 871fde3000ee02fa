"""How noisy is this? Seed SD, same-seed correlation, the luck of the evaluation set, and new images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtri

from trickbag.errors import InputError
from trickbag.stats.family import Floats, critical_t

PERCENT = 100.0


@dataclass(frozen=True)
class SeedNoise:
    """The noise between seeds of a table of arms and seeds, in the unit of the table."""

    sd: Floats  # [arms]
    pooled_sd: float
    correlation: float  # of two arms at the same seed; nan for a single arm or a table without noise
    correlation_low: float
    correlation_high: float

    @property
    def saved(self) -> float:
        """The share of runs that pairing by seed saved: differences have variance 2 (1 - correlation) sd²."""
        return max(self.correlation, 0.0)


@dataclass(frozen=True)
class EvaluationLuck:
    """How much of the seed variance is the luck of a finite evaluation set (percentage points)."""

    sd: float  # between seeds, on these images
    distribution_sd: float  # between seeds, of the accuracy on all images of the kind
    share: float  # of the variance that is luck, 0 to 1; nan where the seeds do not differ


@dataclass(frozen=True)
class CrossedInterval:
    """Arm minus comparison on new images of the same kind (percentage points)."""

    effect: float
    se: float
    df: float
    low: float
    high: float


def seed_noise(accuracy: ArrayLike, level: float = 0.95) -> SeedNoise:
    """Seed SD and same-seed correlation of an accuracy table [arms, seeds].

    The correlation is 1 - MS_residual / MS_within, which is the ICC(3,1) of Shrout and Fleiss (1979,
    "Intraclass correlations") with seeds as targets and arms as judges; its interval is theirs, from F.
    """
    table = np.asarray(accuracy, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or not np.isfinite(table).all():
        raise InputError("seed noise: give a complete table of accuracies, arms by at least two seeds")
    k, n = table.shape
    within = table.var(axis=1, ddof=1)
    residual = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    seeds = k * float(table.mean(0).var(ddof=1))
    error = float((residual**2).sum()) / ((k - 1) * (n - 1)) if k > 1 else 0.0
    bounds = (np.nan,) * 3 if k < 2 or within.sum() == 0 else _correlation(seeds, error, k, n, level)
    return SeedNoise(np.sqrt(within), float(np.sqrt(within.mean())), *bounds)


def _correlation(seeds: float, error: float, k: int, n: int, level: float) -> tuple[float, float, float]:
    """ICC(3,1) with its interval from the mean squares of seeds and of error."""
    upper = 1 - (1 - level) / 2
    df, df_error = n - 1, (k - 1) * (n - 1)
    least, most = fdtri(df, df_error, upper) * error, error / fdtri(df_error, df, upper)
    estimate, low, high = ((seeds - e) / (seeds + (k - 1) * e) for e in (error, least, most))
    return float(estimate), float(low), float(high)


def evaluation_luck(correct: NDArray[np.bool_]) -> EvaluationLuck:
    """Jordan's (2024, arXiv 2304.01910, section 3 and equation 3) split of the seed variance.

    `correct` [seeds, images], or [arms, seeds, images] to average the variances over arms. The variance of
    the accuracy on the whole distribution is N/(N-1) (Var(accuracy) - mean over images of Var(correct) / N),
    with the unbiased variances over seeds; the estimate is clipped at zero.
    """
    bits = np.asarray(correct)
    if bits.ndim not in (2, 3) or bits.shape[-2] < 2 or bits.shape[-1] < 2:
        raise InputError(f"evaluation luck: shape {bits.shape}; give [seeds, images], at least 2 of each")
    n, images = bits.shape[-2:]
    variance = float(bits.mean(-1).var(axis=-1, ddof=1).mean())
    rate = bits.mean(-2)
    by_image = float((rate * (1 - rate)).mean()) * n / (n - 1) / images
    distribution = max(0.0, images / (images - 1) * (variance - by_image))
    share = 1 - min(distribution / variance, 1.0) if variance > 0 else float("nan")
    return EvaluationLuck(PERCENT * np.sqrt(variance), PERCENT * np.sqrt(distribution), share)


def crossed_interval(
    arm: NDArray[np.bool_], comparison: NDArray[np.bool_], alpha: float = 0.05
) -> CrossedInterval:
    """The effect on new images of the same kind, from correctness bits [seeds, images] of both.

    Seeds and images are crossed: V = s²(seed means) / S + s²(image means) / N - s²(rest) / (S N),
    with Satterthwaite's degrees of freedom (the model of multi-reader multi-case
    studies). More seeds never shrink the part of the images. `alpha`: the two-sided level, 1 - level for one
    contrast, `Effects.alpha` for a family. Each variance is at least what one differing bit would give it.
    """
    if arm.shape != comparison.shape or arm.ndim != 2 or min(arm.shape) < 2:
        raise InputError(f"new images: shapes {arm.shape} and {comparison.shape}; give [seeds, images] twice")
    d = arm.astype(np.float64) - comparison
    n, images = d.shape
    by_seed, by_image, effect = d.mean(1), d.mean(0), float(d.mean())
    least = 1 / (n * images) ** 2
    seeds = max(by_seed.var(ddof=1) / n, least)
    pictures = max(by_image.var(ddof=1) / images, least)
    d -= by_seed[:, None] + by_image - effect
    rest = np.square(d, out=d).sum() / ((n - 1) * (images - 1)) / (n * images)
    variance = max(seeds + pictures - max(rest, least), seeds, pictures)
    df = variance**2 / (seeds**2 / (n - 1) + pictures**2 / (images - 1))
    half = float(critical_t(alpha, df) * np.sqrt(variance))
    bounds = (effect, np.sqrt(variance), df / PERCENT, effect - half, effect + half)
    return CrossedInterval(*(float(PERCENT * x) for x in bounds))
