"""Our error rates, measured: the analysis on studies whose truth is known.

`python -m trickbag.stats.simulate [REPLICATES]` prints the table that stands in `moderated.py`.
"""

import sys
from collections.abc import Callable

import numpy as np

from trickbag.stats.family import Floats, critical_t, family_level, two_sided_p
from trickbag.stats.moderated import Bools, fit_prior, posterior

Noise = Callable[[np.random.Generator, tuple[int, int, int]], tuple[Floats, Floats]]


def _normal(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Independent standard normal noise of the arms [R, k, n] and of the baseline [R, 1, n]."""
    return rng.standard_normal(shape), rng.standard_normal((shape[0], 1, shape[2]))


def _one_arm_x3(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """The first arm is three times as noisy."""
    arms, baseline = _normal(rng, shape)
    arms[:, 0] *= 3
    return arms, baseline


def _baseline_x3(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """The baseline is three times as noisy."""
    arms, baseline = _normal(rng, shape)
    return arms, 3 * baseline


def _mixed_correlations(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Same-seed correlation .9, but none for the first arm (tiny networks)."""
    arms, baseline = _normal(rng, shape)
    seed = rng.standard_normal(baseline.shape)
    mixed = np.sqrt(0.9) * seed + np.sqrt(0.1) * arms
    mixed[:, 0] = arms[:, 0]
    return mixed, np.sqrt(0.9) * seed + np.sqrt(0.1) * baseline


def _t3(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Student t noise with three degrees of freedom, scaled to unit variance."""
    baseline = (shape[0], 1, shape[2])
    return rng.standard_t(3, shape) / np.sqrt(3), rng.standard_t(3, baseline) / np.sqrt(3)


def _graded(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Arm SDs from 0.5 to 2."""
    arms, baseline = _normal(rng, shape)
    return arms * np.linspace(0.5, 2, shape[1])[:, None], baseline


SCENARIOS: dict[str, Noise] = {
    "normal": _normal,
    "one arm SD x3": _one_arm_x3,
    "baseline SD x3": _baseline_x3,
    "mixed correlations": _mixed_correlations,
    "t3": _t3,
    "graded SDs": _graded,
}


def draw(scenario: str, replicates: int, k: int, n: int, seed: int = 0) -> Floats:
    """Differences [replicates, k, n] of k arms and one baseline at n seeds, when no trick does anything."""
    arms, baseline = SCENARIOS[scenario](np.random.default_rng(seed), (replicates, k, n))
    return arms - baseline


def shared_comparison(k: int) -> Floats:
    """The design correlation of k arms against one baseline."""
    return 0.5 * (np.eye(k) + np.ones((k, k)))


def claims(differences: Floats, correlation: Floats, level: float = 0.95) -> Bools:
    """Whether the simultaneous interval of each contrast leaves zero [R, k], in R studies [R, k, n] at once.

    Decides as `effects` does. The family's level lies between those for the fewest and for the most degrees
    of freedom in all contrasts, so it is worked out only for the few studies with a p-value between the two.
    """
    n, k = differences.shape[-1], differences.shape[-2]
    variance = differences.var(axis=-1, ddof=1)
    s_squared, df, _ = posterior(variance, n - 1.0, fit_prior(variance, n - 1.0, correlation))
    p = two_sided_p(differences.mean(-1) / np.sqrt(s_squared / n), df)
    lower, upper = (family_level(np.full(k, extreme), level, correlation) for extreme in (df.min(), df.max()))
    alpha = np.full(len(p), lower)
    for i in np.nonzero(((p >= alpha[:, None]) & (p < upper)).any(-1))[0]:
        alpha[i] = family_level(df[i], level, correlation)
    return np.asarray(p < alpha[:, None])


def paired_claims(differences: Floats, level: float = 0.95) -> Bools:
    """The same for plain paired t tests with Šidák's correction."""
    n, k = differences.shape[-1], differences.shape[-2]
    t = differences.mean(-1) / (differences.std(axis=-1, ddof=1) / np.sqrt(n))
    return np.asarray(np.abs(t) > critical_t(family_level(np.full(k, n - 1.0), level), n - 1.0))


def row(replicates: int, k: int, n: int) -> str:
    """One row of the table: the family-wise error of every scenario, and the power in the first."""
    correlation = shared_comparison(k)
    studies = {name: draw(name, replicates, k, n) for name in SCENARIOS}
    wrong = [f"{claims(d, correlation).any(-1).mean():.3f}" for d in studies.values()]
    plain = studies["normal"]
    power = claims(plain[:1000] + 2, correlation).mean()  # many of these need their own level, which is slow
    paired = f"{paired_claims(plain).any(-1).mean():.3f} ({paired_claims(plain + 2).mean():.2f})"
    return f"#   k = {k:2}, n = {n:2}     " + "   ".join(wrong) + f"   ({power:.2f})   | {paired}"


if __name__ == "__main__":
    for arms, seeds in [(2, 5), (3, 5), (4, 5), (5, 5), (10, 5), (20, 5), (3, 10), (10, 10), (4, 3), (10, 3)]:
        print(row(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, arms, seeds), flush=True)
