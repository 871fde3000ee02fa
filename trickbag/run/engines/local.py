"""The local engine: persistent worker processes on this machine, one pipe each and no shared lock.

A worker that is killed can therefore never block the others; its run is reported as died.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Self

from trickbag.data.threads import available_cores
from trickbag.recipe import Machine
from trickbag.run.distributed.devices import check_devices, own_gpus
from trickbag.run.engines.engine import Ended, Job
from trickbag.run.engines.oom import OomWatch
from trickbag.run.engines.warm_workers import pool_sizes, start
from trickbag.run.worker import work

STOP_SECONDS = 10.0  # a worker writes its checkpoint within a step; after this it is killed


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    gpus: str  # its CUDA_VISIBLE_DEVICES; "" where that is left as it is
    run_id: str | None = None


class LocalEngine:
    """Runs side by side in worker processes that stay alive from run to run."""

    def __init__(
        self,
        workers: int,
        target: Callable[..., None],
        *args: Any,
        threads: int = 1,
        gpus: Sequence[str] = (),
    ) -> None:
        """`target(connection, *args)` receives run ids and answers each with `Ended`; it says so when it leaves.

        `gpus` are groups of GPUs, each as a CUDA_VISIBLE_DEVICES; every worker has one to itself while they last.
        """
        self._limit, self._target, self._args, self._threads = workers, target, args, threads
        self._gpus = gpus
        self._workers: list[_Worker] = []
        self._oom = OomWatch()

    @classmethod
    def of(cls, job: Job, workers: int) -> Self:
        """An engine for the runs of a plan, so many side by side; InputError where a run cannot have its devices."""
        machine = job.machine
        check_devices(machine)
        return cls(
            workers, work, job.folder, machine, os.getpid(), threads=machine.threads, gpus=own_gpus(machine)
        )

    def capacity(self) -> int:
        """How many runs can be side by side."""
        return self._limit

    def free(self) -> int:
        """How many more runs can be submitted now."""
        return self._limit - sum(worker.run_id is not None for worker in self._workers)

    def submit(self, run_id: str) -> None:
        """Hand a run to an idle worker, started where there is none."""
        idle = [worker for worker in self._workers if worker.run_id is None]
        worker = idle[0] if idle else self._start()
        worker.run_id = run_id
        try:
            worker.connection.send(run_id)
        except OSError:  # it died while idle
            self._workers.remove(worker)
            self.submit(run_id)

    def wait(self, seconds: float) -> list[Ended]:
        """The runs that ended, or whose worker died, within so many seconds."""
        ready = wait([item for w in self._workers for item in (w.connection, w.process.sentinel)], seconds)
        ended = []
        for worker in list(self._workers):
            if worker.connection in ready or worker.process.sentinel in ready:
                ended += self._hear(worker)
        return ended

    def cancel(self) -> None:
        """Ask every worker to save and leave; kill those that do not."""
        for worker in self._workers:
            if worker.process.is_alive() and worker.process.pid:
                os.kill(worker.process.pid, signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS  # of all together
        for worker in self._workers:
            _part_with(worker, end)
        self._workers.clear()

    def _hear(self, worker: _Worker) -> list[Ended]:
        """What a worker has to say; nothing more where it is dead."""
        try:
            ended: Ended = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join()
            self._workers.remove(worker)
            return [self._death(worker.run_id, worker.process.exitcode)] if worker.run_id else []
        given, worker.run_id = worker.run_id, None
        if ended.leaving:  # before it can be given another run, which would share its death
            self._workers.remove(worker)
            _part_with(worker, time.monotonic() + STOP_SECONDS)
        if given == ended.run_id:
            return [ended]
        return [Ended(given, "its worker was told to end", blameless=True)] if given else []

    def _death(self, run_id: str, exit_code: int | None) -> Ended:
        """A run whose worker died, and of what."""
        if self._oom.explains(exit_code):
            trouble = "the kernel killed its worker, since the machine's memory was full"
            return Ended(run_id, trouble, status="out_of_memory")
        return Ended(run_id, f"its worker died with exit code {exit_code}")

    def _start(self) -> _Worker:
        """A new worker process; its thread pools are sized and its GPUs chosen before it imports anything."""
        gpus = self._free_gpus()
        own = ({"CUDA_VISIBLE_DEVICES": gpus} if gpus else {}) | pool_sizes(self._threads)
        process, connection = start(self._target, self._args, own)
        worker = _Worker(process, connection, gpus)
        self._workers.append(worker)
        return worker

    def _free_gpus(self) -> str:
        """The group of GPUs that the fewest workers have."""
        taken = [worker.gpus for worker in self._workers]
        return min(self._gpus, key=taken.count, default="")


def _part_with(worker: _Worker, end: float) -> None:
    """Wait for a worker's process until the monotonic clock says `end`; kill it then."""
    worker.process.join(max(0.0, end - time.monotonic()))
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    worker.connection.close()


def workers(machine: Machine) -> int:
    """Runs side by side: as asked for, or one per `threads` cores or group of GPUs; one in all on a named GPU."""
    if machine.workers:
        return machine.workers
    if machine.device == "cpu":
        return max(1, available_cores() // (machine.threads * machine.devices))
    return max(1, len(own_gpus(machine)))
