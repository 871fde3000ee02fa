"""From the files of a study to tables: one row per run, accuracies per arm and seed, bits."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev

import numpy as np
from numpy.typing import NDArray

from trickbag.errors import InputError
from trickbag.records.plan import Arm, Plan
from trickbag.records.result import CurvePoint, Summary
from trickbag.records.run import CORRECT, RunRecord, read_bits, read_run


@dataclass(frozen=True)
class ArmRuns:
    """An arm and its ended runs, by seed."""

    arm: Arm
    records: dict[int, RunRecord]
    planned: int
    bits: dict[int, NDArray[np.bool_]]  # top-1 bits [images] of the runs that are done

    @property
    def accuracy(self) -> dict[int, float]:
        """Validation top-1 accuracy in percent of the runs that are done, by seed."""
        return {seed: 100.0 * float(bits.mean()) for seed, bits in self.bits.items()}


def gather(folder: Path, plan: Plan) -> dict[tuple[str, str], ArmRuns]:
    """Every arm's runs, keyed by workload and arm name.

    Raises InputError where the bits of a finished run are missing or belong to other images.
    """
    validation = {w.name: np.array(w.validation_ids) for w in plan.workloads}
    found = {}
    for arm in plan.arms:
        runs = plan.runs_of(arm)
        records, bits = {}, {}
        for run in runs:
            place = folder / "runs" / run.id
            record = read_run(place)
            if record is None:
                continue
            if (record.fingerprint, record.seed) != (run.fingerprint, run.seed):
                raise InputError(f"{place}: holds a run of another plan ({record.id})")
            records[run.seed] = record
            if record.status == "done":
                bits[run.seed] = _bits(place / CORRECT, validation[arm.workload])
        found[arm.workload, arm.name] = ArmRuns(arm, records, len(runs), bits)
    return found


def _bits(path: Path, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The top-1 bits of a run; they must be of the planned images."""
    found, top1, _ = read_bits(path)
    if not np.array_equal(found, ids):
        raise InputError(f"{path}: these bits are not of the planned validation images")
    return top1


def summarise(runs: ArmRuns, aliases: tuple[str, ...]) -> Summary:
    """An arm by itself."""
    accuracy, records = runs.accuracy, runs.records
    done = [record for record in records.values() if record.status == "done"]
    times = [record.timings for record in done if record.timings]
    steps = [1000 * t.train_seconds / t.train_steps for t in times if t.train_steps]
    others = [record.status for record in records.values() if record.status not in ("done", "diverged")]
    return Summary(
        name=runs.arm.name,
        workload=runs.arm.workload,
        tricks=runs.arm.tricks,
        aliases=aliases,
        seeds=len(accuracy),
        mean=fmean(accuracy.values()) if accuracy else None,
        sd=stdev(accuracy.values()) if len(accuracy) > 1 else None,
        top5_mean=fmean(record.top5 for record in done if record.top5 is not None) if done else None,
        accuracy_by_seed=accuracy,
        diverged=sum(record.status == "diverged" for record in records.values()),
        failed={status: others.count(status) for status in sorted(set(others))},
        unfinished=runs.planned - len(records),
        step_milliseconds=median(steps) if steps else None,
        train_seconds=median(t.train_seconds for t in times) if times else None,
        parameters=done[0].parameters if done else 0,
        fingerprint=runs.arm.fingerprint,
        diff=runs.arm.diff,
        curve=_curve(done),
    )


def _curve(done: list[RunRecord]) -> tuple[CurvePoint, ...]:
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


def aliases(plan: Plan, arm: Arm) -> tuple[str, ...]:
    """The other names of an arm: arms with one fingerprint are one arm."""
    own = (arm.workload, arm.fingerprint)
    twins = [a for a in plan.arms if (a.workload, a.fingerprint) == own and a.role == "arm"]
    return tuple(twin.name for twin in twins if twin.name != arm.name)


def distinct(runs: Iterable[ArmRuns]) -> list[ArmRuns]:
    """Each arm once, under its first name."""
    first = dict[tuple[str, str], ArmRuns]()
    for found in runs:
        first.setdefault((found.arm.workload, found.arm.fingerprint), found)
    return list(first.values())
