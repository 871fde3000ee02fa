"""What looks at a run from outside, and how the run ends."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trickbag.records.progress import EpochRow
from trickbag.train.bits import Bits
from trickbag.train.world import World


@dataclass(frozen=True)
class Outcome:
    """How a run ended; bits only where it reached its last step with a finite loss."""

    status: Literal["done", "diverged", "interrupted"]
    validation: Bits | None = None
    test: Bits | None = None


class Stopped(Exception):
    """The run ends here, to be continued; all its processes raise it at the same place."""


@dataclass
class Watch:
    """What looks at a run from outside: when to save, when to stop, whom to tell.

    `on_step` hears the steps done and what percentage of the epoch so far was spent waiting for images.
    Processes that train one run together name the same checkpoint, which rank 0 reads and writes; each
    may ask to stop, and is heard after every step and before every batch of an evaluation.
    """

    checkpoint: Path | None = None
    checkpoint_seconds: float = 60.0
    stop: Callable[[], bool] = lambda: False
    on_step: Callable[[int, float | None], None] = lambda step, waited: None
    on_epoch: Callable[[EpochRow], None] = lambda row: None
    on_saved: Callable[[], None] = lambda: None  # a checkpoint is on the disk
    other_devices: bool = False  # whether a checkpoint of another number of devices is continued

    def check(self, world: World) -> None:
        """Raises Stopped in all processes where one of them shall stop; all call it equally often."""
        if world.any_rank(self.stop())[0]:
            raise Stopped
