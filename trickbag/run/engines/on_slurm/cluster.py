"""What the SLURM engine asks of a cluster: take jobs, say how they stand, end them.

Nothing here needs accounting (`sacct`): many clusters have none, and what the controller itself remembers of
jobs that are over (`MinJobAge`, minutes) is enough for who asks every few seconds.
"""

import importlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

from trickbag.errors import InputError
from trickbag.recipe import Machine

WARNING_SECONDS = (
    90  # a job hears so long before its time limit, or a quarter of the limit, whichever is less
)
NO_ANSWER = "machine.engine=slurm: SLURM does not answer (squeue); try again once it does, or where it runs"
ARRAY = 1000  # elements of one array: SLURM's own default limit


@dataclass(frozen=True)
class Seen:
    """A job as the cluster has it: the number people know it by (`12`, `12_3`) and SLURM's word for its state."""

    number: str
    state: str


Jobs = dict[tuple[str, int], Seen]  # by the name that jobs were submitted under, and the place among them


class Cluster(Protocol):
    """Where jobs are submitted to."""

    def submit(self, name: str, jobs: Sequence[Callable[[], None]]) -> None:
        """Submit at most ARRAY jobs under one name, as an array; InputError where they are refused."""

    def look(self) -> Jobs | None:
        """The jobs of this user that the cluster knows, those just ended too; None where it does not answer."""

    def stop(self, numbers: Sequence[str]) -> None:
        """Drop those jobs that wait; send SIGTERM to those that run, without their being killed."""

    def cancel(self, numbers: Sequence[str]) -> None:
        """End these jobs for good."""


class Slurm:
    """The cluster that this machine's `sbatch` speaks to; jobs are written and submitted by submitit."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        """Scripts and logs of jobs go to `folder`; InputError where submitit or SLURM are missing."""
        self._folder, self._machine = folder, machine
        try:
            self._submitit: Any = importlib.import_module("submitit")
        except ModuleNotFoundError:
            raise InputError(
                "machine.engine=slurm: submitit is not installed; python -m pip install 'trickbag[slurm]'"
            ) from None
        for command in ("sbatch", "srun", "squeue", "scancel"):
            if shutil.which(command) is None:
                raise InputError(
                    f"machine.engine=slurm: there is no {command} here; use a machine that SLURM jobs are "
                    "submitted from, or machine.engine=local"
                )

    def submit(self, name: str, jobs: Sequence[Callable[[], None]]) -> None:
        """Submit at most ARRAY jobs under one name, as an array; InputError where sbatch refuses them."""
        executor = self._submitit.SlurmExecutor(self._folder)
        executor.update_parameters(job_name=name, **asked_for(self._machine))
        try:
            with _outside_of_jobs(), redirect_stderr(StringIO()):  # submitit prints what it raises, too
                executor.submit_array(list(jobs))
        except RuntimeError as error:  # submitit's errors are; the last line is sbatch's reason
            said = [line for line in str(error).splitlines() if line.strip()] or ["no reason given"]
            raise InputError(f"machine.engine=slurm: {said[-1]}") from None

    def look(self) -> Jobs | None:
        """The jobs of this user that the controller remembers; None where it does not answer."""
        command = ["squeue", "--me", "--array", "--states=all", "--noheader", "--format=%j|%i|%T"]
        asked = subprocess.run(command, capture_output=True, text=True)
        return read_queue(asked.stdout) if asked.returncode == 0 else None

    def stop(self, numbers: Sequence[str]) -> None:
        """Drop those jobs that wait; send SIGTERM to those that run."""
        self._scancel("--state=PENDING", numbers)
        self._scancel("--signal=TERM", numbers)

    def cancel(self, numbers: Sequence[str]) -> None:
        """End these jobs: SLURM sends SIGTERM, and SIGKILL after its KillWait."""
        self._scancel("--quiet", numbers)

    def _scancel(self, option: str, numbers: Sequence[str]) -> None:
        """Jobs that are over meanwhile make scancel complain, which is no error here."""
        if numbers:
            subprocess.run(["scancel", option, *numbers], capture_output=True)


@contextmanager
def _outside_of_jobs() -> Iterator[None]:
    """Where the driver is itself a job, sbatch would take what SLURM tells it of that job for wishes."""
    inside = "SLURM_JOB_ID" in os.environ
    names = [name for name in os.environ if inside and name.startswith("SLURM_") and name != "SLURM_CONF"]
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)


def read_queue(text: str) -> Jobs:
    """The lines NAME|NUMBER|STATE of squeue; NUMBER is `12_3` in arrays."""
    jobs = Jobs()
    for line in text.splitlines():
        name, number, state = line.rsplit("|", 2)
        place = number.partition("_")[2] or "0"
        if place.isdecimal():
            jobs[name, int(place)] = Seen(number, state)
    return jobs


def asked_for(machine: Machine) -> dict[str, Any]:
    """What sbatch is asked for each run, in submitit's words: one task that has all of a run's cores and GPUs."""
    cores = max(machine.threads * machine.devices, machine.loaders or 1)
    seconds = machine.minutes * 60 // 4 if machine.minutes else WARNING_SECONDS
    return {
        "partition": machine.partition,
        "account": machine.account,
        "time": machine.minutes,
        "nodes": 1,
        "ntasks_per_node": 1,
        "cpus_per_task": cores,
        "gpus_per_node": machine.devices if machine.device.startswith("cuda") else None,
        "signal_delay_s": min(WARNING_SECONDS, seconds),
        "array_parallelism": ARRAY,
        "wckey": None,
        "stderr_to_stdout": True,
        "additional_parameters": {"requeue": True},
        "setup": [f"export {name}={machine.threads}" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")],
        "srun_args": [f"--cpus-per-task={cores}"],  # since SLURM 22.05 not inherited from sbatch
    }
