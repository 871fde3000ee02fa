"""How far a study is, read from its files alone: what `status` prints and the live display shows."""

import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from trickbag.records.files import writing
from trickbag.records.plan import Arm, Plan, PlannedRun
from trickbag.records.progress import EpochRow, Started, read_progress, read_started
from trickbag.records.run import CHECKPOINT, RUN, Ending, read_ending
from trickbag.run.locks import LOCK, is_held

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
    """A run that was taken up and has not ended, and its last finished epoch."""

    run: PlannedRun
    row: EpochRow | None
    epochs: int
    started: Started | None = None  # where it was last taken up
    held: bool = True  # a process is known to work on it
    seen: float = 0.0  # seconds since it last wrote something
    saved: bool = False  # there is a checkpoint to go on from

    @property
    def part(self) -> float:
        """The share of its epochs that is done."""
        return self.row.epoch / self.epochs if self.row else 0.0

    @property
    def elsewhere(self) -> bool:
        """Whether it was taken up on another host, whose locks may not be seen here."""
        return self.started is not None and self.started.host != socket.gethostname()


@dataclass(frozen=True)
class State:
    """A study so far."""

    planned: int
    ended: int
    arms: tuple[ArmState, ...]
    running: tuple[Running, ...]
    seconds_per_run: float | None
    workers: int = 0  # runs side by side, as the engine says; 0: as many as there are
    silent: tuple[Running, ...] = ()  # taken up on other hosts; whether they go on cannot be seen from here
    interrupted: tuple[Running, ...] = ()
    outcomes: dict[str, int] = field(default_factory=dict)  # of all runs that ended

    def eta(self) -> float | None:
        """Seconds to go, judged by the runs that ended; None where none has, or nothing is at work."""
        side_by_side = self.workers or len(self.running)
        if self.seconds_per_run is None or not side_by_side:
            return None
        begun = sum(each.part for each in self.running)
        return max(0.0, self.planned - self.ended - begun) * self.seconds_per_run / side_by_side

    def eta_of(self, running: Running) -> float | None:
        """Seconds that a run under way still takes, judged likewise."""
        return None if self.seconds_per_run is None else (1 - running.part) * self.seconds_per_run


@dataclass
class _Tally:
    """What the ended runs of an arm add up to."""

    arm: Arm
    planned: int
    scores: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def state(self) -> ArmState:
        """The arm so far."""
        mean = fmean(self.scores) if self.scores else None
        outcomes = dict(self.outcomes)
        return ArmState(self.arm.workload, self.arm.name, len(self.scores), self.planned, mean, outcomes)


class Tracker:
    """Reads each ended run once; a look at what may have changed costs nothing for all the rest."""

    def __init__(self, folder: Path, plan: Plan, again: Iterable[str] = ()) -> None:
        """Of a plan's runs in a study's folder; nothing is read yet. The records of `again` do not count."""
        self._again = set(again)
        self.folder, self.plan, self._places = folder, plan, folder / "runs"
        self.runs = {run.id: run for run in plan.runs}
        self.records = dict[str, Ending]()
        self.stopped = ""  # why runs wait that could be started
        self.seconds = 0.0  # of all ended runs
        self._outcomes = Counter[str]()
        self._timed = 0  # ended runs whose time is known
        self._epochs = {(a.workload, a.name): a.recipe["budget"]["epochs"] for a in plan.arms}
        self._tallies = list[_Tally]()
        self._counted_by = dict[str, list[_Tally]]()  # run id -> the arms that it counts for
        self._lay_out()

    def refresh(self, among: Iterable[str] | None = None, workers: int = 0) -> State:
        """The state as it stands in the files; of all runs, or where only those with such ids can have changed.

        `workers`: runs that can be side by side, where it is known. Raises InputError where a record is damaged.
        """
        looked_at = [run_id for run_id in (self._begun() if among is None else among) if self._waits(run_id)]
        taken_up = [found for run_id in looked_at if (found := self._under_way(self.runs[run_id]))]
        lost = [each for each in taken_up if not each.held]
        return State(
            planned=len(self.runs),
            ended=len(self.records),
            arms=tuple(tally.state() for tally in self._tallies),
            running=tuple(each for each in taken_up if each.held),
            seconds_per_run=self.seconds / self._timed if self._timed else None,
            workers=workers,
            silent=tuple(each for each in lost if each.elsewhere),
            interrupted=tuple(each for each in lost if not each.elsewhere),
            outcomes=dict(self._outcomes),
        )

    def to_try_again(self) -> list[str]:
        """Ids of ended runs that trouble of the machine ended.

        Not of those by whose outcome a later phase was chosen: with another one the choice could not be repeated.
        """
        decided = {run.id for run in self.plan.decided_runs}
        return [name for name, r in self.records.items() if r.status in AGAIN and name not in decided]

    def take_up(self, run: PlannedRun) -> dict[Path, bytes]:
        """From now on a run's record counts; that of an earlier try is removed and returned. May raise DiskError."""
        if run.id not in self._again:
            return {}
        path = self.place(run) / RUN
        with writing(path):
            content = path.read_bytes()
            path.unlink()
        self._again.discard(run.id)
        return {path: content}

    def place(self, run: PlannedRun) -> Path:
        """The folder of a run."""
        return self._places / run.id

    def _lay_out(self) -> None:
        """A tally for every arm that has runs of its own; tuning points are too many to show."""
        runs = self.plan.runs_by_arm()
        for arm in [arm for arm in self.plan.arms if arm.role != "candidate"]:
            own = runs[arm.workload, arm.name]
            self._tallies.append(_Tally(arm, len(own)))
            for run in own:
                self._counted_by.setdefault(run.id, []).append(self._tallies[-1])

    def _begun(self) -> list[str]:
        """Ids of the runs that have a folder and have not ended, in the order of the plan."""
        try:
            there = set(os.listdir(self._places))
        except FileNotFoundError:
            return []
        return [run_id for run_id in self.runs if run_id in there and run_id not in self.records]

    def _waits(self, run_id: str) -> bool:
        """Whether a run has not ended; one that has is noted."""
        if run_id in self.records:
            return False
        if run_id in self._again:
            return True
        ending = read_ending(f"{self._places}/{run_id}")
        if ending is None:
            return True
        self.records[run_id] = ending
        self._outcomes[ending.status] += 1
        self.seconds += ending.seconds
        self._timed += ending.timings is not None
        for tally in self._counted_by.get(run_id, []):
            if ending.status != "done":
                tally.outcomes[ending.status] += 1
            elif ending.top1 is not None:
                tally.scores.append(ending.top1)
        return False

    def _under_way(self, run: PlannedRun) -> Running | None:
        """How far a run is that has not ended; None where it was never taken up."""
        place = self.place(run)
        held, written = is_held(place), _written(place)
        if not (held or written):
            return None
        rows = read_progress(place)
        return Running(
            run=run,
            row=rows[-1] if rows else None,
            epochs=self._epochs[run.workload, run.arm],
            started=read_started(place),
            held=held,
            seen=max(0.0, time.time() - max(written.values(), default=time.time())),
            saved=CHECKPOINT in written,
        )


def _written(place: Path) -> dict[str, float]:
    """The files that a run under way has written, and when (seconds since 1970)."""
    try:
        with os.scandir(place) as entries:
            return {entry.name: entry.stat().st_mtime for entry in entries if entry.name != LOCK}
    except FileNotFoundError:  # the folder, or a file that was put in its place meanwhile
        return {}


Show = Callable[[State], None]
