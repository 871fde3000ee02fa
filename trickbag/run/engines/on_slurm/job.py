"""What a SLURM job does: train one planned run, in the study's folder, which its node shares."""

import importlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import torch

from trickbag.recipe import Machine
from trickbag.records.chain import read_plan
from trickbag.records.run import RUN
from trickbag.run.execute import execute
from trickbag.run.signals import TIME_IS_UP, StopRequest


@dataclass(frozen=True)
class StudyJob:
    """One run of the study in `folder`, to be called on a node; goes on from the run's checkpoint, if there is one."""

    folder: Path
    run_id: str
    machine: Machine

    def __call__(self) -> None:
        """Train until the record is written, or a signal says to leave: then a checkpoint is."""
        stop = StopRequest(signal.SIGTERM, *TIME_IS_UP)  # instead of submitit's, which awaits no step's end
        torch.set_num_threads(self.machine.threads)
        plan = read_plan(self.folder).plan()
        planned = next(run for run in plan.runs if run.id == self.run_id)
        number = importlib.import_module("submitit").JobEnvironment().job_id
        execute(self.folder, plan, planned, self.machine, stop, engine="slurm", job=number)
        only_time = (
            bool(stop.received) and stop.received <= TIME_IS_UP
        )  # else SLURM or the driver knows what comes
        if only_time and not (self.folder / "runs" / self.run_id / RUN).exists():
            _queue_again(number)


def _queue_again(number: str) -> None:
    """Have SLURM start this job once more; where it does not let us, the driver submits another."""
    if "SLURM_JOB_ID" in os.environ:
        subprocess.run(["scontrol", "requeue", number])  # its complaint goes to the job's log
