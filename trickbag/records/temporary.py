"""Temporary neighbours of files, in which these are made whole; what the killed left of them is removed."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from trickbag.flock import take

_RANDOM = r"\.[a-z0-9_]{8}"  # as the standard library draws it


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """An empty temporary neighbour of `path`, locked as long as its maker lives; gone at the end, unless renamed.

    Those that killed makers left of the same file are removed first: they may be what fills the disk.
    """
    sweep(path.parent, path.name)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    try:
        take(handle)  # where there are no locks it only cannot be told from an abandoned one
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
        os.close(handle)


def sweep(folder: Path, *names: str) -> None:
    """Remove from a folder the temporary neighbours of these files whose makers were killed."""
    patterns = [re.escape(f".{name}") + _RANDOM + re.escape(Path(name).suffix) for name in names]
    ours = re.compile("|".join(patterns))
    for name in os.listdir(folder):
        if ours.fullmatch(name) and _abandoned(folder / name):
            (folder / name).unlink(missing_ok=True)


def _abandoned(path: Path) -> bool:
    """Whether no living process makes a file of this temporary one."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # whatever somebody put there
    except OSError:
        return False
    try:
        return take(handle) is True
    except OSError:  # the server of a network file system does not answer
        return False
    finally:
        os.close(handle)
