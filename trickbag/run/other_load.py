"""How busy other processes keep this machine while something is timed on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

STAT = Path("/proc/stat")  # Linux; elsewhere the load average of the last minute must do


@dataclass
class LoadMeter:
    """Core-seconds that others used, of all that the machine had, while `measuring`."""

    others: float = 0.0
    possible: float = 0.0

    @property
    def share(self) -> float:
        """The share of all cores that other processes used, 0 to 1."""
        return min(max(self.others / self.possible, 0.0), 1.0) if self.possible else 0.0

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Count what others use meanwhile; may be entered again."""
        started, own, busy = perf_counter(), _own(), _busy()
        yield
        seconds = perf_counter() - started
        all_busy = os.getloadavg()[0] * seconds if busy is None else (_busy() or 0.0) - busy
        self.others += all_busy - (_own() - own)
        self.possible += seconds * (os.cpu_count() or 1)


def _own() -> float:
    """CPU seconds of this process, its threads and the children that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _busy() -> float | None:
    """Core-seconds that all cores have worked since the machine started, proc(5); None where nobody counts them."""
    try:
        user, nice, system, _, _, irq, softirq, steal = STAT.read_text().split(maxsplit=9)[1:9]
    except (OSError, ValueError):
        return None
    ticks = sum(
        map(int, (user, nice, system, irq, softirq, steal))
    )  # steal: taken by another virtual machine
    return ticks / os.sysconf("SC_CLK_TCK")
