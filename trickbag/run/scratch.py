"""Folders on a machine that are gone with the process that works in them, even where it was killed."""

import atexit
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from trickbag.errors import InputError
from trickbag.run.locks import is_held, run_lock

_PREFIX = "trickbag-run-"
YOUNG = 60.0  # seconds: a folder that another process may just have made, and not locked yet


def scratch_folder() -> Path:
    """A folder for this process, until it ends."""
    until_exit = ExitStack()
    folder = until_exit.enter_context(scratch())
    atexit.register(until_exit.close)
    return folder


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder of this process, for a while; those of processes that were killed are removed."""
    sweep(YOUNG)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with run_lock(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(seconds: float) -> None:
    """Remove the folders on this machine whose process is gone, and that are so old."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if not is_held(left) and time.time() - left.stat().st_mtime > seconds:
                shutil.rmtree(left, ignore_errors=True)
        except (OSError, InputError):  # gone meanwhile, or another user's
            continue
