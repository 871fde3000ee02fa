"""From the files of a study to tables: every run's record, and the correctness bits of those that are judged."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trickbag.errors import InputError
from trickbag.records.bits import read_bits
from trickbag.records.plan import Arm, Comparison, PhaseName, Plan, PlannedRun
from trickbag.records.run import CORRECT, RunRecord, read_run

Bits = NDArray[np.bool_]

ORDER: tuple[PhaseName, ...] = ("teacher", "tune", "screen", "confirm")
UNNEEDED: dict[str, object] = {
    "recipe": {},
    "provenance": {},
    "class_accuracy": (),
}  # of a record; the first two the plan has
NEAR = 1e-6  # percentage points: what rounding may make of a mean of bits; one image is more


@dataclass(frozen=True)
class ArmRuns:
    """An arm and its ended runs of one phase, by seed."""

    arm: Arm
    records: dict[int, RunRecord]
    planned: tuple[int, ...]  # seeds, in the order of the plan
    bits: dict[int, Bits]  # top-1 bits [images] of the runs that are done
    phase: PhaseName = "confirm"

    @cached_property
    def accuracy(self) -> dict[int, float]:
        """Validation top-1 accuracy in percent of the runs that are done, by seed."""
        return {seed: percent(bits) for seed, bits in self.bits.items()}


@dataclass(frozen=True)
class Evidence:
    """A study's plan and what its runs have left so far."""

    plan: Plan
    records: dict[str, RunRecord]  # run id -> how it ended
    bits: dict[str, Bits]  # run id -> top-1 bits of the validation images, of finished runs of arms

    @cached_property
    def _arms(self) -> dict[tuple[str, str], Arm]:
        """The arms by workload and name."""
        return {(arm.workload, arm.name): arm for arm in self.plan.arms}

    @cached_property
    def _planned(self) -> dict[tuple[str, str], dict[PhaseName, list[PlannedRun]]]:
        """The planned runs by (workload, fingerprint) and phase: what `Plan.runs_of` finds, in one pass."""
        found = dict[tuple[str, str], dict[PhaseName, list[PlannedRun]]]()
        for phase in self.plan.phases:
            for run in phase.runs:
                by_phase = found.setdefault((run.workload, run.fingerprint), {})
                by_phase.setdefault(phase.name, []).append(run)
        return found

    @cached_property
    def _found(self) -> dict[tuple[str, str, str, PhaseName], ArmRuns]:
        """What `of` has put together so far."""
        return {}

    def phases(self, workload: str, name: str) -> list[PhaseName]:
        """The phases in which an arm has planned runs of its own, in order."""
        arm = self._arms[workload, name]
        own = self._planned.get((workload, arm.fingerprint), {})
        return [p for p in ORDER if p in own and (p == "teacher") == (arm.role == "teacher")]

    def of(self, workload: str, name: str, phase: PhaseName | None = None) -> ArmRuns:
        """An arm's runs in a phase; without one, in the last that it is in. Phases never mix."""
        arm, found = self._arms[workload, name], self.phases(workload, name)
        chosen: PhaseName = phase or (found[-1] if found else "confirm")
        key = (
            workload,
            arm.fingerprint,
            name,
            chosen,
        )  # an arm with two names is two arms of one fingerprint
        if key not in self._found:
            listed = self._planned.get(key[:2], {}).get(chosen, [])
            runs = sorted(listed, key=lambda run: run.seed)
            self._found[key] = ArmRuns(
                arm,
                records={run.seed: self.records[run.id] for run in runs if run.id in self.records},
                planned=tuple(run.seed for run in listed),
                bits={run.seed: self.bits[run.id] for run in runs if run.id in self.bits},
                phase=chosen,
            )
        return self._found[key]

    def phase_of(self, pair: Comparison) -> PhaseName | None:
        """The last phase that both arms of a comparison are in; None before there is one."""
        other = self.phases(pair.workload, pair.comparison)
        both = [p for p in self.phases(pair.workload, pair.arm) if p in other]
        return both[-1] if both else None

    @cached_property
    def latest(self) -> dict[tuple[str, str], ArmRuns]:
        """Every arm's runs in the last phase that it is in, by workload and name."""
        return {key: self.of(*key) for key in self._arms}


def gather(folder: Path, plan: Plan) -> Evidence:
    """Read what the runs of a plan have left.

    Raises InputError where a folder holds a run of another plan, or the bits of a finished run are missing,
    damaged, of other images, or contradict its record.
    """
    judged = {(a.workload, a.fingerprint) for a in plan.arms if a.role in ("arm", "duration")}
    phases = {run.id: phase.name for phase in plan.phases for run in phase.runs}
    validation = {w.name: np.array(w.validation_ids) for w in plan.workloads}

    records, bits = dict[str, RunRecord](), dict[str, Bits]()
    for run in plan.runs:
        place = folder / "runs" / run.id
        record = read_run(place)
        if record is None:
            continue
        if (record.fingerprint, record.seed) != (run.fingerprint, run.seed):
            raise InputError(f"{place}: holds a run of another plan ({record.id})")
        records[run.id] = record.model_copy(update=UNNEEDED)
        counts = (run.workload, run.fingerprint) in judged and phases[run.id] != "teacher"
        if counts and record.status == "done":
            bits[run.id] = _validation_bits(place / CORRECT, record, validation[run.workload])
    return Evidence(plan, records, bits)


def _validation_bits(path: Path, record: RunRecord, ids: NDArray[np.int64]) -> Bits:
    """The top-1 bits of a run, which must fit its record."""
    bits = images_bits(path, ids, "validation")
    if record.top1 is not None and not abs(record.top1 - percent(bits)) < NEAR:
        raise InputError(f"{path}: these bits give {percent(bits):.2f} %, the record {record.top1:.2f} %")
    return bits


def images_bits(path: Path, ids: NDArray[np.int64], images: str) -> Bits:
    """The top-1 bits in a file; they must be of the planned images."""
    found, top1, _ = read_bits(path)
    if not np.array_equal(found, ids):
        raise InputError(f"{path}: these bits are not of the planned {images} images")
    return top1


def percent(bits: Bits) -> float:
    """Top-1 accuracy in percent."""
    return 100.0 * (int(np.count_nonzero(bits)) / bits.size)


def distinct(runs: Iterable[ArmRuns]) -> list[ArmRuns]:
    """Each arm once, under its first name."""
    first = dict[tuple[str, str], ArmRuns]()
    for found in runs:
        first.setdefault((found.arm.workload, found.arm.fingerprint), found)
    return list(first.values())
