"""What was seen of the images so far, in a file that grows: looking at them can stop and go on at any time."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Stretch:
    """What was seen of the images `start` … of a part: their hashes uint64 [n], and what is wrong with which."""

    part: str
    start: int
    hashes: NDArray[np.uint64]
    wrong: dict[int, str]  # number of the image in its part -> what is wrong with it


@dataclass(eq=False)
class Seen:
    """What was seen of a part."""

    hashes: NDArray[np.uint64]  # [N]; 0 where something is wrong with the image
    looked: NDArray[np.bool_]  # [N]
    wrong: dict[int, str] = field(default_factory=dict)

    @classmethod
    def nothing(cls, count: int) -> "Seen":
        """Nothing seen yet of `count` images."""
        return cls(np.zeros(count, np.uint64), np.zeros(count, np.bool_))

    @property
    def sound(self) -> NDArray[np.bool_]:
        """[N]: which images have nothing wrong with them."""
        sound = self.looked.copy()
        sound[list(self.wrong)] = False
        return sound

    def note(self, stretch: Stretch) -> None:
        """Add what was seen of some images."""
        span = slice(stretch.start, stretch.start + len(stretch.hashes))
        self.hashes[span], self.looked[span] = stretch.hashes, True
        self.wrong |= stretch.wrong


class Ledger:
    """A file with a line of JSON per stretch. A line that is no such thing, as after a crash, counts for nothing."""

    def __init__(self, path: Path) -> None:
        """The ledger at `path`, which need not exist yet."""
        self.path = path

    def stretches(self) -> Iterator[Stretch]:
        """All that was noted, in order."""
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        for line in lines:
            try:
                plain = json.loads(line)
                hashes = np.frombuffer(bytes.fromhex(plain["hashes"]), ">u8").astype(np.uint64)
                wrong = {int(i): str(why) for i, why in plain["wrong"].items()}
                yield Stretch(str(plain["part"]), int(plain["start"]), hashes, wrong)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue

    def append(self, stretch: Stretch) -> None:
        """Note a stretch, in one write; two processes may do so at once."""
        hashes = stretch.hashes.astype(">u8").tobytes().hex()
        plain = {"part": stretch.part, "start": stretch.start, "hashes": hashes, "wrong": stretch.wrong}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:  # begun on a line of its own, since a crash may have cut the one before
            os.write(file, f"\n{json.dumps(plain)}\n".encode())
        finally:
            os.close(file)

    def forget(self) -> None:
        """Begin anew."""
        self.path.unlink(missing_ok=True)
