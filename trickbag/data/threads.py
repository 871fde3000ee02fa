"""Work on many images by threads: bounded memory, stopped by Ctrl-C, told how far it is."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

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
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
