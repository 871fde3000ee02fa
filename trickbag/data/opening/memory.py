"""How much memory this process may still take, from the machine and from the container that it runs in."""

import sys
from collections.abc import Iterator
from pathlib import Path

from trickbag.data.containers import ROOT, control_groups

_FILES = {  # of a control group, version 2 and 1: limit, use, and the field of memory.stat that can be dropped
    2: ("memory.max", "memory.current", "inactive_file"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def available_memory(proc: Path = Path("/proc"), groups: Path = ROOT) -> int:
    """Bytes that can be used without swapping or breaking a container's limit; no limit outside Linux.

    File cache that nobody has used lately counts as free.
    """
    return max(0, min([_machine(proc), *_containers(proc, groups)]))


def _machine(proc: Path) -> int:
    """What the machine has left."""
    try:
        return _fields(proc / "meminfo")["MemAvailable:"] * 1024
    except (OSError, KeyError):
        return sys.maxsize


def _containers(proc: Path, groups: Path) -> Iterator[int]:
    """What each control group around this process has left."""
    for version, group in control_groups("memory", proc / "self/cgroup", groups):
        if (left := _left(group, *_FILES[version])) is not None:
            yield left


def _left(group: Path, limit: str, use: str, droppable: str) -> int | None:
    """What a control group has left; None where it has no limit, or is not seen from here."""
    try:
        most = (group / limit).read_text().strip()
        used = int((group / use).read_text()) - _fields(group / "memory.stat").get(droppable, 0)
        return None if most == "max" else int(most) - used
    except (OSError, ValueError):
        return None


def _fields(path: Path) -> dict[str, int]:
    """Lines of a name and a number."""
    words = (line.split() for line in path.read_text().splitlines())
    return {name: int(number) for name, number, *_ in words}
