"""From tables to verdicts: one family of comparisons per workload."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trickbag import stats
from trickbag.analyze.gather import ArmRuns, summarise
from trickbag.analyze.words import sentence
from trickbag.records.plan import Comparison, Plan
from trickbag.records.result import Accuracy, ArmResult, Noise, Price, Summary, Verdict

LEAST_SEEDS = 2
Runs = Mapping[tuple[str, str], ArmRuns]


@dataclass(frozen=True)
class Contrast:
    """A comparison and its paired differences (percentage points), one per seed that both arms finished."""

    pair: Comparison
    seeds: tuple[int, ...]
    differences: NDArray[np.float64]


def judge(plan: Plan, runs: Runs, workload: str) -> list[ArmResult]:
    """Every comparison of a workload, judged together as the plan says."""
    contrasts = [_contrast(pair, runs) for pair in plan.comparisons if pair.workload == workload]
    judged = [contrast for contrast in contrasts if len(contrast.seeds) >= LEAST_SEEDS]
    effects = _effects(judged, plan.judgement.level)
    return [_result(plan, runs, contrast, effects.get(contrast.pair)) for contrast in contrasts]


@dataclass(frozen=True)
class _Effect:
    """What the statistics say about one contrast."""

    accuracy: Accuracy
    p_adjusted: float
    fragile: bool
    se: float
    df: float
    family: int


def _contrast(pair: Comparison, runs: Runs) -> Contrast:
    """The paired differences of a comparison."""
    arm, comparison = (runs[pair.workload, name].accuracy for name in (pair.arm, pair.comparison))
    seeds = tuple(sorted(arm.keys() & comparison.keys()))
    return Contrast(pair, seeds, np.array([arm[seed] - comparison[seed] for seed in seeds]))
