"""Seeds and images crossed: does the interval for new images of the same kind hold the population's effect?"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.gates.gate import Counts
from trickbag import stats
from trickbag.stats.family import critical_t

RATES = (0.7, 0.5, 0.3)  # chance of a right answer by the comparison, of three equal kinds of images
CHANGES = ((0.25, 0.3), (-0.2, 0.3), (0.0, 0.4))  # what the arm adds to it, and for which share of images
TRUTH = 100 * sum(change * share for change, share in CHANGES)  # of the whole population, in points
PERCENT = 100.0


def crossed(
    sd_distribution: float, seeds: int, images: int, rng: np.random.Generator, studies: int
) -> Counts:
    """How often the crossed interval holds the truth, and how often one that knows the seeds' noise alone.

    `sd_distribution`: SD between seeds of the accuracy on all images of the kind, in points.
    """
    counts = {"covered": 0.0, "seeds only": 0.0, "width": 0.0}
    for _ in range(studies):
        arm, comparison = _bits(sd_distribution, seeds, images, rng)
        found = stats.crossed_interval(arm, comparison)
        counts["covered"] += found.low <= TRUTH <= found.high
        counts["width"] += found.high - found.low
        differences = PERCENT * (arm.mean(1) - comparison.mean(1))
        half = critical_t(0.05, seeds - 1) * differences.std(ddof=1) / np.sqrt(seeds)
        counts["seeds only"] += bool(abs(differences.mean() - TRUTH) <= half)
    return counts


def _bits(
    sd_distribution: float, seeds: int, images: int, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Right answers [seeds, images] of an arm and of its comparison, on images drawn from the population."""
    rate = rng.choice(RATES, images)
    change = rng.choice([c for c, _ in CHANGES], images, p=[share for _, share in CHANGES])
    quality = sd_distribution / PERCENT * rng.standard_normal((2, seeds, 1))
    arm, comparison = rng.random((2, seeds, images)) < np.stack([rate + change, rate])[:, None] + quality
    return arm, comparison
