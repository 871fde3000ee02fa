"""Several files at once, with one account of how far they are together."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from trickbag.data.fetch.download import Paced, download
from trickbag.data.progress import Progress, Tell

_AT_ONCE = 4  # files; one connection seldom gets all that a line can carry


class Wanted(NamedTuple):
    """A file to be downloaded."""

    url: str
    to: Path
    size: int  # bytes
    checksum: str | None
    headers: Mapping[str, str]


class _Stopped(Exception):
    """Another file has failed, or the person has stopped the work."""


def download_all(files: Sequence[Wanted], tell: Tell, what: str) -> None:
    """All the files; `tell` hears `what` with the bytes of all of them. The first failure stops the others."""
    account = _Account(tell, what, sum(file.size for file in files))
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for done in as_completed([pool.submit(account.download, file) for file in files]):
            done.result()
    finally:
        account.stopped = True
        pool.shutdown(cancel_futures=True)


@dataclass
class _Account:
    """How far the files are together."""

    tell: Tell
    what: str
    total: int
    stopped: bool = False
    done: dict[Path, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """`tell` at a pace that a person can see."""
        self.tell = Paced(self.tell)

    def download(self, file: Wanted) -> None:
        """One of the files."""

        def hear(progress: Progress) -> None:
            self._hear(file, progress)

        download(file.url, file.to, size=file.size, checksum=file.checksum, headers=file.headers, tell=hear)
        self._hear(file, Progress(self.what, file.size, file.size, "bytes"))

    def _hear(self, file: Wanted, progress: Progress) -> None:
        """Add what one download tells to the account."""
        if self.stopped:
            raise _Stopped
        with self.lock:
            self.done[file.to] = max(self.done.get(file.to, 0), progress.done)
            self.tell(Progress(self.what, sum(self.done.values()), self.total, "bytes"))
