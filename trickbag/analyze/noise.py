"""How noisy a workload is, where the noise comes from, and how an arm's seeds scatter."""

from collections.abc import Sequence
from math import isfinite, sqrt

import numpy as np

from trickbag import stats
from trickbag.analyze.gather import ArmRuns, Evidence, distinct
from trickbag.records.plan import Judgement
from trickbag.records.result import Noise, Spread


def noise(evidence: Evidence, workload: str) -> Noise:
    """The noise of a workload, from the arms of its comparisons in the last phase that has finished runs.

    Arms that lost more than half of the seeds that another arm finished are left out. With shared seeds only
    those that all the others finished count, so that correlation and SDs are of the same runs.
    """
    arms = _arms(evidence, workload)
    images = next(len(w.validation_ids) for w in evidence.plan.workloads if w.name == workload)
    shared = sorted(set.intersection(*[set(arm.accuracy) for arm in arms])) if arms else []
    if evidence.plan.judgement.pairing == "none":
        seeds = [sorted(arm.accuracy) for arm in arms]
    else:
        seeds = [shared for _ in arms]
    if not arms or min(map(len, seeds)) < 2:
        return Noise(workload=workload, seed_sd=None, evaluation_luck=None, seed_correlation=None,
                     pairing_saved=None, evaluation_images=images)  # fmt: skip
    tables = [[arm.accuracy[s] for s in chosen] for arm, chosen in zip(arms, seeds, strict=True)]
    sds = [float(np.std(row, ddof=1)) for row in tables]
    common = stats.seed_noise(tables) if evidence.plan.judgement.pairing == "seeds" else None
    weights = [len(row) - 1 for row in tables]
    pooled = sqrt(sum(w * sd**2 for w, sd in zip(weights, sds, strict=True)) / sum(weights))
    return Noise(
        workload=workload,
        seed_sd=common.pooled_sd if common else pooled,
        evaluation_luck=_finite(_luck(arms, seeds)),
        seed_correlation=_finite(common.correlation) if common else None,
        pairing_saved=_finite(common.saved) if common else None,
        evaluation_images=images,
        smallest_sd=min(sds),
        largest_sd=max(sds),
        equal_sd_p=_finite(stats.equal_sd_p(tables)) if len(tables) > 1 else None,
    )


def _arms(evidence: Evidence, workload: str) -> list[ArmRuns]:
    """The arms that tell about the noise, each once, all of one phase."""
    pairs = [pair for pair in evidence.plan.comparisons if pair.workload == workload]
    names = dict.fromkeys(name for pair in pairs for name in (pair.arm, pair.comparison))
    found = list[ArmRuns]()
    for phase in ("confirm", "screen"):
        found = distinct(evidence.of(workload, name, phase) for name in names)
        if any(len(arm.accuracy) > 1 for arm in found):
            break
    most = max((len(arm.accuracy) for arm in found), default=0)
    return [arm for arm in found if arm.accuracy and 2 * len(arm.accuracy) >= most]


def _luck(arms: Sequence[ArmRuns], seeds: Sequence[Sequence[int]]) -> float:
    """The share of the seed variance that is luck of the evaluation set, from as many seeds of every arm."""
    fewest = min(map(len, seeds))
    bits = [[arm.bits[s] for s in chosen[:fewest]] for arm, chosen in zip(arms, seeds, strict=True)]
    if bits[0][0].size < 2:
        return float("nan")
    return stats.evaluation_luck(np.array(bits)).share


def spread(arm: ArmRuns, comparison: ArmRuns, judgement: Judgement) -> Spread | None:
    """How an arm's seeds scatter beside its comparison's; None before there is anything to see."""
    sds = [
        float(np.std(list(runs.accuracy.values()), ddof=1)) if len(runs.accuracy) > 1 else 0.0
        for runs in (arm, comparison)
    ]
    shared = sorted(arm.accuracy.keys() & comparison.accuracy.keys())
    if judgement.pairing == "seeds":
        values = {seed: arm.accuracy[seed] - comparison.accuracy[seed] for seed in shared}
    else:
        values = arm.accuracy
    return Spread(
        sd_ratio=sds[0] / sds[1] if min(len(arm.accuracy), len(comparison.accuracy)) > 1 and sds[1] else None,
        outlying_seeds=tuple(list(values)[i] for i in stats.outlying(list(values.values()))),
        diverged_p=_diverged_p(arm, comparison),
    )


def _diverged_p(arm: ArmRuns, comparison: ArmRuns) -> float | None:
    """The test of equal rates of divergence, where any run diverged."""
    counts = list[int]()
    for runs in (arm, comparison):
        ended = [r.status for r in runs.records.values() if r.status in ("done", "diverged")]
        counts += [ended.count("diverged"), len(ended)]
    if not counts[0] + counts[2] or not counts[1] or not counts[3]:
        return None
    return stats.diverged_p(*counts)


def _finite(value: float) -> float | None:
    """A number, or None where it could not be told."""
    return value if isfinite(value) else None
