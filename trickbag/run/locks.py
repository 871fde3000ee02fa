"""Advisory locks on folders: who works in one is known, and a dead process holds nothing."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trickbag.errors import InputError

LOCK = ".lock"


@contextmanager
def study_lock(folder: Path) -> Iterator[None]:
    """Hold a study's folder; InputError where another process does."""
    with (folder / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise InputError(f"{folder}: already being run by {holder}; wait for it or stop it") from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold a run's folder, after whoever holds it now has let go."""
    with (folder / LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_held(folder: Path) -> bool:
    """Whether some process works in the folder."""
    try:
        with (folder / LOCK).open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
