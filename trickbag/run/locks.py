"""Advisory locks on folders: who works in one is known, and a dead process holds nothing."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from trickbag.errors import InputError

LOCK = ".lock"


@contextmanager
def study_lock(folder: Path) -> Iterator[None]:
    """Hold a study's folder; InputError where another process does."""
    with _open(folder, os.O_RDWR | os.O_CREAT) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read().strip() or "another process"
            raise InputError(f"{folder}: already being run by {holder}; wait for it or stop it") from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold a run's folder, after whoever holds it now has let go."""
    with _open(folder, os.O_RDWR | os.O_CREAT) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_held(folder: Path) -> bool:
    """Whether some process works in the folder."""
    try:
        with _open(folder, os.O_RDONLY) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _open(folder: Path, flags: int) -> TextIO:
    """The lock of a folder; InputError where something else lies in its place.

    Who made the folder may have put a link there, through which another file would be written to, or a pipe.
    """
    path = folder / LOCK
    try:
        number = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
        raise InputError(f"{path}: a regular file is expected; remove it") from None
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise InputError(f"{path}: a regular file is expected; remove it")
    return os.fdopen(number, "r+" if flags & os.O_RDWR else "r")
