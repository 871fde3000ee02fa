"""Advisory locks on folders: who works in one is known, and a dead process holds nothing.

On a file system shared by several hosts a lock may not reach the others, and on some there are none. There the
holder's note in it tells.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from trickbag.errors import InputError
from trickbag.flock import take
from trickbag.records.files import writing
from trickbag.run.holder import (
    Holder,
    heartbeat,
    is_fresh,
    is_noted,
    lives,
    open_file,
    read_note,
    settle,
    this_process,
)  # fmt: skip

LOCK = ".lock"
RANKS = ".lock.ranks"  # held by the first of the processes that train a run together, until it has ended
TRIES, PAUSE = 10, 0.1  # a look at a lock holds it for an instant


@contextmanager
def study_lock(folder: Path) -> Iterator[Callable[[], None]]:
    """Hold the folder of a study, or of a single run, alone; InputError where another process does, here or elsewhere.

    Yields what raises InputError once another host's process has taken over, as it may where this one was suspended
    for so long that it seemed dead. Raises DiskError where the disk refuses.
    """
    path, me = folder / LOCK, this_process()
    with writing(path):
        opened = open_file(path, os.O_RDWR | os.O_CREAT)
    with opened as file:
        taken = _taken(file.fileno())
        if taken is False or lives(path, anywhere=taken is None):
            raise _refusal(folder)
        _note(file, path, me)
        settle(path)  # another host may have written at this moment: the last one stands
        if is_noted(path, me) is False:
            raise _refusal(folder)
        try:
            with heartbeat(path, me) as lost:
                yield lambda: _check(lost.is_set(), folder)
        finally:
            with suppress(OSError):  # a disk that refuses is said by whoever had to keep something there
                if is_noted(path, me):
                    file.truncate(0)


def _note(file: TextIO, path: Path, me: Holder) -> None:
    """Leave a note in a lock."""
    with writing(path):
        file.truncate(0)
        file.write(me.model_dump_json() + "\n")
        file.flush()


def _refusal(folder: Path) -> InputError:
    """What is said where another process holds a folder."""
    by = read_note(folder / LOCK) or "another process"
    return InputError(f"{folder}: already being run by {by}; wait for it or stop it")


def _check(lost: bool, folder: Path) -> None:
    """InputError where another process has taken over."""
    if lost:
        by = read_note(folder / LOCK) or "another process"
        raise InputError(f"{folder}: taken over by {by}, since this process gave no sign of life")


@contextmanager
def run_lock(folder: Path, name: str = LOCK) -> Iterator[None]:
    """Hold a run's folder, after whoever holds it now has let go; all at once where there are no locks."""
    with writing(folder / name):
        file = open_file(folder / name, os.O_RDWR | os.O_CREAT)
    with file:
        take(file.fileno(), fcntl.LOCK_EX)
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
            return take(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB) is False
    except FileNotFoundError:
        return False


def holder_of(folder: Path) -> Holder | None:
    """Who holds a study's folder now; of a holder on another host, whether it gave a sign of life of late."""
    note = read_note(folder / LOCK)
    if note is None:
        return None
    return note if is_held(folder) or (note.elsewhere and is_fresh(folder / LOCK)) else None


def _taken(descriptor: int) -> bool | None:
    """Take a lock; False where another process keeps it, None where there are no locks."""
    for _ in range(TRIES):
        if (taken := take(descriptor)) is not False:
            return taken
        time.sleep(PAUSE)
    return False
