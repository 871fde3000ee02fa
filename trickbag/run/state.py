"""How far a study is, read from its files alone: what `status` prints and the live display shows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from trickbag.records.plan import Plan, PlannedRun
from trickbag.records.run import EpochRow, RunRecord, read_progress, read_run
from trickbag.run.locks import is_held

AGAIN = ("died", "out_of_memory", "failed")  # outcomes of the machine, tried again by the next `run`


@dataclass(frozen=True)
class ArmState:
    """An arm so far; `mean` is over its finished runs, in percent."""

    workload: str
    name: str
    done: int
    planned: int
    mean: float | None
    outcomes: dict[str, int]  # other than done


@dataclass(frozen=True)
class Running:
    """A run under way, and its last finished epoch."""

    run: PlannedRun
    row: EpochRow | None
    epochs: int


@dataclass(frozen=True)
class State:
    """A study so far."""

    planned: int
    ended: int
    arms: tuple[ArmState, ...]
    running: tuple[Running, ...]
    seconds_per_run: float | None

    def eta(self, workers: int) -> float | None:
        """Seconds to go with so many runs side by side, judged by the runs that ended."""
        if self.seconds_per_run is None:
            return None
        begun = sum(r.row.epoch / r.epochs for r in self.running if r.row)
        return max(0.0, self.planned - self.ended - begun) * self.seconds_per_run / workers


@dataclass
class Tracker:
    """Reads each ended run once."""

    folder: Path
    plan: Plan
    records: dict[str, RunRecord] = field(default_factory=dict)
    stopped: str = ""  # why runs wait that could be started

    def refresh(self) -> State:
        """The state as it stands in the files."""
        waiting = [run for run in self.plan.runs if run.id not in self.records]
        for run in waiting:
            record = read_run(self.place(run))
            if record is not None:
                self.records[run.id] = record
        done = [record for record in self.records.values() if record.timings]
        return State(
            planned=len(self.plan.runs),
            ended=len(self.records),
            arms=tuple(self._arms()),
            running=tuple(self._running(run) for run in waiting if self._is_running(run)),
            seconds_per_run=fmean(seconds_of(record) for record in done) if done else None,
        )

    def to_try_again(self) -> list[str]:
        """Ids of ended runs that trouble of the machine ended.

        Not of those by whose outcome a later phase was chosen: with another one the choice could not be repeated.
        """
        decided = {run.id for run in self.plan.decided_runs}
        return [name for name, r in self.records.items() if r.status in AGAIN and name not in decided]

    def place(self, run: PlannedRun) -> Path:
        """The folder of a run."""
        return self.folder / "runs" / run.id

    def _is_running(self, run: PlannedRun) -> bool:
        """Whether a process works on the run now."""
        return run.id not in self.records and is_held(self.place(run))

    def _running(self, run: PlannedRun) -> Running:
        """How far a run under way is."""
        rows = read_progress(self.place(run))
        epochs = self.plan.arm(run.workload, run.arm).recipe["budget"]["epochs"]
        return Running(run, rows[-1] if rows else None, epochs)

    def _arms(self) -> list[ArmState]:
        """Every arm that has runs of its own; tuning points are too many to show."""
        found = []
        for arm in [arm for arm in self.plan.arms if arm.role != "candidate"]:
            runs = self.plan.runs_of(arm)
            ended = [self.records[run.id] for run in runs if run.id in self.records]
            scores = [record.top1 for record in ended if record.status == "done" and record.top1 is not None]
            outcomes = _count([record.status for record in ended if record.status != "done"])
            mean = fmean(scores) if scores else None
            found.append(ArmState(arm.workload, arm.name, len(scores), len(runs), mean, outcomes))
        return found


def seconds_of(record: RunRecord) -> float:
    """Wall time of an ended run."""
    t = record.timings
    return t.train_seconds + t.startup_seconds + t.evaluate_seconds if t else 0.0


def _count(names: list[str]) -> dict[str, int]:
    """How often each name stands in a list."""
    return {name: names.count(name) for name in dict.fromkeys(names)}


Show = Callable[[State], None]
