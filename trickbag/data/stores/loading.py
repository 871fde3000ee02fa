"""Batches of images made by threads of this process: several ahead of whoever takes them, and in order."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trickbag.data.threads import available_cores

AHEAD = 2  # batches, at least
BLOCK = 8  # images that a thread takes at a time
_NAME = "trickbag-loader"

Write = Callable[[int, NDArray[np.uint8]], None]


@dataclass(frozen=True, eq=False)
class Job:
    """A batch to be made: the ids of its images, and what writes number `j` of them into uint8 [H, W, 3]."""

    ids: Tensor
    write: Write


def loaded(
    jobs: Iterable[Job], size: tuple[int, int], *, threads: int | None, device: torch.device
) -> Generator[tuple[Tensor, Job]]:
    """For each job its images, uint8 [B, 3, *size] on the device, and the job itself.

    They lie in memory as decoders make them, the three channels of a pixel side by side (channels last).
    Images on the CPU are the caller's until the next ones are asked for: their memory is used again. What a job
    raises reaches the caller as it is, in the batch's turn. Closing the generator, or losing it, ends all
    threads with the image that each is at.
    """
    threads = threads or available_cores()
    copies = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
    buffers, stop, ahead = _Buffers(size, device, copies), threading.Event(), deque[_Batch]()
    pool = ThreadPoolExecutor(threads, _NAME)
    try:
        for job in jobs:
            ahead.append(_begin(job, buffers.take(len(job.ids)), pool, stop))
            if len(ahead) > AHEAD + threads * BLOCK // len(job.ids):
                yield from _finish(ahead.popleft(), buffers)
        while ahead:
            yield from _finish(ahead.popleft(), buffers)
    finally:
        stop.set()
        # A lost generator may be found by the garbage collector in one of the threads, which cannot wait for itself.
        pool.shutdown(not threading.current_thread().name.startswith(_NAME), cancel_futures=True)


@dataclass(frozen=True, eq=False)
class _Batch:
    """A batch in the making."""

    job: Job
    memory: Tensor
    parts: list[Future[None]]


def _begin(job: Job, memory: Tensor, pool: ThreadPoolExecutor, stop: threading.Event) -> _Batch:
    """Have the threads make a batch."""
    rows = memory.numpy()

    def make(start: int) -> None:
        for j in range(start, min(start + BLOCK, len(rows))):
            if stop.is_set():
                return
            job.write(j, rows[j])

    return _Batch(job, memory, [pool.submit(make, start) for start in range(0, len(rows), BLOCK)])


def _finish(batch: _Batch, buffers: "_Buffers") -> Generator[tuple[Tensor, Job]]:
    """Wait for a batch, serve it, and take its memory back."""
    for part in batch.parts:
        part.result()
    x, copied = buffers.serve(batch.memory)
    yield x, batch.job
    buffers.give(batch.memory, copied)


@dataclass(frozen=True, eq=False)
class _Buffers:
    """Memory for batches, used again and again; for a CUDA device pinned, and copied on a stream of its own.

    So a batch travels while the device still computes what it was given before.
    """

    size: tuple[int, int]
    device: torch.device
    _copies: torch.cuda.Stream | None
    _free: deque[tuple[Tensor, torch.cuda.Event | None]] = field(default_factory=deque)

    def take(self, count: int) -> Tensor:
        """Memory for `count` images that nobody reads any more, uint8 [count, H, W, 3]."""
        while self._free:
            memory, copied = self._free.popleft()
            if copied:
                copied.synchronize()
            if len(memory) >= count:
                return memory[:count]
        return torch.empty(count, *self.size, 3, dtype=torch.uint8, pin_memory=self.device.type == "cuda")

    def serve(self, memory: Tensor) -> tuple[Tensor, torch.cuda.Event | None]:
        """The batch in this memory, on the device; and where it is copied, what tells the end of that."""
        if self._copies is None:
            return memory.to(self.device).permute(0, 3, 1, 2), None
        with torch.cuda.stream(self._copies):
            x = memory.to(self.device, non_blocking=True)
        copied, user = self._copies.record_event(), torch.cuda.current_stream(self.device)
        user.wait_event(copied)
        x.record_stream(user)  # else the copies' next batch could take its place while it is still read
        return x.permute(0, 3, 1, 2), copied

    def give(self, memory: Tensor, copied: torch.cuda.Event | None) -> None:
        """The memory may be used again, once the copy is made."""
        self._free.append((memory, copied))
