"""How noisy a workload is, and where the noise comes from."""

from collections.abc import Mapping
from math import isfinite

import numpy as np

from trickbag import stats
from trickbag.analyze.gather import ArmRuns, distinct
from trickbag.records.plan import Plan
from trickbag.records.result import Noise


def noise(plan: Plan, runs: Mapping[tuple[str, str], ArmRuns], workload: str) -> Noise:
    """The noise of a workload, from the arms of its comparisons and the seeds that all of them finished."""
    names = dict.fromkeys(
        n for c in plan.comparisons if c.workload == workload for n in (c.arm, c.comparison)
    )
    arms = [arm for arm in distinct(runs[workload, name] for name in names) if arm.accuracy]
    seeds = sorted(set.intersection(*[set(arm.accuracy) for arm in arms])) if arms else []
    images = next(len(w.validation_ids) for w in plan.workloads if w.name == workload)
    if len(seeds) < 2:
        return Noise(
            workload=workload,
            seed_sd=None,
            evaluation_luck=None,
            seed_correlation=None,
            pairing_saved=None,
            evaluation_images=images,
        )
    table = np.array([[arm.accuracy[seed] for seed in seeds] for arm in arms])
    found = stats.seed_noise(table)
    luck = stats.evaluation_luck(np.array([[arm.bits[seed] for seed in seeds] for arm in arms]))
    return Noise(
        workload=workload,
        seed_sd=found.pooled_sd,
        evaluation_luck=_finite(luck.share),
        seed_correlation=_finite(found.correlation),
        pairing_saved=_finite(found.saved),
        evaluation_images=images,
    )


def _finite(value: float) -> float | None:
    """A number, or None where it could not be told."""
    return value if isfinite(value) else None
