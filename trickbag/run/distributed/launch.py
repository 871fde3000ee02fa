"""Starts the processes of one run on this machine, one per device, through torch's own launcher."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Literal

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from trickbag.recipe import Machine
from trickbag.run.distributed.team import LAUNCH, LAUNCHER, RANKS_LOST, STOP, RanksLostError
from trickbag.run.engines.oom import OomWatch
from trickbag.run.scratch import scratch
from trickbag.run.signals import TIME_IS_UP

POLL_SECONDS = 0.2  # between two looks at whether to stop
OWN_SECONDS = 15  # after the first failure; torch kills what is left after 30


@dataclass(frozen=True)
class Launched:
    """How the processes of a run ended: the exit code for all, and what is left to be said about it."""

    code: int
    trouble: str = ""  # where none of the processes could speak
    status: Literal["died", "out_of_memory"] = "died"


def launch(
    words: Sequence[str],
    machine: Machine,
    stop: Callable[[], bool],
    look: Callable[[Path], None] = lambda _: None,
    lay_out: Callable[[Path], None] = lambda _: None,
) -> Launched:
    """Run `python -m WORDS` in `machine.devices` processes that train together, and wait for all of them.

    They write to this process's stdout and stderr. Once `stop` turns true they save their state and end with 130.
    `lay_out` is called first, with the folder that the processes share with us; `look` now and then, and once more at
    the end.
    """
    memory = OomWatch()
    with scratch() as folder, _environment(machine, folder):
        lay_out(folder)
        with _watching(folder, stop, look), _quiet(), _deaf_to_the_time():
            try:
                elastic_launch(_config(machine, folder), sys.executable)("-m", *words)
                codes = {0: 0}
            except ChildFailedError as error:
                codes = own_ends(error.failures)
        return judged(codes, machine.patience_seconds, memory.explains)


def own_ends(failures: Mapping[int, ProcessFailure]) -> dict[int, int]:
    """Exit codes of the processes that ended by themselves, the earliest first.

    Once one has failed torch asks the others to end, and kills those that do not: that is no death of their own.
    """
    first = min(failure.timestamp for failure in failures.values())
    own = [
        (f.timestamp, rank, f.exitcode) for rank, f in failures.items() if f.timestamp < first + OWN_SECONDS
    ]
    return {rank: code for _, rank, code in sorted(own)}


def judged(codes: Mapping[int, int], patience: float, full: Callable[[int], bool]) -> Launched:
    """One exit code from those of the processes that failed, the earliest first.

    A process that ends with 1 or 2 has said why. After an interruption, or once one has died, torch ends the others.
    `full` tells whether memory that was full explains an exit code.
    """
    ends = list(codes.values())
    spoken, died = [code for code in ends if code in (1, 2)], [code for code in ends if code < 0]
    died.sort(key=lambda code: code == -signal.SIGTERM)  # by which torch ends those that have only just begun
    if spoken:
        return Launched(spoken[0])
    if 130 in ends:
        return Launched(130)
    if died and full(died[0]):
        words = "the kernel killed a process of the run, since the machine's memory was full"
        return Launched(1, words, "out_of_memory")
    if RANKS_LOST in ends and set(died) <= {-signal.SIGTERM}:
        return Launched(1, str(RanksLostError(patience, "timed out")))
    if died:
        return Launched(1, f"a process of the run died (exit code {died[0]})")
    return Launched(max(ends, default=0))


def _config(machine: Machine, folder: Path) -> LaunchConfig:
    """As `torchrun --standalone` does it, without log files and without restarts."""
    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=machine.devices,
        run_id=folder.name,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(log_dir=os.devnull),
        signals_to_handle="",  # ours stay in place: they turn `stop` true
    )


@contextmanager
def _environment(machine: Machine, folder: Path) -> Iterator[None]:
    """What the processes inherit: few threads, the folder, who we are, and sockets on the loopback interface alone."""
    wanted = {
        LAUNCH: str(folder),
        LAUNCHER: str(os.getpid()),
        "OMP_NUM_THREADS": str(machine.threads),
        "MKL_NUM_THREADS": str(machine.threads),
    }
    if sys.platform.startswith("linux"):
        wanted["GLOO_SOCKET_IFNAME"] = "lo"
    before = {name: os.environ.get(name) for name in (*wanted, "TORCHELASTIC_SIGNALS_TO_HANDLE")}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for variable, value in before.items():
            os.environ.pop(variable, None) if value is None else os.environ.update({variable: value})


@contextmanager
def _watching(folder: Path, stop: Callable[[], bool], look: Callable[[Path], None]) -> Iterator[None]:
    """Meanwhile, hand on the wish to stop, as a file, and look at how it goes."""
    over = Event()

    def watch() -> None:
        while not over.wait(POLL_SECONDS):
            if stop():
                (folder / STOP).touch()
            look(folder)

    thread = Thread(target=watch, name="launch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    look(folder)


@contextmanager
def _deaf_to_the_time() -> Iterator[None]:
    """Processes started meanwhile do not hear SLURM's warning, which is sent to all of a job and would end them.

    They inherit that from this thread. We hear it in the thread that watches, and hand it on as the wish to stop.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TIME_IS_UP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the launcher's own words on processes that end: we say it in one line."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
