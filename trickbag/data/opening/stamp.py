"""A note beside files that they were checked in full, and how they looked then: it need not be done at each start."""

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_STAMP = "checked.json"
_SETTLED = 2.0  # seconds: a file written a moment ago could be written again without another time of change


def is_stamped(folder: Path, names: Sequence[str]) -> bool:
    """Whether the files have the sizes and times of change that they had when they were checked."""
    try:
        return bool(json.loads((folder / _STAMP).read_text()) == _state(folder, names))
    except (OSError, ValueError, RecursionError):
        return False


def stamp(folder: Path, names: Sequence[str]) -> None:
    """Note that the files were checked just now; not where nothing can be written, nor of quite new files."""
    fresh = folder / f".{_STAMP}.{os.getpid()}"
    with suppress(OSError):
        state = _state(folder, names)
        if max(time_ns for _, time_ns in state.values()) / 1e9 < time.time() - _SETTLED:
            fresh.write_text(json.dumps(state))
            fresh.replace(folder / _STAMP)


def _state(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """Size in bytes and time of change in nanoseconds of each file."""
    found = {name: (folder / name).stat() for name in names}
    return {name: [file.st_size, file.st_mtime_ns] for name, file in found.items()}
