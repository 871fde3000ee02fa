"""One planned run, trained in its folder of a study: from its checkpoint, where there is one, to its record."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import torch

from trickbag.errors import DiskError
from trickbag.recipe import Machine
from trickbag.records.files import FULL, disk_error, now
from trickbag.records.plan import Plan, PlannedRun
from trickbag.records.run import (
    CHECKPOINT,
    EpochRow,
    Started,
    Status,
    append_progress,
    read_run,
    write_started,
)  # fmt: skip
from trickbag.run.finish import close_failed, close_run, run_folder
from trickbag.run.locks import run_lock
from trickbag.run.planned import resolve_planned
from trickbag.train import Session, Watch, build_session, own_place, train

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def execute(
    folder: Path,
    plan: Plan,
    planned: PlannedRun,
    machine: Machine,
    stop: Callable[[], bool],
    saved: Callable[[], None] = lambda: None,
    engine: str = "local",
    job: str = "",
) -> bool:
    """Train one run from its checkpoint, where there is one, and write its record; False if an error ended it.

    `engine` and `job` (what the engine calls this piece of work) are noted in started.json for whoever watches.
    `saved` hears of every checkpoint and every line of progress once it is in the run's folder. Where `stop`
    turned true the folder holds a checkpoint and no record. Raises DiskError where the disk refuses what must be kept:
    that is no outcome of the run, and every other one would meet it as well.
    """
    place = run_folder(folder, planned)
    with run_lock(place):
        if read_run(place) is not None:  # an earlier driver's worker has just finished it
            return True
        write_started(place, _started(engine, job))
        try:
            session = _session(folder, plan, planned, machine)
            outcome = train(session, _watch(place, machine, stop, saved))
        except DiskError:
            raise
        except Exception as error:  # whatever went wrong becomes a named outcome, and the study goes on
            if isinstance(error, OSError) and error.errno in FULL:  # of the cache, say
                raise disk_error(Path(error.filename).parent if error.filename else folder, error) from error
            status: Status = "out_of_memory" if _is_out_of_memory(error) else "failed"
            recipe = plan.arm(planned.workload, planned.arm).recipe
            message = f"{type(error).__name__}: {error}{own_place(error, recipe['sources'])}"
            close_failed(place, planned, recipe, status, message)
            return False
        if outcome.status != "interrupted":
            teaches = any(planned.id in run.needs for run in plan.runs)
            keep = machine.keep == "all" or (teaches and machine.keep == "teachers")
            close_run(place, planned, session, outcome, machine, keep)
        return True


def _started(engine: str, job: str) -> Started:
    """Here and now, as a run is taken up."""
    return Started(engine=engine, host=socket.gethostname(), process=os.getpid(), job=job, written=now())


def _session(folder: Path, plan: Plan, planned: PlannedRun, machine: Machine) -> Session:
    """The session of a planned run; its recipe and images must be those of the plan."""
    arm = plan.arm(planned.workload, planned.arm)
    return build_session(
        resolve_planned(folder, plan, arm, planned.fingerprint, machine), planned.seed, machine
    )


def _watch(place: Path, machine: Machine, stop: Callable[[], bool], saved: Callable[[], None]) -> Watch:
    """Checkpoints and progress go to the run's folder."""

    def note(row: EpochRow) -> None:
        append_progress(place, row)
        saved()

    return Watch(
        checkpoint=place / CHECKPOINT,
        checkpoint_seconds=machine.checkpoint_seconds,
        stop=stop,
        on_epoch=note,
        on_saved=saved,
    )


def _is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)
