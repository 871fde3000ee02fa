"""Advisory locks on folders: who works in one is known, and a dead process holds nothing.

On a file system shared by several hosts a lock may not reach the others. There the note beside it tells: its holder
touches it as long as it lives.
"""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from pydantic import ValidationError

from trickbag.errors import InputError
from trickbag.recipe.schema import Frozen
from trickbag.records.files import now, writing

LOCK = ".lock"
BEAT = 5.0  # seconds between two signs of life
SILENCE = 20.0  # seconds without one, after which a holder on another host is taken for dead
TRIES, PAUSE = 10, 0.1  # a look at a lock holds it for an instant


class Holder(Frozen):
    """Who holds a study's folder: a process on a host, since when (ISO 8601, UTC)."""

    host: str
    process: int
    since: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.since}"


@contextmanager
def study_lock(folder: Path) -> Iterator[None]:
    """Hold a study's folder; InputError where another process does, on this host or another."""
    path = folder / LOCK
    with path.open("a+") as file:
        if not _taken(file.fileno()) or _lives_elsewhere(path):
            holder = _read(path) or "another process"
            raise InputError(f"{folder}: already being run by {holder}; wait for it or stop it")
        with writing(path):
            file.truncate(0)
            file.write(_here().model_dump_json())
            file.flush()
        try:
            with _beating(path):
                yield
        finally:
            with suppress(OSError):  # a disk that refuses is said by whoever had to keep something there
                file.truncate(0)


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold a run's folder, after whoever holds it now has let go."""
    with writing(folder / LOCK):
        file = (folder / LOCK).open("a")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_held(folder: Path) -> bool:
    """Whether some process works in the folder, as far as locks reach."""
    try:
        with (folder / LOCK).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def holder_of(folder: Path) -> Holder | None:
    """Who holds a study's folder now; of a holder on another host, whether it gave a sign of life of late."""
    note = _read(folder / LOCK)
    if note is None:
        return None
    fresh = time.time() - (folder / LOCK).stat().st_mtime < SILENCE
    return note if is_held(folder) or (fresh and note.host != socket.gethostname()) else None


def _taken(descriptor: int) -> bool:
    """Take a lock; False where another process keeps it."""
    for _ in range(TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(PAUSE)
    return False


def _here() -> Holder:
    """This process, now."""
    return Holder(host=socket.gethostname(), process=os.getpid(), since=now())


def _read(path: Path) -> Holder | None:
    """The note beside a lock; None where there is none, or it cannot be read."""
    try:
        return Holder.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _lives_elsewhere(path: Path) -> bool:
    """Whether the note is of another host whose process gives a sign of life while we wait for one.

    No clocks are compared, since those of two hosts differ. A holder that ended in peace left no note.
    """
    note = _read(path)
    if note is None or note.host == socket.gethostname():
        return False
    before, end = _touched(path), time.monotonic() + SILENCE
    while time.monotonic() < end:
        time.sleep(PAUSE)
        if _touched(path) != before:
            return True
    return False


def _touched(path: Path) -> int:
    """When a file was last touched; opening it makes a network file system ask its server."""
    with path.open() as file:
        return os.fstat(file.fileno()).st_mtime_ns


@contextmanager
def _beating(path: Path) -> Iterator[None]:
    """Touch a file again and again, until the end."""
    over = Event()

    def beat() -> None:
        while not over.wait(BEAT):
            try:
                os.utime(path)
            except OSError:  # whoever writes there next says so
                return

    thread = Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
