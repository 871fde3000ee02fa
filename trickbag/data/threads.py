"""Work on many images by threads: bounded memory, stopped by Ctrl-C, told how far it is."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from math import ceil
from pathlib import Path

from trickbag.data.containers import OWN, ROOT, control_groups

BLOCK = 32  # images that a thread takes at a time


def each(work: Callable[[int], None], count: int, tell: Callable[[int], None] = lambda done: None) -> None:
    """Do `work(i)` for every i below `count`, with a thread per core; `tell` hears how many are done.

    Of several errors the one with the smallest i is raised, once no thread works any more.
    """

    def block(start: int) -> int:
        for i in range(start, min(start + BLOCK, count)):
            work(i)
        return min(start + BLOCK, count)

    threads = available_cores()
    ahead = deque[Future[int]]()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for start in range(0, count, BLOCK):
                ahead.append(pool.submit(block, start))
                if len(ahead) > 4 * threads:
                    tell(ahead.popleft().result())
            while ahead:
                tell(ahead.popleft().result())
        finally:
            pool.shutdown(cancel_futures=True)


def available_cores() -> int:
    """The cores that this process may use: those it is bound to, or as many as its container has the time of."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([cores, *map(ceil, _quotas())])


def _quotas() -> list[float]:
    """The cores' worth of time that each control group around this process leaves it."""
    quotas = (_quota(group) for _, group in control_groups("cpu", OWN, ROOT))
    return [quota for quota in quotas if quota]


def _quota(group: Path) -> float | None:
    """The quota of a control group; None where it has none, or is not to be seen from inside a container."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            quota, period = " ".join((group / name).read_text() for name in names).split()
            return None if quota in ("max", "-1") else int(quota) / int(period)
        except (OSError, ValueError):
            continue
    return None
