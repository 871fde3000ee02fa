"""Locks between processes. They end with their process, however it ends; some file systems know none."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter
from pathlib import Path

from trickbag.flock import take

_POLL = 0.2  # seconds between two looks at another process


@contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """A lock on a folder; whether it is ours, which it is not where there are no locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield take(handle) is True
    finally:
        os.close(handle)


@contextmanager
def alone(place: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """One process at a time for what is to be made at `place`; the others wait, and `waiting` is called meanwhile.

    Where there are no locks all work at once, which costs time and nothing else.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    path = place.with_name(f".{place.name}.lock")
    while True:
        with path.open("ab") as file:
            while take(file.fileno()) is False:
                waiting()
                time.sleep(_POLL)
            if not _is_at(file, path):  # who had it has finished, and removed it
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)  # as long as nobody else can have it
                with suppress(OSError):  # said, since a child that was forked meanwhile holds the file too
                    fcntl.flock(file, fcntl.LOCK_UN)
            return


def _is_at(file: BufferedWriter, path: Path) -> bool:
    """Whether the open file still has its name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
