"""What a SLURM job does: train one planned run, in the study's folder, which its node shares."""

import importlib
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import torch

from trickbag.recipe import Machine
from trickbag.records.chain import read_plan
from trickbag.records.run import RUN
from trickbag.run.execute import execute

TIME_IS_UP = (signal.SIGUSR1, signal.SIGUSR2)  # SLURM's warning (sbatch --signal), before the time limit


@dataclass
class _Told:
    """The signals that this process has been sent; any of them means to save and leave."""

    signals: set[int] = field(default_factory=set)

    def hear(self, signum: int, frame: FrameType | None) -> None:
        self.signals.add(signum)

    def __bool__(self) -> bool:
        return bool(self.signals)

    def to_be_queued_again(self) -> bool:
        """Whether only the time is up. After SIGTERM it is SLURM, or the driver, who knows what is to come."""
        return bool(self.signals) and self.signals <= set(TIME_IS_UP)


@dataclass(frozen=True)
class StudyJob:
    """One run of the study in `folder`, to be called on a node; goes on from the run's checkpoint, if there is one."""

    folder: Path
    run_id: str
    machine: Machine

    def __call__(self) -> None:
        """Train until the record is written, or a signal says to leave: then a checkpoint is."""
        told = _Told()
        for number in (signal.SIGTERM, *TIME_IS_UP):
            signal.signal(
                number, told.hear
            )  # in place of submitit's, which would not wait for the step's end
        torch.set_num_threads(self.machine.threads)
        plan = read_plan(self.folder).plan()
        planned = next(run for run in plan.runs if run.id == self.run_id)
        number = importlib.import_module("submitit").JobEnvironment().job_id
        execute(self.folder, plan, planned, self.machine, lambda: bool(told), engine="slurm", job=number)
        if told.to_be_queued_again() and not (self.folder / "runs" / self.run_id / RUN).exists():
            _queue_again(number)


def _queue_again(number: str) -> None:
    """Have SLURM start this job once more; where it does not let us, the driver submits another."""
    if "SLURM_JOB_ID" in os.environ:
        subprocess.run(["scontrol", "requeue", number])  # its complaint goes to the job's log
