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
    _training: bool = field(default=False, repr=False)
    _lap: tuple[float, int, float] = field(default=(0.0, 0, 0.0), repr=False)
    _idle: list[tuple[torch.cuda.Event, torch.cuda.Event]] = field(default_factory=list, repr=False)

    def now(self) -> float:
        """The time once the device has finished what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return perf_counter()

    def start(self) -> None:
        """Building begins, or training goes on from here."""
        if self._cold and self._mark:
            self.startup_seconds += self.now() - self._mark
        self._mark, self._steps, self._training = self.now(), 0, True

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
        self._training = False
        self._count_idle()

    def lap(self, batch_size: int) -> tuple[float | None, float | None]:
        """Images per second since the last call, and the percentage of the time that was spent waiting for them.

        None where all steps were start-up. Called while training pauses.
        """
        seconds, steps = self.train_seconds - self._lap[0], self.train_steps - self._lap[1]
        waited = self.wait_seconds - self._lap[2]
        self._new_lap()
        return (steps * batch_size / seconds, 100 * waited / seconds) if steps else (None, None)

    def waited(self) -> float | None:
        """The percentage of the epoch under way that was spent waiting for images; None as long as it starts up."""
        self._count_idle()
        seconds = self.train_seconds - self._lap[0] + perf_counter() - self._mark
        if self._cold or seconds <= 0:
            return None
        return 100 * (self.wait_seconds - self._lap[2]) / seconds

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Time an evaluation; it is no part of the start-up of a process that begins with one."""
        started = self.now()
        yield
        seconds = self.now() - started
        self.evaluate_seconds += seconds
        self._mark += seconds

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Time what training waits for its images; the first step of the process, all start-up, is left out.

        On a CUDA device, which works while the program waits, it is the time for which the device has nothing to do.
        """
        counts = self._training and not self._cold
        started = self._moment() if counts else None
        yield
        if isinstance(started, float):
            self.wait_seconds += perf_counter() - started
        elif started:
            self._idle.append((started, self._moment()))  # type: ignore[arg-type]

    def _moment(self) -> "float | torch.cuda.Event":
        """Now, in the time of this process or of the CUDA device."""
        if self.device.type != "cuda":
            return perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self.device))
        return event

    def _count_idle(self) -> None:
        """Count the stretches of waiting that the CUDA device has behind it."""
        while self._idle and self._idle[0][1].query():  # type: ignore[no-untyped-call]
            started, ended = self._idle.pop(0)
            self.wait_seconds += started.elapsed_time(ended) / 1000

    def _new_lap(self) -> None:
        """A new epoch begins."""
        self._lap = (self.train_seconds, self.train_steps, self.wait_seconds)

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
        self._new_lap()
