"""The control groups that this process is in (cgroups(7)), by which containers limit its memory and its time."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

OWN, ROOT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def control_groups(controller: str, own: Path, root: Path) -> Iterator[tuple[int, Path]]:
    """Version, 2 or 1, and folder of each group that limits `controller`: the process's own and those around it.

    `own` lists the process's groups, `root` is where groups are seen. None outside Linux.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        version, home = (1, root / controller) if controllers else (2, root)
        inside = PurePosixPath(*(part for part in PurePosixPath(place).parts if part not in ("/", "..")))
        yield from ((version, home / group) for group in (inside, *inside.parents))
