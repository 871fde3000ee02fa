"""What a worker process does: train one planned run after the other, and leave its folder complete."""

import os
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

import torch

from trickbag.recipe import Machine
from trickbag.records.chain import read_plan
from trickbag.records.plan import Plan, PlannedRun
from trickbag.records.run import CHECKPOINT, Status, append_progress, read_run
from trickbag.run.finish import close_failed, close_run
from trickbag.run.locks import run_lock
from trickbag.run.planned import resolve_planned
from trickbag.train import Session, Watch, build_session, own_place, train

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass
class _Stop:
    """Turns true when this process is told to end, or its driver is gone."""

    driver: int
    told: bool = False

    def __call__(self) -> bool:
        return self.told or os.getppid() != self.driver

    def tell(self, signum: int, frame: FrameType | None) -> None:
        self.told = True


def work(connection: Connection, folder: Path, machine: Machine, driver: int) -> None:
    """Train the runs whose ids arrive, until process `driver` hangs up or this process is told to end."""
    stop = _Stop(driver)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the driver, which tells us
    signal.signal(signal.SIGTERM, stop.tell)
    torch.set_num_threads(machine.threads)
    plan = read_plan(folder).plan()
    runs = {run.id: run for run in plan.runs}
    try:
        while not stop():
            if connection.poll(0.2):
                planned = runs[connection.recv()]
                healthy = execute(folder, plan, planned, machine, stop)
                connection.send(planned.id)
                if not healthy and machine.device != "cpu":
                    return  # a CUDA error may have left this process's context broken; the engine starts another
    except (EOFError, BrokenPipeError):  # the driver is gone
        return


def execute(folder: Path, plan: Plan, planned: PlannedRun, machine: Machine, stop: "_Stop") -> bool:
    """Train one run from its checkpoint, where there is one, and write its record; False if an error ended it."""
    place = folder / "runs" / planned.id
    place.mkdir(parents=True, exist_ok=True)
    with run_lock(place):
        if read_run(place) is not None:  # an earlier driver's worker has just finished it
            return True
        try:
            session = _session(folder, plan, planned, machine)
            outcome = train(session, _watch(place, machine, stop))
        except Exception as error:  # whatever went wrong becomes a named outcome, and the study goes on
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


def _session(folder: Path, plan: Plan, planned: PlannedRun, machine: Machine) -> Session:
    """The session of a planned run; its recipe and images must be those of the plan."""
    arm = plan.arm(planned.workload, planned.arm)
    return build_session(
        resolve_planned(folder, plan, arm, planned.fingerprint, machine), planned.seed, machine
    )


def _watch(place: Path, machine: Machine, stop: "_Stop") -> Watch:
    """Checkpoints and progress go to the run's folder."""
    return Watch(
        checkpoint=place / CHECKPOINT,
        checkpoint_seconds=machine.checkpoint_seconds,
        stop=stop,
        on_epoch=lambda row: append_progress(place, row),
    )


def _is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)
