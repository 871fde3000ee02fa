"""What long work on data tells whoever watches."""

import sys
import time
from collections.abc import Callable
from typing import Literal, NamedTuple


class Progress(NamedTuple):
    """How far a piece of work is."""

    what: str  # as "downloading cifar-10-python.tar.gz"
    done: int
    total: int | None  # None where nobody knows
    unit: Literal["bytes", "images"]


Tell = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Tell nobody."""


class Patience:
    """Tells on stderr how far work is, a line every few seconds, once it has taken longer than that."""

    def __init__(self, every: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        """A line every `every` seconds of `clock`."""
        self._every, self._clock = every, clock
        self._begun = self._last = clock()
        self._what = ""

    def __call__(self, progress: Progress) -> None:
        """Print a line where one is due."""
        now = self._clock()
        if progress.what != self._what:
            self._what, self._begun, self._last = progress.what, now, now
        if now - self._last >= self._every:
            self._last = now
            print(f"trickbag: {self._line(progress, now - self._begun)}", file=sys.stderr, flush=True)

    def _line(self, progress: Progress, seconds: float) -> str:
        """What is done, of how much, and how long the rest takes at this rate."""
        if not progress.total or not progress.done:
            return f"{progress.what}: {progress.done:,} {progress.unit}"
        minutes, rest = divmod(round(seconds * (progress.total - progress.done) / progress.done), 60)
        done = f"{progress.what}: {progress.done:,} of {progress.total:,} {progress.unit}"
        return f"{done}, {minutes}:{rest:02d} to go"
