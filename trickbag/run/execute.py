"""One planned run, trained in its folder of a study: from its checkpoint, where there is one, to its record."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

from trickbag.recipe import Machine
from trickbag.records.files import now
from trickbag.records.plan import Plan, PlannedRun
from trickbag.records.progress import Started, write_started
from trickbag.records.run import read_run
from trickbag.run.attempt import named, train_planned
from trickbag.run.distributed.ranks import ProcessDiedError, execute_together
from trickbag.run.finish import close_failed, run_folder
from trickbag.run.locks import await_ranks, run_lock
from trickbag.run.planned import resolve_planned


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
    `saved` hears of what is new in the run's folder before the end: that the run was taken up, every checkpoint,
    every line of progress. Where `stop` turned true the folder holds a checkpoint and no record. Raises DiskError where
    the disk refuses what must be kept: that is no outcome of the run, and every other one would meet it as well;
    ProcessDiedError where the run has several devices and the processes that trained it did not end by themselves.
    """
    place = run_folder(folder, planned)
    with run_lock(place):
        await_ranks(place)
        if read_run(place) is not None:  # an earlier driver's worker has just finished it
            return True
        write_started(place, _started(engine, job))
        saved()
        try:
            if machine.devices > 1:
                return execute_together(folder, place, plan, planned, machine, stop, saved)
            arm = plan.arm(planned.workload, planned.arm)
            resolved = resolve_planned(folder, plan, arm, planned.fingerprint, machine)
            train_planned(place, plan, planned, resolved, machine, stop, saved)
        except ProcessDiedError:
            raise
        except Exception as error:  # whatever went wrong becomes a named outcome, and the study goes on
            recipe = plan.arm(planned.workload, planned.arm).recipe
            close_failed(place, planned, recipe, *named(error, folder, recipe))
            return False
        return True


def _started(engine: str, job: str) -> Started:
    """Here and now, as a run is taken up."""
    return Started(engine=engine, host=socket.gethostname(), process=os.getpid(), job=job, written=now())
