"""The SLURM engine: every run a job, those that are ready together one array; jobs write the study's folder.

A job that is preempted, or whose time is up, saves the run and is queued again, by SLURM or by this engine. Jobs
outlive a driver that is killed; the next one knows them and takes them over.
"""

import math
import time
from pathlib import Path

from trickbag.errors import DiskError, InputError
from trickbag.records.run import RUN
from trickbag.run.engines.engine import Ended, Job
from trickbag.run.engines.on_slurm.cluster import ARRAY, NO_ANSWER, Cluster, Jobs, Seen, Slurm
from trickbag.run.engines.on_slurm.job import StudyJob
from trickbag.run.engines.on_slurm.notes import JobNotes, Place

POLL_SECONDS = 5.0  # between two questions to SLURM's controller, which serves others too
STOP_SECONDS = 10.0  # a job writes its checkpoint within a step; after this it is cancelled

# SLURM's words for jobs that are over (man squeue, JOB STATE CODES), and what they mean for a run without record
OVER = {
    "COMPLETED": "it left when it was told to",
    "PREEMPTED": "it gave way to another",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not start",
    "REVOKED": "its cluster gave it away",
    "FAILED": "it failed",
    "CANCELLED": "somebody cancelled it",
    "TIMEOUT": "it reached its time limit (machine.minutes) before it could save and be queued again",
    "DEADLINE": "it could not end before its deadline",
    "OUT_OF_MEMORY": "out of memory: its node gave it no more",
    "GONE": "SLURM no longer knows it",
}
DISK_ERROR = f"{DiskError.__module__}.{DiskError.__name__}: "  # as the last line of a traceback names it
BLAMELESS = {"COMPLETED", "PREEMPTED", "NODE_FAIL", "BOOT_FAIL", "REVOKED"}


class SlurmEngine:
    """Runs as jobs of a SLURM cluster."""

    def __init__(self, job: Job, cluster: Cluster | None = None, poll_seconds: float = POLL_SECONDS) -> None:
        """Jobs of an earlier driver are looked up; InputError where SLURM is not here or does not answer."""
        self._folder, self._machine = job.folder.resolve(), job.machine
        self._limit = job.machine.workers or max(1, len(job.plan.runs))
        self._notes = JobNotes(self._folder)
        self._cluster: Cluster = cluster or Slurm(self._notes.folder, job.machine)
        self._poll_seconds, self._looked = poll_seconds, -math.inf
        self._ready: list[str] = []  # given to us, not submitted yet
        self._running: dict[str, Place] = {}  # given to us and submitted
        self._trouble = False
        self._jobs: Jobs = {}
        if not self._look():
            raise InputError(NO_ANSWER)
        self._found = {run: place for place, run in self._notes.places().items() if self._is_alive(place)}

    def capacity(self) -> int:
        """How many jobs may be queued or running: machine.workers, or all."""
        return self._limit

    def free(self) -> int:
        """How many more runs can be submitted now."""
        return self._limit - len(self._running) - len(self._ready)

    def submit(self, run_id: str) -> None:
        """Take over the run's job, if an earlier driver left one; submit one with the next `wait` otherwise."""
        if run_id in self._found:
            self._running[run_id] = self._found.pop(run_id)
        else:
            self._ready.append(run_id)

    def wait(self, seconds: float) -> list[Ended]:
        """The runs that ended, or whose job did, within so many seconds."""
        self._submit_ready()
        ended = self._ended()
        if not ended:
            time.sleep(seconds)
            ended = self._ended()
        return ended

    def cancel(self) -> None:
        """Drop jobs that wait, let running ones save and leave; cancel those that do not within STOP_SECONDS."""
        self._ready.clear()
        self._running.clear()
        self._look()
        at_work = self._alive()
        unfinished = [
            self._jobs[place].number for place, run in at_work.items() if not self._is_recorded(run)
        ]
        self._cluster.stop(unfinished)
        deadline = time.monotonic() + STOP_SECONDS
        while self._alive() and time.monotonic() < deadline:
            time.sleep(min(0.5, self._poll_seconds))
            self._look()
        self._cluster.cancel([self._jobs[place].number for place in self._alive()])
        if not (unfinished or self._trouble):
            self._notes.remove()

    def _submit_ready(self) -> None:
        """Submit what was handed to us since the last time, as arrays."""
        while self._ready:
            runs = self._ready[:ARRAY]
            name = self._notes.add(runs)
            self._cluster.submit(name, [StudyJob(self._folder, run, self._machine) for run in runs])
            self._running |= {run: (name, i) for i, run in enumerate(runs)}
            self._ready = self._ready[ARRAY:]
            self._looked = -math.inf

    def _ended(self) -> list[Ended]:
        """Which of the runs submitted have ended."""
        if time.monotonic() - self._looked >= self._poll_seconds:
            self._look()
        found = [self._end_of(run, place) for run, place in self._running.items()]
        ended = [end for end in found if end is not None]
        for end in ended:
            del self._running[end.run_id]
        self._trouble |= any(end.trouble and not end.blameless for end in ended)
        return ended

    def _end_of(self, run: str, place: Place) -> Ended | None:
        """The end of a run, None before it. What is recorded has ended, though its job may still be leaving."""
        seen = self._jobs.get(place)
        if seen is None or seen.state == "PENDING":
            return None
        if self._is_recorded(run):
            return Ended(run)
        return self._death_of(run, seen) if seen.state in OVER else None

    def _death_of(self, run: str, seen: Seen) -> Ended:
        """What became of a job that left no record, and where to read more."""
        log = self._notes.log(seen.number)
        said = last_line(log)
        if said.startswith(DISK_ERROR):
            return Ended(run, said.removeprefix(DISK_ERROR), halts=True)
        where = f"its log, {log}, ends: {said or '(empty)'}"
        if not log.exists():
            where = f"no log at {log}: the folder must lie on a file system that the nodes share"
        return Ended(
            run,
            f"SLURM job {seen.number or '(number not known)'}: {OVER[seen.state]}; {where}",
            blameless=seen.state in BLAMELESS,
            status="out_of_memory" if seen.state == "OUT_OF_MEMORY" else "died",
        )

    def _look(self) -> bool:
        """Ask how the jobs stand, and forget those that are over; False where SLURM does not answer."""
        jobs = self._cluster.look()
        self._looked = time.monotonic()
        if jobs is None:
            return False
        gone = {place for place in self._running.values() if place not in jobs}
        numbers = {place: self._jobs[place].number if place in self._jobs else "" for place in gone}
        self._jobs = jobs | {place: Seen(number, "GONE") for place, number in numbers.items()}
        self._notes.keep(set(self._alive()))
        return True

    def _alive(self) -> dict[Place, str]:
        """The jobs of this study that wait or run, with the ids of their runs."""
        return {place: run for place, run in self._notes.places().items() if self._is_alive(place)}

    def _is_alive(self, place: Place) -> bool:
        """Whether a job waits or runs."""
        return place in self._jobs and self._jobs[place].state not in OVER

    def _is_recorded(self, run: str) -> bool:
        """Whether the run's record is there."""
        return (self._folder / "runs" / run / RUN).exists()


def last_line(log: Path) -> str:
    """The last thing that a job itself said; empty where there is no such file or line."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    said = [line.strip() for line in lines if line.strip() and not line.startswith(("submitit ", "srun: "))]
    return said[-1] if said else ""
