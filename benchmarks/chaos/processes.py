"""Processes as Linux shows them: who belongs to a command, who holds a lock, who stands still."""

import atexit
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROC = Path("/proc")
LIMIT, HANGS = 60.0, 1800.0  # seconds after which a process does not stand still, a command does not end


class Command:
    """`trickbag run DIR` in a session of its own, which its workers belong to."""

    def __init__(self, folder: Path, output: Path) -> None:
        """Start it; what it prints is appended to `output`."""
        self.folder = folder
        with output.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "trickbag", "run", str(folder)],
                stdout=file,
                stderr=file,
                cwd=ROOT,
                start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        atexit.register(self.process.kill)  # nothing goes on once we are interrupted

    def alive(self) -> bool:
        """Whether the driver is still there."""
        return self.process.poll() is None

    def wait(self, seconds: float) -> bool:
        """Let it work for so long; whether it is still there then."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def end(self) -> int:
        """Let it end by itself; its exit code. RuntimeError where it does not."""
        if self.wait(HANGS):
            raise RuntimeError(f"process {self.process.pid} has not ended within {HANGS:.0f} s")
        return self.process.returncode

    def workers(self) -> list[int]:
        """Ids of its worker processes."""
        return [pid for pid in self.processes() if "spawn_main" in _read(pid, "cmdline")]

    def processes(self) -> list[int]:
        """Ids of all processes of its session that are not dead, the driver among them."""
        session = self.process.pid
        found = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
        return [pid for pid in found if (stat := _stat(pid)) and int(stat[3]) == session and stat[0] != "Z"]


def _read(pid: int, name: str) -> str:
    """A file of a process; nothing where it has ended."""
    try:
        return (PROC / str(pid) / name).read_text()
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """State, parent, group, session and so on of a process, proc(5); nothing where it has ended."""
    return _read(pid, "stat").rpartition(")")[2].split()


def holder(lock: Path) -> int | None:
    """The process that holds a lock file, as /proc/locks has it."""
    try:
        inode = lock.stat().st_ino
    except OSError:
        return None
    rows = re.findall(r"FLOCK\s+ADVISORY\s+WRITE (\d+) \S+:(\d+) ", (PROC / "locks").read_text())
    return next((int(pid) for pid, node in rows if int(node) == inode), None)


def stop(pid: int) -> bool:
    """Make a process stand still, all its threads; whether it does."""
    try:
        os.kill(pid, signal.SIGSTOP)
        return until(lambda: all(state in "TtZ" for state in _states(pid)))
    except ProcessLookupError:
        return False


def _states(pid: int) -> list[str]:
    """The states of a process's threads."""
    rows = [path.read_text() for path in (PROC / str(pid) / "task").glob("*/stat")]
    return [row.rpartition(")")[2].split()[0] for row in rows]


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> bool:
    """Send a signal; whether there was anybody to send it to."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def until(condition: Callable[[], bool], limit: float = LIMIT, pause: float = 0.001) -> bool:
    """Wait for a condition; whether it came about in time."""
    ends = time.perf_counter() + limit
    while not condition():
        if time.perf_counter() > ends:
            return False
        time.sleep(pause)
    return True
