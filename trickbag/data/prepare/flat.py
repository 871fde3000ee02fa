"""One part of an encoded data set, copied into a flat file; a copy that was ended at any moment goes on.

Beside `part.bin` lies a journal, `part.facts`: a record for each image that is wholly in the file and on the
disk. Whatever stands behind the last of them is cut off when the copy goes on.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from time import monotonic
from typing import IO, TypeVar

import numpy as np
from numpy.typing import NDArray

from trickbag.data.decoding.header import header
from trickbag.data.encoded import Encoded
from trickbag.data.progress import Progress, Tell
from trickbag.data.threads import available_cores
from trickbag.errors import InputError

FACTS = np.dtype([("end", "<i8"), ("size", "<i4", 2), ("orientation", "u1"), ("sha256", "u1", 32)])
Facts = NDArray[np.void]
Convert = Callable[[bytes, str], bytes]  # (encoded image, where it lies) -> the bytes to store
Fact = tuple[tuple[int, int], int, bytes]  # height and width, orientation, digest

CHUNK_BYTES = 2**26  # what is waited for to be on the disk, at a time
_AHEAD = 8  # images for each thread that are read before they are written
_TELL_SECONDS = 0.1
A = TypeVar("A")
B = TypeVar("B")


def copy_part(images: Encoded, folder: Path, part: str, convert: Convert | None, tell: Tell) -> Facts:
    """Copy the images of a part to `part.bin`, in order, and return a record for each.

    Continues behind what an earlier copy of the same images left there. Raises InputError where an image cannot
    be read; what could not be decoded is copied as it is.
    """
    binary, journal = folder / f"{part}.bin", folder / f"{part}.facts"
    kept = copied(binary, journal)
    what = f"{'copying' if convert is None else 're-encoding'} {part} images"
    told = 0.0
    with _opened(binary, _length(kept)) as data, _opened(journal, kept.nbytes) as notes:
        writer = _Writer(data, notes, _length(kept))
        work = in_order(partial(_take, images, convert), range(len(kept), len(images)))
        try:
            with closing(work):
                for done, (content, fact) in enumerate(work, len(kept) + 1):
                    writer.write(content, fact)
                    if monotonic() - told > _TELL_SECONDS or done == len(images):
                        tell(Progress(what, done, len(images), "images"))
                        told = monotonic()
        finally:
            writer.flush()
    return np.fromfile(journal, FACTS)


def copied(binary: Path, journal: Path) -> Facts:
    """The records of the images that an earlier copy has left whole; after a power failure fewer than were noted."""
    if not (binary.exists() and journal.exists()):
        return np.empty(0, FACTS)
    facts = np.fromfile(journal, FACTS)
    ends = facts["end"]
    sound = (np.diff(ends, prepend=0) >= 0) & (ends <= binary.stat().st_size)
    count = len(facts) if sound.all() else int(sound.argmin())
    while count and not _matches(binary, facts, count - 1):
        count -= 1
    return facts[:count]


def _matches(binary: Path, facts: Facts, i: int) -> bool:
    """Whether the bytes of image `i` have the digest that was noted."""
    start = int(facts["end"][i - 1]) if i else 0
    with binary.open("rb") as file:
        file.seek(start)
        digest = hashlib.sha256(file.read(int(facts["end"][i]) - start)).digest()
    noted: bytes = facts["sha256"][i].tobytes()
    return digest == noted


def _length(facts: Facts) -> int:
    """The bytes that some images take."""
    return int(facts["end"][-1]) if len(facts) else 0


def _opened(path: Path, length: int) -> IO[bytes]:
    """A file, cut to `length` bytes, to write on behind them."""
    file = path.open("ab")
    file.truncate(length)
    return file


def _take(images: Encoded, convert: Convert | None, i: int) -> tuple[bytes, Fact]:
    """What is stored of image `i`, and what is noted of it; runs in a thread."""
    where = images.where(i)
    try:
        data = images.read(i)
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror or error}") from error
    if convert:
        data = convert(data, where)
    return data, (*header(data), hashlib.sha256(data).digest())


class _Writer:
    """Writes images, and notes them once they are on the disk."""

    def __init__(self, data: IO[bytes], notes: IO[bytes], end: int) -> None:
        """Write on behind `end` bytes."""
        self._data, self._notes, self._end = data, notes, end
        self._noted, self._pending = end, list[tuple[int, tuple[int, int], int, NDArray[np.uint8]]]()

    def write(self, content: bytes, fact: Fact) -> None:
        """Write an image."""
        size, orientation, digest = fact
        self._data.write(content)
        self._end += len(content)
        self._pending.append((self._end, size, orientation, np.frombuffer(digest, np.uint8)))
        if self._end - self._noted >= CHUNK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Wait until the images are on the disk, then note them."""
        _to_disk(self._data)
        self._notes.write(np.array(self._pending, FACTS).tobytes())
        _to_disk(self._notes)
        self._noted = self._end
        self._pending.clear()


def _to_disk(file: IO[bytes]) -> None:
    """Wait until all that was written is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def in_order(work: Callable[[A], B], items: Iterable[A]) -> Generator[B]:
    """The results of `work`, done by threads, in the order of the items, a bounded number ahead."""
    threads = available_cores()
    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > _AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
