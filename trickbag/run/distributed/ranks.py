"""A planned run that several processes of this machine train together: seen from outside, and as one of them.

`python -m trickbag.run.distributed.ranks FOLDER RUN MACHINE` is such a process; torch's launcher starts them.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from trickbag.errors import DiskError
from trickbag.recipe import Machine
from trickbag.records.files import write_text
from trickbag.records.plan import Plan, PlannedRun
from trickbag.records.progress import PROGRESS
from trickbag.records.run import CHECKPOINT, Status, read_run
from trickbag.run.attempt import named, train_planned
from trickbag.run.distributed.handover import hand_over, take_over
from trickbag.run.distributed.launch import launch
from trickbag.run.distributed.team import (
    LAUNCHER,
    RANKS_LOST,
    RanksLostError,
    ReportedElsewhereError,
    Team,
    launch_folder,
)
from trickbag.run.finish import close_failed
from trickbag.run.locks import RANKS, run_lock
from trickbag.run.planned import resolve_planned
from trickbag.run.signals import StopRequest

FAILED, DISK = "failed-{}.json", "disk"


class ProcessDiedError(RuntimeError):
    """A process of a run with several devices did not end by itself; `status` is how that is recorded."""

    def __init__(self, trouble: str, status: Literal["died", "out_of_memory"]) -> None:
        """Say in words what happened."""
        super().__init__(trouble, status)  # all arguments, that it can be sent from one process to another
        self.status: Literal["died", "out_of_memory"] = status

    def __str__(self) -> str:
        return str(self.args[0])


def execute_together(
    folder: Path,
    place: Path,
    plan: Plan,
    planned: PlannedRun,
    machine: Machine,
    stop: Callable[[], bool],
    saved: Callable[[], None],
) -> bool:
    """Train one run in `machine.devices` processes; the caller holds its folder. False if an error ended it.

    Raises DiskError where the disk refuses what must be kept, ProcessDiedError where a process died.
    """
    outside = _Outside(place, saved)
    words = ["trickbag.run.distributed.ranks", str(folder), planned.id, machine.model_dump_json()]
    launched = launch(words, machine, stop, outside.look, lambda shared: hand_over(shared, plan, planned))
    if outside.failures:
        status, message = outside.failures[min(outside.failures)]
        if status == DISK:
            raise DiskError(message)
        close_failed(place, planned, plan.arm(planned.workload, planned.arm).recipe, status, message)
        return False
    if launched.code not in (0, 130) and not stop():  # which may have reached them before they could hear it
        trouble = launched.trouble or f"a process of the run ended with exit code {launched.code}"
        raise ProcessDiedError(trouble, launched.status)
    return True


@dataclass
class _Outside:
    """What the process that launched the others sees of them, in files."""

    place: Path
    saved: Callable[[], None]
    failures: dict[int, tuple[Status, str]] = field(default_factory=dict)  # rank → status, message
    known: list[tuple[int, int]] = field(default_factory=list)

    def look(self, shared: Path) -> None:
        """Tell of what is new in the run's folder, and take note of what went wrong."""
        files = [self.place / name for name in (CHECKPOINT, PROGRESS)]
        found = [(s.st_mtime_ns, s.st_size) for s in (path.stat() for path in files if path.exists())]
        if found != self.known:
            self.known = found
            if read_run(self.place) is None:
                self.saved()
        for path in shared.glob(FAILED.format("*")):
            rank = int(path.stem.partition("-")[2])
            self.failures[rank] = tuple(json.loads(path.read_text()))


def main() -> None:
    """Train the run that the arguments name, as one of the processes that torch's launcher started."""
    stop = StopRequest(signal.SIGINT, signal.SIGTERM)
    folder, run_id, machine = Path(sys.argv[1]), sys.argv[2], Machine.model_validate_json(sys.argv[3])
    with run_lock(folder / "runs" / run_id, RANKS) if os.environ["RANK"] == "0" else nullcontext():
        code = _as_rank(folder, run_id, machine, stop)
    sys.stdout.flush()
    sys.stderr.flush()
    if code == RANKS_LOST:  # what was to be exchanged with the others may hold this process for ever
        os._exit(code)
    sys.exit(code)


def _as_rank(folder: Path, run_id: str, machine: Machine, stop: Callable[[], bool]) -> int:
    """The exit code: 0 once the record is there, 130 interrupted, RANKS_LOST; else a file says what went wrong."""
    if os.getppid() != int(os.environ[LAUNCHER]):
        # It was killed before the run's lock was ours: meanwhile another process may have trained it.
        return 130
    shared, rank = launch_folder(), int(os.environ["RANK"])
    assert shared is not None
    plan, planned = take_over(shared, run_id)
    arm = plan.arm(planned.workload, planned.arm)
    try:
        team = Team.here(machine)
        own = team.own(machine)
        resolved = team.on_all_ranks(
            "images", lambda: resolve_planned(folder, plan, arm, planned.fingerprint, own)
        )
        with team.at_work(own):
            place = folder / "runs" / planned.id
            if not train_planned(place, plan, planned, resolved, own, team.stop(stop)):
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        return 130
    except ReportedElsewhereError as elsewhere:
        return elsewhere.code
    except RanksLostError:
        return RANKS_LOST
    except Exception as error:
        _report(shared, rank, error, folder, arm.recipe)
        return 1
    return 0


def _report(shared: Path, rank: int, error: Exception, folder: Path, recipe: dict[str, object]) -> None:
    """Leave word for the process that launched this one."""
    status: str
    try:
        status, message = named(error, folder, recipe)
    except DiskError as full:
        status, message = DISK, str(full)
    message = message if rank == 0 else f"process {rank}: {message}"
    write_text(shared / FAILED.format(rank), json.dumps([status, message]))


if __name__ == "__main__":
    main()
