"""The local engine: persistent worker processes on this machine, one pipe each and no shared lock.

A worker that is killed can therefore never block the others; its run is reported as died.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.resource_tracker import ensure_running
from typing import Any, Self

from trickbag.data.threads import available_cores
from trickbag.recipe import Machine
from trickbag.run.engines.engine import Ended, Job
from trickbag.run.engines.oom import OomWatch
from trickbag.run.worker import work

STOP_SECONDS = 10.0  # a worker writes its checkpoint within a step; after this it is killed


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    run_id: str | None = None


class LocalEngine:
    """Runs side by side in worker processes that stay alive from run to run."""

    def __init__(self, workers: int, target: Callable[..., None], *args: Any, threads: int = 1) -> None:
        """`target(connection, *args)` receives run ids and answers each with `Ended`."""
        self._limit, self._target, self._args, self._threads = workers, target, args, threads
        self._workers: list[_Worker] = []
        self._oom = OomWatch()

    @classmethod
    def of(cls, job: Job, workers: int) -> Self:
        """An engine for the runs of a plan, so many side by side."""
        return cls(workers, work, job.folder, job.machine, os.getpid(), threads=job.machine.threads)

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
            worker.process.join(max(0.0, end - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.connection.close()
        self._workers.clear()

    def _hear(self, worker: _Worker) -> list[Ended]:
        """What a worker has to say; nothing more where it is dead."""
        try:
            ended: Ended = worker.connection.recv()
            worker.run_id = None
            return [ended]
        except (EOFError, OSError):
            worker.process.join()
            self._workers.remove(worker)
            return [self._death(worker.run_id, worker.process.exitcode)] if worker.run_id else []

    def _death(self, run_id: str, exit_code: int | None) -> Ended:
        """A run whose worker died, and of what."""
        if self._oom.explains(exit_code):
            trouble = "the kernel killed its worker, since the machine's memory was full"
            return Ended(run_id, trouble, status="out_of_memory")
        return Ended(run_id, f"its worker died with exit code {exit_code}")

    def _start(self) -> _Worker:
        """A new worker process; its thread pools are sized before it imports anything."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(dict.fromkeys(names, str(self._threads)))
        ensure_running()  # or it would unblock the signal again
        unblocked = signal.pthread_sigmask(
            signal.SIG_BLOCK, [signal.SIGINT]
        )  # Ctrl-C is ours, theirs from the start
        try:
            process = context.Process(target=self._target, args=(theirs, *self._args), daemon=True)
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker


def workers(machine: Machine) -> int:
    """Runs side by side: as asked for, or one per `threads` cores (one in all on a GPU)."""
    if machine.workers:
        return machine.workers
    return max(1, available_cores() // machine.threads) if machine.device == "cpu" else 1
