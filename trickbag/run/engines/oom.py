"""Whether the kernel killed a process of ours because memory was full."""

import re
import signal
from collections.abc import Callable
from pathlib import Path

CGROUP = Path("/proc/self/cgroup")
MOUNTED = Path("/sys/fs/cgroup")
WHOLE_MACHINE = Path("/proc/vmstat")


def oom_kills() -> int:
    """Processes that the kernel has killed for want of memory: of our control group, else of this machine."""
    counts = (_count(path) for path in (*_own_files(), WHOLE_MACHINE))
    return next((count for count in counts if count is not None), 0)


class OomWatch:
    """Tells deaths for want of memory from others, each kill by the kernel once."""

    def __init__(self, count: Callable[[], int] = oom_kills) -> None:
        """`count`: how many such kills there were so far."""
        self._count, self._known = count, count()

    def explains(self, exit_code: int | None) -> bool:
        """Whether a process that ended so was killed for want of memory."""
        if exit_code != -signal.SIGKILL or self._count() <= self._known:
            return False
        self._known += 1
        return True


def _own_files() -> list[Path]:
    """Where the counters of this process's control group may be, of either version of them."""
    try:
        lines = CGROUP.read_text().splitlines()
    except OSError:
        return []
    groups = [line.split(":", 2) for line in lines]
    v2 = [MOUNTED / path.strip("/") / "memory.events" for _, kinds, path in groups if not kinds]
    v1 = [
        MOUNTED / "memory" / path.strip("/") / "memory.oom_control"
        for _, kinds, path in groups
        if "memory" in kinds.split(",")
    ]
    return v2 + v1


def _count(path: Path) -> int | None:
    """The number behind `oom_kill` in a file; None where there is none."""
    try:
        found = re.search(r"^oom_kill (\d+)$", path.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None
