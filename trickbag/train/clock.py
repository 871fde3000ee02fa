"""The time of a run, with start-up, compilation and evaluation kept out of the training time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import torch

from trickbag.records.run import Timings


@dataclass
class Clock:
    """Counts training seconds between `start` and `pause`; building and the first step are start-up."""

    device: torch.device
    train_seconds: float = 0.0
    train_steps: int = 0
    startup_seconds: float = 0.0
    evaluate_seconds: float = 0.0
    wait_seconds: float = 0.0
    _mark: float = field(default=0.0, repr=False)
    _steps: int = field(default=0, repr=False)
    _cold: bool = field(default=True, repr=False)
    _lap: tuple[float, int] = field(default=(0.0, 0), repr=False)

    def now(self) -> float:
        """The time once the device has finished what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return perf_counter()

    def start(self) -> None:
        """Building begins, or training goes on from here."""
        if self._cold and self._mark:
            self.startup_seconds += self.now() - self._mark
        self._mark, self._steps = self.now(), 0

    def step(self) -> None:
        """A step has been issued; the first one of the process counts as start-up."""
        self._steps += 1
        if self._cold:
            self.startup_seconds += self.now() - self._mark
            self._cold = False
            self.start()

    def pause(self) -> None:
        """Training stops here for a while."""
        self.train_seconds += self.now() - self._mark
        self.train_steps += self._steps

    def lap_rate(self, batch_size: int) -> float | None:
        """Images per second since the last call; None where all steps were start-up."""
        seconds, steps = self.train_seconds - self._lap[0], self.train_steps - self._lap[1]
        self._lap = (self.train_seconds, self.train_steps)
        return steps * batch_size / seconds if steps else None

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Time an evaluation."""
        started = self.now()
        yield
        self.evaluate_seconds += self.now() - started

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Time what training waits for its images; the first step of the process, all start-up, is left out."""
        started = perf_counter()
        yield
        if not self._cold:
            self.wait_seconds += perf_counter() - started

    def timings(self) -> Timings:
        """The record of the times so far."""
        return Timings(
            train_seconds=self.train_seconds,
            train_steps=self.train_steps,
            startup_seconds=self.startup_seconds,
            evaluate_seconds=self.evaluate_seconds,
            wait_seconds=self.wait_seconds,
        )

    def resume(self, timings: Timings) -> None:
        """Go on from the times of a checkpoint."""
        for name, value in timings.model_dump().items():
            setattr(self, name, value)
        self._lap = (self.train_seconds, self.train_steps)
