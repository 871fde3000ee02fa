"""An arm by itself: its accuracies, outcomes, times and learning curve."""

from collections.abc import Sequence
from statistics import fmean, median, stdev
from textwrap import shorten

from trickbag.analyze.gather import ArmRuns
from trickbag.records.plan import Arm, Plan
from trickbag.records.result import CurvePoint, Summary
from trickbag.records.run import RunRecord

REASON = 300  # characters of why a run failed


def summarise(runs: ArmRuns, aliases: tuple[str, ...]) -> Summary:
    """An arm by itself, over the runs of one phase."""
    accuracy, records = runs.accuracy, runs.records
    done = [record for record in records.values() if record.status == "done"]
    times = [record.timings for record in done if record.timings]
    steps = [1000 * t.train_seconds / t.train_steps for t in times if t.train_steps]
    top5 = [record.top5 for record in done if record.top5 is not None]
    balanced = [record.balanced for record in done if record.balanced is not None]
    ended = [record for record in records.values() if record.status not in ("done", "diverged")]
    others = [record.status for record in ended]
    reasons = dict.fromkeys(shorten(record.message, REASON, placeholder=" …") for record in ended)
    return Summary(
        name=runs.arm.name,
        workload=runs.arm.workload,
        tricks=runs.arm.tricks,
        aliases=aliases,
        seeds=len(accuracy),
        mean=fmean(accuracy.values()) if accuracy else None,
        sd=stdev(accuracy.values()) if len(accuracy) > 1 else None,
        top5_mean=fmean(top5) if top5 else None,
        balanced_mean=fmean(balanced) if balanced else None,
        accuracy_by_seed=accuracy,
        diverged=sum(record.status == "diverged" for record in records.values()),
        failed={status: others.count(status) for status in sorted(set(others))},
        reasons=tuple(filter(None, reasons)),
        unfinished=len(runs.planned) - len(records),
        step_milliseconds=median(steps) if steps else None,
        train_seconds=median(t.train_seconds for t in times) if times else None,
        parameters=done[0].parameters if done else 0,
        fingerprint=runs.arm.fingerprint,
        diff=runs.arm.diff,
        curve=_curve(done),
        rates=_rates(done),
    )


def aliases(plan: Plan, arm: Arm) -> tuple[str, ...]:
    """The other names of an arm: arms with one fingerprint are one arm."""
    own = (arm.workload, arm.fingerprint)
    twins = [a for a in plan.arms if (a.workload, a.fingerprint) == own and a.role == "arm"]
    return tuple(twin.name for twin in twins if twin.name != arm.name)


def _curve(done: Sequence[RunRecord]) -> tuple[CurvePoint, ...]:
    """Mean and range over seeds of validation accuracy after each evaluated epoch."""
    by_epoch = dict[int, list[float]]()
    for record in done:
        for row in record.epochs:
            if row.top1 is not None:
                by_epoch.setdefault(row.epoch, []).append(row.top1)
    return tuple(
        CurvePoint(epoch=epoch, mean=fmean(values), low=min(values), high=max(values))
        for epoch, values in sorted(by_epoch.items())
    )


def _rates(done: Sequence[RunRecord]) -> tuple[float, ...]:
    """The learning rate at the end of every epoch; seeds differ only where the schedule watches the training."""
    by_epoch = zip(*([row.lr for row in record.epochs] for record in done), strict=True)
    return tuple(fmean(rates) for rates in by_epoch)
