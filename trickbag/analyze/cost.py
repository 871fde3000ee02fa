"""What accuracy costs in training time: the picture, time to a target, and gains as longer training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from trickbag import stats
from trickbag.analyze.gather import ArmRuns, distinct
from trickbag.analyze.time import Projected, projected
from trickbag.records.plan import Arm, Comparison, Plan
from trickbag.records.result import CostPoint, Interval, Longer, ToTarget
from trickbag.records.run import RunRecord
from trickbag.records.timing import TimingFile
from trickbag.stats.family import critical_t

BASELINE = "baseline"
Runs = Mapping[tuple[str, str], ArmRuns]


@dataclass(frozen=True)
class WholeRuns:
    """Seconds of a whole run per arm name of a workload; all measured in one session, or all indicative."""

    seconds: dict[str, Interval]
    measured: bool


def costs(plan: Plan, runs: Runs, timing: TimingFile | None) -> tuple[CostPoint, ...]:
    """Every arm with at least two finished seeds as a point of accuracy and seconds, per workload.

    Each interval is the 95 % one of that number alone: of accuracy over seeds, of seconds over the rounds of
    the session (on a log scale), or over seeds where the times are those of the runs.
    """
    points, session = [], projected(plan, timing) if timing else {}
    for workload in plan.workloads:
        shown = _shown(runs, workload.name)
        whole = whole_runs(plan, shown, session)
        accuracy = {found.arm.name: _t_interval(list(found.accuracy.values()), most=100.0) for found in shown}
        names = [name for name in accuracy if name in whole.seconds]
        front = pareto_front([(whole.seconds[name].effect, accuracy[name].effect) for name in names])
        points += [
            CostPoint(
                name=name,
                workload=workload.name,
                seconds=whole.seconds[name],
                accuracy=accuracy[name],
                on_front=on_front,
                measured=whole.measured,
            )
            for name, on_front in zip(names, front, strict=True)
        ]
    return tuple(points)


def to_target(plan: Plan, runs: Runs, timing: TimingFile | None) -> dict[Comparison, ToTarget]:
    """Seconds until the comparison's mean final accuracy is reached, for every comparison that has finished runs.

    A run reaches it at the end of the first evaluated epoch with that accuracy; one that never does,
    diverged ones among them, is censored at the length of a whole run.
    """
    found, session = {}, projected(plan, timing) if timing else {}
    for pair in plan.comparisons:
        arm, comparison = (runs[pair.workload, name] for name in (pair.arm, pair.comparison))
        whole = whole_runs(plan, [arm, comparison], session)
        if not arm.bits or not comparison.bits or len(whole.seconds) < 2:
            continue
        target = float(np.mean(list(comparison.accuracy.values())))
        times, reached = _times_to(arm, target, whole.seconds[pair.arm].effect)
        other = _times_to(comparison, target, whole.seconds[pair.comparison].effect)
        told = stats.time_to_target(times, reached, *other)
        found[pair] = ToTarget(
            target=target,
            reached=sum(reached),
            runs=len(times),
            median_seconds=told.median,
            comparison_median_seconds=told.comparison_median,
            p=told.p,
        )
    return found


def longer(plan: Plan, runs: Runs) -> dict[Comparison, Longer]:
    """How many times as long the baseline must train to gain as much, for the comparisons with the baseline.

    Only where the baseline was trained for at least three lengths, its own among them, and at least two
    seeds are complete.
    """
    found = {}
    for workload in plan.workloads:
        lengths = _lengths(runs, workload.name)
        pairs = [p for p in plan.comparisons if (p.workload, p.comparison) == (workload.name, BASELINE)]
        for pair in pairs if len(lengths) >= stats.FEWEST_DURATIONS else []:
            if told := _longer(runs[pair.workload, pair.arm].accuracy, lengths, plan.judgement.level):
                found[pair] = told
    return found


def _longer(
    accuracy: dict[int, float], lengths: dict[float, dict[int, float]], level: float
) -> Longer | None:
    """What an arm's gain is worth, from accuracies by seed of the arm and of the baseline's lengths."""
    seeds = sorted(set(accuracy).intersection(*lengths.values()))
    if len(seeds) < 2:
        return None
    gain = [accuracy[seed] - lengths[1.0][seed] for seed in seeds]
    table = [[length[seed] for seed in seeds] for length in lengths.values()]
    told = stats.times_longer(gain, table, list(lengths), level)
    return Longer(times=told[0], low=told[1], high=told[2]) if told else None


def whole_runs(plan: Plan, shown: Sequence[ArmRuns], session: Projected) -> WholeRuns:
    """What a whole run of these arms of one workload takes.

    From the session where it has all of them; otherwise from the runs, whose times are indicative, since
    times of the two kinds cannot be compared. A baseline trained longer is projected from the baseline's
    laps: its steps are the same, only more.
    """
    measured = {}
    for found in shown:
        source, factor = _source(plan, found.arm)
        if laps := list(session.get((found.arm.workload, source), {}).values()):
            measured[found.arm.name] = _log_t_interval(factor * np.array(laps))
    if shown and len(measured) == len(shown):
        return WholeRuns(measured, True)
    times = {found.arm.name: _train_seconds(found) for found in shown}
    return WholeRuns({name: _t_interval(seconds) for name, seconds in times.items() if seconds}, False)


def pareto_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which (seconds, accuracy) no other point beats: at least as good in both, and better in one."""
    return [
        not any(s <= seconds and a >= accuracy and (s, a) != (seconds, accuracy) for s, a in points)
        for seconds, accuracy in points
    ]


def _shown(runs: Runs, workload: str) -> list[ArmRuns]:
    """The arms of a workload that stand in the picture, each once: those with two finished seeds or more.

    Of one phase alone, the last that the baseline is in: phases never mix.
    """
    phase = runs[workload, BASELINE].phase
    own = [
        found
        for found in runs.values()
        if found.arm.workload == workload and found.arm.role in ("arm", "duration") and found.phase == phase
    ]
    return [found for found in distinct(own) if len(found.bits) >= 2]


def _source(plan: Plan, arm: Arm) -> tuple[str, float]:
    """The arm whose laps stand for an arm, and by how much its own run is longer."""
    if arm.role != "duration":
        return arm.name, 1.0
    epochs = plan.arm(arm.workload, BASELINE).recipe["budget"]["epochs"]
    return BASELINE, arm.recipe["budget"]["epochs"] / epochs


def _lengths(runs: Runs, workload: str) -> dict[float, dict[int, float]]:
    """Accuracies by seed of the baseline trained for several lengths, by how many times as long as its own."""
    lengths = {1.0: runs[workload, BASELINE].accuracy}
    for found in runs.values():
        if (found.arm.workload, found.arm.role) == (workload, "duration") and found.arm.times_longer:
            lengths[found.arm.times_longer] = found.accuracy
    return lengths


def _train_seconds(found: ArmRuns) -> list[float]:
    """Training seconds of an arm's finished runs, side by side with others."""
    done = [found.records[seed].timings for seed in found.bits]
    return [timings.train_seconds for timings in done if timings]


def _times_to(found: ArmRuns, target: float, whole: float) -> tuple[list[float], list[bool]]:
    """Seconds until each run reaches the target, or until its end where it does not, and which of the two."""
    ended = [record for record in found.records.values() if record.status in ("done", "diverged")]
    epochs = found.arm.recipe["budget"]["epochs"]
    first = [_first_epoch(record, target) for record in ended]
    return [whole * (epoch or epochs) / epochs for epoch in first], [epoch is not None for epoch in first]


def _first_epoch(record: RunRecord, target: float) -> int | None:
    """The first evaluated epoch (counted from 1) with at least the target accuracy."""
    return next((row.epoch for row in record.epochs if row.top1 is not None and row.top1 >= target), None)


def _t_interval(values: ArrayLike, most: float = np.inf) -> Interval:
    """The mean with its 95 % t interval, kept within 0 and `most`; a single value stands alone."""
    x = np.asarray(values, dtype=np.float64)
    half = float(critical_t(0.05, x.size - 1) * x.std(ddof=1) / np.sqrt(x.size)) if x.size > 1 else 0.0
    mean = float(x.mean())
    return Interval(effect=mean, low=max(mean - half, 0.0), high=min(mean + half, most))


def _log_t_interval(values: ArrayLike) -> Interval:
    """The geometric mean with its 95 % t interval."""
    log = np.log(np.asarray(values, dtype=np.float64))
    half = critical_t(0.05, log.size - 1) * log.std(ddof=1) / np.sqrt(log.size) if log.size > 1 else 0.0
    bounds = (float(np.exp(log.mean() + sign * half)) for sign in (0, -1, 1))
    return Interval(**dict(zip(("effect", "low", "high"), bounds, strict=True)))
