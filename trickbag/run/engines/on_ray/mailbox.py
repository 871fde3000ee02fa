"""What passes between runs under way and their driver: an actor on the driver's node, which imports nothing heavy."""

import asyncio
from collections import defaultdict
from contextlib import suppress

_PATIENCE = 20.0  # seconds that a question stays open, or those of runs that have ended would pile up


class Mailbox:
    """Keeps the newest files of each run until the driver takes them, and tells runs when to stop."""

    def __init__(self) -> None:
        """Empty, and nobody told to stop."""
        self._files: dict[str, dict[str, bytes]] = defaultdict(dict)
        self._stop = asyncio.Event()

    async def leave(self, run_id: str, files: dict[str, bytes]) -> None:
        """Leave files of a run, by name, for the driver; of each name only the newest is kept."""
        self._files[run_id].update(files)

    async def take(self) -> dict[str, dict[str, bytes]]:
        """The files that arrived since the last call, by run and name."""
        files, self._files = self._files, defaultdict(dict)
        return files

    async def stop(self) -> None:
        """Tell all runs to save their state and stop."""
        self._stop.set()

    async def stopped(self) -> bool:
        """Whether the runs are to stop: true as soon as they are, false after a while, to be asked again."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), _PATIENCE)
        return self._stop.is_set()
