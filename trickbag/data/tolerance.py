"""Files that are no images, or damaged: counted against what a recipe tolerates, or only noted."""

from threading import Lock
from typing import NamedTuple, Protocol

from trickbag.errors import InputError


class Flaw(NamedTuple):
    """What is wrong with an image."""

    where: str
    why: str

    def error(self) -> InputError:
        """It as an error."""
        return InputError(f"{self.where}: {self.why}")


class Notes(Protocol):
    """Whoever hears of bad images."""

    def note(self, i: int, where: str, error: InputError) -> None:
        """Hear that image `i` of its part, which lies at `where`, is bad."""


class Tolerance:
    """Counts the bad files of a run, each once, and ends it where there are more than the recipe tolerates."""

    def __init__(self, limit: int) -> None:
        """Tolerate `limit` files."""
        self.limit, self.seen = limit, dict[str, str]()
        self._lock = Lock()

    def note(self, i: int, where: str, error: InputError) -> None:
        """Note a bad file; raises its error, or one that counts them, where there are too many."""
        with self._lock:
            self.seen[where] = str(error)
            if self.limit == 0:
                raise InputError(f"{error}; data.bad_files=1 shows such a file as a grey image instead")
            if len(self.seen) > self.limit:
                raise InputError(
                    f"{error}; it is bad file number {len(self.seen)}, and data.bad_files tolerates {self.limit}"
                )


class Flaws:
    """Notes what is wrong with the bad images of one part, and passes it on to the `judge` where there is one."""

    def __init__(self, judge: Notes | None = None) -> None:
        """Nothing noted yet."""
        self.found = dict[int, str]()  # number of the image -> why, without where
        self._judge = judge

    def note(self, i: int, where: str, error: InputError) -> None:
        """Note a bad image; raises what the judge raises."""
        self.found[i] = str(error).removeprefix(f"{where}: ")
        if self._judge:
            self._judge.note(i, where, error)
