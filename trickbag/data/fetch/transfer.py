"""Receiving the bytes of a file over as many connections as it takes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from itertools import chain
from typing import NamedTuple

from trickbag.data.fetch.answer import OtherFile, OtherPiece, check_piece, length_of, refuse_page, validator
from trickbag.data.fetch.part import Note, Part, need_room
from trickbag.data.fetch.web import Again, Refused, Unreachable, ask, pieces
from trickbag.data.progress import Progress, Tell
from trickbag.errors import InputError

_LONGEST_PAUSE = 60.0  # seconds between two tries
_LONGEST_WAIT = 600.0  # seconds that a server may ask for
_SHORT = 0.2  # seconds


class Patience(NamedTuple):
    """How long a failing download is tried."""

    timeout: float = 30.0  # seconds without a byte after which a connection is given up
    tries: int = 6  # failures one after the other, without a new byte
    pause: float = 1.0  # seconds before the second try, twice as many before each further one
    least: int = 60_000  # bytes that must come in each `window`; a connection that brings fewer is given up
    window: float = 60.0  # seconds


class _Trickle(Again):
    """So few bytes come that it would never end."""


@dataclass
class Transfer:
    """The download of `url` into a part that this process has claimed.

    `size`: the bytes that it must have, where they are known; what `tell` raises stops it, and keeps the bytes.
    """

    url: str
    part: Part
    size: int | None
    checked: bool  # whether a checksum follows: bytes may then be joined without a mark of the file
    headers: Mapping[str, str]
    tell: Tell
    patience: Patience
    ranges: bool = True  # until the server turns out to answer them wrongly
    gained: bool = False  # whether any byte has come

    def receive(self, what: str) -> None:
        """Fill the part; `what` is what `tell` hears. Raises InputError where further tries are in vain."""
        note = self.part.note()
        if note is None or note.url != self.url or self.part.size > note.size:
            self.part.discard()
        best, failures = self.part.size, 0
        while not self._complete():
            try:
                self._try(what)
            except Again as again:
                anew = self.part.size > best and not isinstance(again, _Trickle)
                failures = 1 if anew else failures + 1
                if isinstance(again, OtherFile | OtherPiece):
                    self.part.discard()
                    self.ranges = self.ranges and not isinstance(again, OtherPiece)
                self._pause(again, failures)
            best = max(best, self.part.size)

    def _complete(self) -> bool:
        """Whether as many bytes are there as the file has."""
        note = self.part.note()
        return note is not None and self.part.size == note.size

    def _pause(self, again: Again, failures: int) -> None:
        """Wait a while, longer each time; InputError where waiting is in vain."""
        kept = f"; {self.part.size:,} bytes are kept, and the same command goes on" if self.part.size else ""
        if failures > self.patience.tries or (isinstance(again, Unreachable) and not self.gained):
            raise InputError(f"{self.url}: {again}{kept}") from None
        wait = min(self.patience.pause * 2 ** (failures - 1), _LONGEST_PAUSE)
        wait = max(wait, again.wait or 0)
        if wait > _LONGEST_WAIT:
            raise InputError(f"{self.url}: {again}, to be asked in {wait:.0f} seconds again{kept}") from None
        end = time.monotonic() + wait
        while (left := end - time.monotonic()) > 0:  # in short sleeps, so that `tell` can stop the work
            self._say(f"trying again soon ({again}): downloading", self.size)
            time.sleep(min(left, _SHORT))

    def _try(self, what: str) -> None:
        """Receive over one connection, from where the part ends if the server can do that."""
        have = self.part.size
        try:
            response = ask(self.url, {**self.headers, **self._range(have)}, self.patience.timeout)
        except Refused as refused:
            if refused.status == 416 and have:  # Range Not Satisfiable
                raise OtherFile("the file has become shorter on the server") from None
            raise
        with response:
            self._take(response, have, what)

    def _range(self, have: int) -> dict[str, str]:
        """The headers that ask for the rest of the very same file."""
        note = self.part.note()
        if not (have and note and self.ranges and (note.validator or self.checked)):
            return {}
        return {"Range": f"bytes={have}-", **({"If-Range": note.validator} if note.validator else {})}

    def _take(self, response: HTTPResponse, have: int, what: str) -> None:
        """Take the bytes of an answer: from the start of the file, or, with status 206, the rest of it."""
        refuse_page(self.url, response, b"")
        note = self.part.note() if response.status == 206 else None
        if response.status == 206:
            check_piece(response, have, note)
        total = length_of(self.url, response, self.size)
        start = have if note else 0
        stream = pieces(response, self.patience.timeout)
        first = next(stream, b"")
        if not note:
            refuse_page(self.url, response, first)
        need_room(self.part.path.parent, total - have)
        if not note:
            self.part.start(Note(self.url, validator(response), total))
        self._append(chain([first], stream), start, total, what)

    def _append(self, stream: chain[bytes], done: int, total: int, what: str) -> None:
        """Append the pieces; never more than the file has."""
        begun, before, patience = time.monotonic(), done, self.patience
        for piece in stream:
            done += len(piece)
            if done > total:
                self.part.discard()
                raise InputError(f"{self.url}: sends more than the {total:,} bytes of the file")
            self.part.append(piece)
            self.gained = self.gained or bool(piece)
            self._say(what, total)
            if done < total and time.monotonic() - begun >= patience.window:
                if done - before < patience.least:
                    raise _Trickle(f"only {done - before:,} bytes came in {patience.window:g} seconds")
                begun, before = time.monotonic(), done
        if done < total:
            raise Again(f"the connection ended at {done:,} of {total:,} bytes")

    def _say(self, what: str, total: int | None) -> None:
        """Tell how far it is."""
        self.tell(Progress(f"{what} {self.part.to.name}", self.part.size, total, "bytes"))
