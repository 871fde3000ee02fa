"""Who is hit, and where: each function hits one process of a command and says what it was at, or hits nobody."""

import random
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.chaos.processes import Command, holder, kill, stop
from trickbag.records.run import CHECKPOINT

Victim = Callable[[Command, random.Random], str | None]
PAUSE = 0.0005  # seconds; a checkpoint of these networks takes some milliseconds to write


def at_work(command: Command) -> dict[int, Path]:
    """The workers that hold a run's folder, and which."""
    locks = {holder(path): path.parent for path in command.folder.glob("runs/*/.lock")}
    return {pid: place for pid, place in locks.items() if pid in command.workers()}


def driver(command: Command, moments: random.Random) -> str | None:
    """Kill the driver."""
    busy = len(at_work(command))
    return _said(busy) if kill(command.process.pid) else None


def worker(command: Command, moments: random.Random) -> str | None:
    """Kill one of the workers, as soon as there is one."""
    while command.alive():
        if pids := command.workers():
            victim = moments.choice(pids)
            busy = victim in at_work(command)
            return _said(int(busy)) if kill(victim) else None
        time.sleep(0.01)
    return None


def checkpoint_writer(command: Command, moments: random.Random) -> str | None:
    """Kill a worker that has a checkpoint half written."""
    return _writer(command, lambda name: name.startswith(f".{CHECKPOINT}."))


def record_writer(command: Command, moments: random.Random) -> str | None:
    """Kill a worker that has bits, weights or the record of a finished run half written."""
    return _writer(command, lambda name: not name.startswith((f".{CHECKPOINT}.", ".started.")))


def told(number: signal.Signals, command: Command, moments: random.Random) -> str | None:
    """Tell a driver to stop, and wait until it has; nobody is hit where the study was just through."""
    while command.alive() and not at_work(command):
        time.sleep(0.01)
    busy, started = len(at_work(command)), time.perf_counter()
    if not command.alive() or not kill(command.process.pid, number):
        return None
    if command.end() == 0:
        return None
    return f"{_said(busy)}, ended after {time.perf_counter() - started:.1f} s"


def _said(busy: int) -> str:
    """How many runs were under way."""
    return "starting" if not busy else "at work"


def _writer(command: Command, wanted: Callable[[str], bool]) -> str | None:
    """Wait for a temporary file, make its writer stand still and, where the file is still there, kill it."""
    while command.alive():
        for path in command.folder.glob("runs/*/.*.*"):
            pid = holder(path.parent / ".lock") if wanted(path.name) else None
            if pid is None or pid not in command.workers():
                continue  # left by one who was killed
            written = _stopped_with(pid, path)
            if kill(pid, signal.SIGCONT if written is None else signal.SIGKILL) and written is not None:
                return written
        time.sleep(PAUSE)
    return None


def _stopped_with(pid: int, path: Path) -> str | None:
    """Make a process stand still: how much of the file it has written, or None where it was through with it."""
    try:
        if not stop(pid):
            return None
        size = path.stat().st_size
    except OSError:
        return None
    return "file still empty" if not size else "file partly or wholly written"


VICTIMS: dict[str, Victim] = {
    "driver": driver,
    "worker": worker,
    "checkpoint writer": checkpoint_writer,
    "record writer": record_writer,
    "driver, SIGTERM": partial(told, signal.SIGTERM),
    "driver, SIGINT": partial(told, signal.SIGINT),
}
