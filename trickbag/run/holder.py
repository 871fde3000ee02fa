"""Who holds a study's folder, in a note beside its lock, which the holder touches as long as it lives."""

import errno
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TextIO

from trickbag.errors import InputError
from trickbag.recipe.schema import Frozen
from trickbag.records.files import now

BEAT = 5.0  # seconds between two signs of life
SILENCE = 20.0  # seconds without one, after which a holder on another host is taken for dead
NOTE = 4096  # characters of a note, at most
_PAUSE = 0.1


class Holder(Frozen):
    """A process on a host, since when (ISO 8601, UTC)."""

    host: str
    process: int
    since: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.since}"

    @property
    def elsewhere(self) -> bool:
        """Whether it is on another host."""
        return self.host != socket.gethostname()


def this_process() -> Holder:
    """This process, now."""
    return Holder(host=socket.gethostname(), process=os.getpid(), since=now())


def noted(path: Path) -> Holder | None:
    """The note in a file; None where there is none, or it cannot be read."""
    try:
        with open_file(path, os.O_RDONLY) as file:
            return Holder.model_validate_json(file.read(NOTE))
    except (OSError, ValueError):
        return None


def is_fresh(path: Path) -> bool:
    """Whether a note was touched of late, as far as the clocks of two hosts agree."""
    return time.time() - path.stat().st_mtime < SILENCE


def lives_elsewhere(path: Path) -> bool:
    """Whether the note is of another host whose process gives a sign of life while we wait for one.

    No clocks are compared, since those of two hosts differ. A holder that ended in peace left no note.
    """
    note = noted(path)
    if note is None or not note.elsewhere:
        return False
    before, end = _touched(path), time.monotonic() + SILENCE
    while time.monotonic() < end:
        time.sleep(_PAUSE)
        if _touched(path) != before:
            return True
    return False


def _touched(path: Path) -> int:
    """When a file was last touched; opening it makes a network file system ask its server."""
    with path.open() as file:
        return os.fstat(file.fileno()).st_mtime_ns


@contextmanager
def beating(path: Path) -> Iterator[None]:
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


def open_file(path: Path, flags: int) -> TextIO:
    """The file of a lock and its note; InputError where something else lies in its place.

    Who made the folder may have put a link there, through which another file would be written to, or a pipe.
    """
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
