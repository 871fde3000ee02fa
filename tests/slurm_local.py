"""A cluster for the SLURM engine's tests: submitit's own local executor, which runs jobs as processes here."""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import submitit

from trickbag.run.engines.on_slurm.cluster import Jobs, Seen


class LocalCluster:
    """Jobs as submitit runs them without SLURM; nobody queues them again, so that the engine must."""

    def __init__(self, folder: Path) -> None:
        self._executor = submitit.LocalExecutor(folder)
        self._executor.update_parameters(timeout_min=10, stderr_to_stdout=True)
        self.jobs: dict[tuple[str, int], Any] = {}

    def submit(self, name: str, jobs: Sequence[Callable[[], None]]) -> None:
        for i, job in enumerate(self._executor.submit_array(list(jobs))):
            self.jobs[name, i] = job

    def look(self) -> Jobs:
        return {place: Seen(job.job_id, self._state(job)) for place, job in self.jobs.items()}

    def stop(self, numbers: Sequence[str]) -> None:
        self.signal(numbers, signal.SIGTERM)

    def cancel(self, numbers: Sequence[str]) -> None:
        self.signal(numbers, signal.SIGKILL)

    def signal(self, numbers: Sequence[str], signum: int) -> None:
        """As SLURM signals the tasks of a job: the processes under submitit's controller."""
        for number in numbers:
            for child in Path(f"/proc/{number}/task/{number}/children").read_text().split():
                os.kill(int(child), signum)

    def close(self) -> None:
        """Wait for the last processes to leave."""
        for job in self.jobs.values():
            job._process.wait()

    def _state(self, job: Any) -> str:
        if not job.done():
            return "RUNNING"
        return "COMPLETED" if job.paths.result_pickle.exists() and job.exception() is None else "FAILED"
