"""Who holds a study's folder, in a note beside its lock, which the holder touches as long as it lives."""

import errno
import os
import secrets
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Event, Thread
from typing import TextIO

from trickbag.errors import InputError
from trickbag.recipe.schema import Frozen
from trickbag.records.files import now

BEAT = 5.0  # seconds between two signs of life
SILENCE = 20.0  # seconds without one, after which a holder on another host is taken for dead
SETTLE = 0.3  # seconds after which a note that another host wrote at the same moment is there to be seen
NOTE = 4096  # characters of a note, at most
BOOT = Path("/proc/sys/kernel/random/boot_id")
_PAUSE = 0.1


class Holder(Frozen):
    """A process on a host, since when (ISO 8601, UTC).

    `boot` is of the host's running kernel, since containers on several hosts may have one name; `token` is of this
    note alone.
    """

    host: str
    process: int
    since: str
    boot: str = ""
    token: str = ""

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.since}"

    @property
    def elsewhere(self) -> bool:
        """Whether it is on another host."""
        return self.host != socket.gethostname() or self.boot not in ("", _boot())


def this_process() -> Holder:
    """This process, now."""
    token = secrets.token_hex(8)
    return Holder(host=socket.gethostname(), process=os.getpid(), since=now(), boot=_boot(), token=token)


@cache
def _boot() -> str:
    """The id of the running kernel; empty where it has none."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return ""


def read_note(path: Path) -> Holder | None:
    """The note in a file; None where there is none, or it cannot be read."""
    try:
        return Holder.model_validate_json(_first_line(path))
    except (OSError, ValueError):
        return None


def is_noted(path: Path, holder: Holder) -> bool | None:
    """Whether the note in a file is of this very holder; None where it cannot be read."""
    try:
        return _first_line(path).rstrip() == holder.model_dump_json()
    except (OSError, ValueError):
        return None


def _first_line(path: Path) -> str:
    """The line of a note; what follows is the rest of a longer one that was written over at the same moment."""
    with open_file(path, os.O_RDONLY) as file:
        return file.readline(NOTE)


def settle(path: Path) -> None:
    """Wait until a note of another host can be seen; on a disk of this one locks reach everybody."""
    if os.major(path.stat().st_dev) == 0:
        time.sleep(SETTLE)


def is_fresh(path: Path) -> bool:
    """Whether a note was touched of late, as far as the clocks of two hosts agree."""
    return time.time() - path.stat().st_mtime < SILENCE


def lives(path: Path, anywhere: bool = False) -> bool:
    """Whether the note is of another host (or of any) whose process gives a sign of life while we wait for one.

    No clocks are compared, since those of two hosts differ. A holder that ended in peace left no note.
    """
    note = read_note(path)
    if note is None or not (note.elsewhere or anywhere):
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
def heartbeat(path: Path, holder: Holder) -> Iterator[Event]:
    """Touch a holder's note again and again, until the end, or until it is another's: the event says so."""
    over, lost = Event(), Event()

    def beat() -> None:
        while not over.wait(BEAT):
            if is_noted(path, holder) is False:
                lost.set()
                return
            with suppress(OSError):  # a server that does not answer may do so again
                os.utime(path)

    thread = Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield lost
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
