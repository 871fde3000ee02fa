"""Whether this process was told to end: a signal is noted, so that the step under way is finished first."""

import os
import signal
from types import FrameType

TIME_IS_UP = frozenset(
    {signal.SIGUSR1, signal.SIGUSR2}
)  # SLURM's warning before a time limit: sbatch --signal


class StopRequest:
    """Turns true once one of some signals has arrived, or the process that this one works for is gone."""

    def __init__(self, *signals: int, parent: int | None = None) -> None:
        """Listen to `signals`, in place of who did before; with `parent`, look whether our parent is still it."""
        self.received = set[int]()
        self._parent = parent
        for number in signals:
            signal.signal(number, self._note)

    def __call__(self) -> bool:
        """Whether to stop."""
        return bool(self.received) or (self._parent is not None and os.getppid() != self._parent)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.received.add(signum)
