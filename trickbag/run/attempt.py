"""One attempt at a planned run, in this process or in one of several that train together; and what went wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from trickbag.errors import DiskError
from trickbag.recipe import Machine
from trickbag.records.files import FULL, disk_error
from trickbag.records.plan import Plan, PlannedRun
from trickbag.records.progress import EpochRow, append_progress
from trickbag.records.run import CHECKPOINT, Status
from trickbag.run.finish import close_run
from trickbag.train import Resolved, Watch, build_session, own_place, train
from trickbag.train.world import World

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def train_planned(
    place: Path,
    plan: Plan,
    planned: PlannedRun,
    resolved: Resolved,
    machine: Machine,
    stop: Callable[[], bool],
    saved: Callable[[], None] = lambda: None,
) -> bool:
    """Train from the checkpoint in the run's folder, where there is one, to its record; False if interrupted.

    Of processes that train together, the first one writes.
    """
    session = build_session(resolved, planned.seed, machine)
    outcome = train(session, _watch(place, machine, stop, saved))
    if outcome.status == "interrupted":
        return False
    teaches = any(planned.id in run.needs for run in plan.runs)
    keep = machine.keep == "all" or (teaches and machine.keep == "teachers")
    close_run(place, planned, session, outcome, machine, keep)
    return True


def named(error: Exception, folder: Path, recipe: dict[str, Any]) -> tuple[Status, str]:
    """What a run that an error ended is recorded as, with a message.

    Raises DiskError where the disk refused what must be kept, be it that of the study's folder or of a cache.
    """
    if isinstance(error, DiskError):
        raise error
    if isinstance(error, OSError) and error.errno in FULL:  # of the cache, say
        raise disk_error(Path(error.filename).parent if error.filename else folder, error) from error
    status: Status = "out_of_memory" if _is_out_of_memory(error) else "failed"
    return status, f"{type(error).__name__}: {error}{own_place(error, recipe['sources'])}"


def _watch(place: Path, machine: Machine, stop: Callable[[], bool], saved: Callable[[], None]) -> Watch:
    """Checkpoints and progress go to the run's folder."""

    def note(row: EpochRow) -> None:
        if World.current().is_rank_zero:
            append_progress(place, row)
            saved()

    return Watch(
        checkpoint=place / CHECKPOINT,
        other_devices=True,  # their number is the plan's, and an amendment changed it
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
