"""A run's side of the mailbox: it sends what is new in its folder, and hears when to stop."""

import time
from pathlib import Path
from typing import Any

from trickbag.records.progress import PROGRESS, STARTED
from trickbag.records.run import CHECKPOINT

UNDER_WAY = (STARTED, PROGRESS, CHECKPOINT)  # the files of a run that has not ended
_ASK_SECONDS = 0.1  # between two looks whether to stop


class Stop:
    """Turns true once the driver says so, or cannot be reached any more."""

    def __init__(self, ray: Any, mailbox: Any) -> None:
        """Ask the mailbox, and go on asking."""
        self._ray, self._mailbox = ray, mailbox
        self._question, self._looked, self._told = mailbox.stopped.remote(), 0.0, False

    def __call__(self) -> bool:
        """Whether to stop; costs next to nothing."""
        if not self._told and time.monotonic() > self._looked + _ASK_SECONDS:
            self._looked = time.monotonic()
            if self._ray.wait([self._question], timeout=0)[0]:
                self._told = self._answer()
                self._question = self._mailbox.stopped.remote()
        return self._told

    def _answer(self) -> bool:
        """What the mailbox answered."""
        try:
            return bool(self._ray.get(self._question))
        except self._ray.exceptions.RayError:
            return True


class Uploader:
    """Sends what is new in a run's folder to the driver, one upload at a time."""

    def __init__(self, ray: Any, mailbox: Any, place: Path) -> None:
        """Send files of the folder `place`."""
        self._ray, self._mailbox, self._place = ray, mailbox, place
        self._known = dict[str, int]()  # file -> time of change, in nanoseconds, when it was sent
        self._upload: Any = None

    def __call__(self) -> None:
        """Send the files that are new or changed, once the upload before has arrived."""
        files = {name: (self._place / name).read_bytes() for name in self._changed()}
        try:
            if self._upload is not None:
                self._ray.get(self._upload)
            self._upload = self._mailbox.leave.remote(self._place.name, files)
        except self._ray.exceptions.RayError:  # the driver is gone, of which `Stop` hears as well
            self._upload = None

    def _changed(self) -> list[str]:
        """The names of the files that are new or changed."""
        times = {
            name: (self._place / name).stat().st_mtime_ns
            for name in UNDER_WAY
            if (self._place / name).exists()
        }
        changed = [name for name, when in times.items() if self._known.get(name) != when]
        self._known = times
        return changed
