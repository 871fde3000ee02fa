"""One family of comparisons judged together, by the test that the plan names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from trickbag import stats
from trickbag.analyze.extended import lost_by_extension
from trickbag.errors import InputError
from trickbag.records.plan import Comparison, Judgement
from trickbag.records.result import Accuracy, Verdict
from trickbag.stats.family import two_sided_p

LEAST_SEEDS = 2


@dataclass(frozen=True)
class Sample:
    """A comparison and the accuracies (percent) of its two arms, by seed."""

    pair: Comparison
    arm: Mapping[int, float]
    comparison: Mapping[int, float]
    order: tuple[int, ...] = ()  # the seeds that both have run so far, in the order of the interim looks

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that both arms have."""
        return tuple(sorted(self.arm.keys() & self.comparison.keys()))

    @property
    def differences(self) -> NDArray[np.float64]:
        """Arm minus comparison (percentage points), one per shared seed."""
        return np.array([self.arm[seed] - self.comparison[seed] for seed in self.seeds])

    @property
    def history(self) -> NDArray[np.float64]:
        """The differences in the order of the looks, NaN where one of the two did not finish."""
        nan = float("nan")
        return np.array([self.arm.get(seed, nan) - self.comparison.get(seed, nan) for seed in self.order])


@dataclass(frozen=True)
class Finding:
    """What the statistics say about a comparison; percentage points."""

    accuracy: Accuracy
    se: float
    df: float
    alpha: float  # two-sided level of its interval, which makes those of the family hold together
    p_adjusted: float
    verdict: Verdict
    fragile: bool
    seeds: int  # that its variance rests on
    paired: tuple[int, ...]  # the seeds themselves, where they are shared
    family: int  # how many comparisons it was judged with
    stopped_at: int | None = None  # seeds per arm at the interim look that ended it


def judge_family(
    judgement: Judgement, samples: Sequence[Sample], images: int, interim: bool = True
) -> dict[Comparison, Finding]:
    """The findings of a family of one workload, over the samples with enough seeds.

    `images`: how many the accuracies are means over. `interim`: whether the planned looks apply. A comparison
    that cannot be judged (too few seeds; ties and nothing to borrow from) is left out.
    """
    looks = interim and bool(judgement.looks) and judgement.pairing == "seeds"
    judged = [sample for sample in samples if _enough(sample, judgement, looks)]
    if not judged:
        return {}
    if looks:  # in the plan's order, as the rule that chose the next look saw them
        return _at_looks(judgement, judged, 100 / images)
    judged.sort(key=lambda s: (s.pair.arm, s.pair.comparison))  # the order of arms changes no digit
    if judgement.pairing == "none":
        return _findings(judged, *_unpaired(judgement, judged), paired=[()] * len(judged))
    return _findings(judged, *_paired(judgement, judged, 100 / images), paired=[s.seeds for s in judged])


def _enough(sample: Sample, judgement: Judgement, looks: bool) -> bool:
    """Whether a variance can be seen, at the first look where there are several."""
    if judgement.pairing == "none":
        return min(len(sample.arm), len(sample.comparison)) >= LEAST_SEEDS
    if looks:
        return int(np.isfinite(sample.history[: judgement.looks[0]]).sum()) >= LEAST_SEEDS
    return len(sample.seeds) >= LEAST_SEEDS


Judged = tuple[stats.Effects, Sequence[Verdict], NDArray[np.bool_]]


def _paired(judgement: Judgement, samples: Sequence[Sample], resolution: float) -> Judged:
    """Moderated paired differences."""
    rows, margin, level = [sample.differences for sample in samples], judgement.margin, judgement.level
    correlation = _correlation(samples)
    at = partial(stats.effects, rows, correlation=correlation, resolution=resolution)
    found = at(level)
    verdicts = stats.verdicts(found, margin)
    flags = stats.fragile(rows, verdicts, margin, level, correlation, resolution)
    return found, verdicts, flags | lost_by_extension(at, verdicts, margin, judgement.extensions)


def _unpaired(judgement: Judgement, samples: Sequence[Sample]) -> Judged:
    """Every arm with seeds of its own against one comparison (Dunnett)."""
    if len({sample.pair.comparison for sample in samples}) > 1:
        raise InputError("pairing: none takes one comparison for all arms; compare them with the baseline")
    arms = [list(sample.arm.values()) for sample in samples]
    comparison = list(samples[0].comparison.values())
    at, margin = partial(stats.unpaired_effects, arms, comparison), judgement.margin
    found = at(judgement.level)
    verdicts = stats.verdicts(found, margin)
    flags = stats.unpaired_fragile(arms, comparison, verdicts, margin, judgement.level)
    return found, verdicts, flags | lost_by_extension(at, verdicts, margin, judgement.extensions)


def _at_looks(
    judgement: Judgement, samples: Sequence[Sample], resolution: float
) -> dict[Comparison, Finding]:
    """The interim looks replayed; every comparison as it stood when it stopped."""
    rows, looks, levels = [s.history for s in samples], judgement.looks, judgement.look_levels
    correlation, margin = _correlation(samples), judgement.margin
    judged = stats.judge_looks(rows, looks, levels, margin, correlation, resolution)
    flags = stats.fragile_looks(rows, judged, looks, levels, margin, correlation, resolution)
    used = [
        tuple(seed for seed in s.order[:n] if seed in s.arm and seed in s.comparison)
        for s, n in zip(samples, judged.seeds, strict=True)
    ]
    found = _findings(samples, judged.effects, judged.verdicts, flags, used)
    for i, sample in enumerate(samples):
        if sample.pair in found:
            e, stopped = judged.effects, judged.settled[i] and judged.look[i] < len(looks) - 1
            found[sample.pair] = replace(
                found[sample.pair],
                alpha=float(two_sided_p((e.high[i] - e.effect[i]) / e.se[i], e.df[i])),  # of its own look
                stopped_at=looks[judged.look[i]] if stopped else None,
            )
    return found


def _correlation(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """Of the differences, from which arms they share."""
    return stats.design_correlation([(s.pair.arm, s.pair.comparison) for s in samples])


def _findings(
    samples: Sequence[Sample],
    found: stats.Effects,
    verdicts: Sequence[Verdict],
    fragile: NDArray[np.bool_],
    paired: Sequence[tuple[int, ...]],
) -> dict[Comparison, Finding]:
    """The findings, without those of an infinite standard error."""
    return {
        sample.pair: Finding(
            accuracy=accuracy_of(found, i),
            se=float(found.se[i]),
            df=float(found.df[i]),
            alpha=found.alpha,
            p_adjusted=float(found.p_adjusted[i]),
            verdict=verdicts[i],
            fragile=bool(fragile[i]),
            seeds=int(found.seeds[i]),
            paired=paired[i],
            family=len(samples),
        )
        for i, sample in enumerate(samples)
        if isfinite(found.se[i])
    }


def accuracy_of(found: stats.Effects, i: int) -> Accuracy:
    """Effect `i` with its intervals."""
    return Accuracy(
        effect=found.effect[i],
        low=found.low[i],
        high=found.high[i],
        low_90=found.low_90[i],
        high_90=found.high_90[i],
    )
