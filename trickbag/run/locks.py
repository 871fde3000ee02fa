"""Advisory locks on folders: who works in one is known, and a dead process holds nothing.

On a file system shared by several hosts a lock may not reach the others. There the holder's note in it tells.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trickbag.errors import InputError
from trickbag.records.files import writing
from trickbag.run.holder import Holder, beating, is_fresh, lives_elsewhere, noted, open_file, this_process

LOCK = ".lock"
RANKS = ".lock.ranks"  # held by the first of the processes that train a run together, until it has ended
TRIES, PAUSE = 10, 0.1  # a look at a lock holds it for an instant


@contextmanager
def study_lock(folder: Path) -> Iterator[None]:
    """Hold a study's folder; InputError where another process does, on this host or another."""
    path = folder / LOCK
    with open_file(folder / LOCK, os.O_RDWR | os.O_CREAT) as file:
        if not _taken(file.fileno()) or lives_elsewhere(path):
            holder = noted(path) or "another process"
            raise InputError(f"{folder}: already being run by {holder}; wait for it or stop it")
        with writing(path):
            file.truncate(0)
            file.write(this_process().model_dump_json())
            file.flush()
        try:
            with beating(path):
                yield
        finally:
            with suppress(OSError):  # a disk that refuses is said by whoever had to keep something there
                file.truncate(0)


@contextmanager
def run_lock(folder: Path, name: str = LOCK) -> Iterator[None]:
    """Hold a run's folder, after whoever holds it now has let go."""
    with writing(folder / name):
        file = open_file(folder / name, os.O_RDWR | os.O_CREAT)
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def await_ranks(folder: Path) -> None:
    """Wait for processes that still train in a run's folder, though whoever launched them was killed."""
    if (folder / RANKS).exists():
        with run_lock(folder, RANKS):
            return


def is_held(folder: Path) -> bool:
    """Whether some process works in the folder, as far as locks reach."""
    try:
        with open_file(folder / LOCK, os.O_RDONLY) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def holder_of(folder: Path) -> Holder | None:
    """Who holds a study's folder now; of a holder on another host, whether it gave a sign of life of late."""
    note = noted(folder / LOCK)
    if note is None:
        return None
    return note if is_held(folder) or (note.elsewhere and is_fresh(folder / LOCK)) else None


def _taken(descriptor: int) -> bool:
    """Take a lock; False where another process keeps it."""
    for _ in range(TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(PAUSE)
    return False
