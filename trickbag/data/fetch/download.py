"""A file from the net, whole or not at all: resumed where it broke off, checked, and put in place in one step."""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

from trickbag.data.fetch.part import claim
from trickbag.data.fetch.transfer import Patience, Transfer
from trickbag.data.progress import Progress, Tell, silent
from trickbag.errors import InputError

_PER_SECOND = 10  # calls of `tell`, at most
_PATIENCE = Patience()
_PIECE = 2**20  # bytes


def download(
    url: str,
    to: Path,
    *,
    size: int | None = None,
    checksum: str | None = None,
    headers: Mapping[str, str] | None = None,
    tell: Tell = silent,
    patience: Patience = _PATIENCE,
) -> Path:
    """The file at `url` as `to`, which is there whole or not at all; nothing is asked for one that is there.

    `size` in bytes and `checksum` (as "md5:…" or "sha256:…", lower case) are what the file must have. Bytes
    so far lie in `to`.part, and the next call goes on from there, also after a kill. Of two processes the
    second waits for the first. `headers` (as Authorization) are sent to the host of `url` alone. Raises
    InputError, in one line, for all that another try will not mend.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    paced = Paced(tell)
    if _is_whole(to, size, checksum, paced):
        return to

    def waiting(done: int) -> None:
        paced(Progress(f"waiting for another process that downloads {to.name}", done, size, "bytes"))

    with claim(to, waiting) as part:
        if not _is_whole(to, size, checksum, paced):
            transfer = Transfer(url, part, size, checksum is not None, headers or {}, paced, patience)
            _receive_right_bytes(transfer, checksum)
            part.put()
    return to


def _receive_right_bytes(transfer: Transfer, checksum: str | None) -> None:
    """Fill the part; bytes with a wrong sum are deleted and received once more, from the start."""
    found = None
    for what in ("downloading", "the bytes were wrong: downloading again"):
        transfer.receive(what)
        found = checksum and _sum(transfer.part.path, checksum, transfer.tell)
        if found == checksum:
            return
        transfer.part.discard()
    raise InputError(
        f"{transfer.url}: has wrong bytes: their sum is {found}, expected is {checksum}; they were deleted"
    )


def _is_whole(path: Path, size: int | None, checksum: str | None, tell: Tell) -> bool:
    """Whether a finished file is there, with the right bytes."""
    if not path.is_file() or size not in (None, path.stat().st_size):
        return False
    return checksum is None or _sum(path, checksum, tell) == checksum


def _sum(path: Path, like: str, tell: Tell) -> str:
    """The checksum of a file, by the method of `like`."""
    method, total = like.partition(":")[0], path.stat().st_size
    digest = hashlib.new(method, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            tell(Progress(f"checking {path.name.removesuffix('.part')}", file.tell(), total, "bytes"))
    return f"{method}:{digest.hexdigest()}"


class Paced:
    """A `tell` that is not called more often than a person can see."""

    def __init__(self, tell: Tell) -> None:
        """`tell` hears the first and the last state of each work, and some between."""
        self._tell, self._last, self._what = tell, 0.0, ""

    def __call__(self, progress: Progress) -> None:
        """Pass it on, or not."""
        now = time.monotonic()
        due = now - self._last >= 1 / _PER_SECOND
        if due or progress.what != self._what or progress.done == progress.total:
            self._last, self._what = now, progress.what
            self._tell(progress)
