"""The unfinished file of a download beside its target, with what must be known to continue it."""

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from trickbag.errors import InputError

_GIB = 2**30
_LOCKLESS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}  # some clusters' file systems know no locks
_POLL = 0.2  # seconds between two looks at another process


class Note(NamedTuple):
    """Where the bytes so far come from."""

    url: str
    validator: str | None  # the ETag or date that must be the same for the rest
    size: int  # bytes of the whole file


class Part:
    """The bytes so far; held by one process at a time (see `claim`)."""

    def __init__(self, to: Path, file: FileIO) -> None:
        """`file`: the part, locked, open to append."""
        self.to, self.path, self._file = to, part_path(to), file
        self._note = to.with_name(f"{to.name}.part.json")

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return os.fstat(self._file.fileno()).st_size

    def note(self) -> Note | None:
        """What is known of the bytes so far; None where nothing is."""
        try:
            note = Note(**json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        whole = isinstance(note.size, int) and isinstance(note.validator, str | None)
        return note if whole else None

    def start(self, note: Note) -> None:
        """Begin with no bytes. The old ones go first: a note never speaks of bytes that are not its own."""
        self.discard()
        fresh = self._note.with_name(f"{self._note.name}.new")
        fresh.write_text(json.dumps(note._asdict()), encoding="utf-8")
        fresh.replace(self._note)

    def append(self, piece: bytes) -> None:
        """Add bytes, so that a process that is killed has lost none; InputError where the disk is full."""
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise InputError(
                f"{self.path}: the disk is full; make room, and the same command goes on"
            ) from None

    def discard(self) -> None:
        """Forget the bytes so far."""
        self._file.truncate(0)
        self._note.unlink(missing_ok=True)

    def put(self) -> None:
        """Make the finished file of it, in one step."""
        os.fsync(self._file.fileno())
        self.path.replace(self.to)
        self._note.unlink(missing_ok=True)
        folder = os.open(self.to.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def part_path(to: Path) -> Path:
    """Where the bytes of an unfinished `to` lie."""
    return to.with_name(f"{to.name}.part")


@contextmanager
def claim(to: Path, waiting: Callable[[int], None]) -> Iterator[Part]:
    """The part of `to`, for this process alone; while another one has it, `waiting` hears its bytes so far."""
    while True:
        with part_path(to).open("ab", buffering=0) as file, _locked(file, waiting):
            if not _is_at(file, part_path(to)):  # the other one has finished, or given up
                continue
            part = Part(to, file)
            try:
                yield part
            finally:
                if part_path(to).exists() and part.size == 0:
                    part.discard()
                    part_path(to).unlink()
            return


@contextmanager
def _locked(file: FileIO, waiting: Callable[[int], None]) -> Iterator[None]:
    """The file for this process alone; a lock ends with its process, however that ends."""
    _lock(file, waiting)
    try:
        yield
    finally:  # said, since a child that was forked meanwhile holds the open file too
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)


def _lock(file: FileIO, waiting: Callable[[int], None]) -> None:
    """Wait until no other process has the file."""
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting(os.fstat(file.fileno()).st_size)
            time.sleep(_POLL)
        except OSError as error:
            if error.errno not in _LOCKLESS:
                raise
            return  # two at once then cost time, and the checksum still decides


def _is_at(file: FileIO, path: Path) -> bool:
    """Whether the open file still has its name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def need_room(folder: Path, needed: int) -> None:
    """InputError unless the disk of `folder` has `needed` bytes free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{folder}: {needed / _GIB:.2f} GiB are needed, and {free / _GIB:.2f} GiB are free; make room "
            "or choose another disk"
        )
