"""Folders on a node that are gone with the process that works in them."""

import atexit
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from trickbag.run.locks import is_held, run_lock

_PREFIX = "trickbag-ray-"
YOUNG = 60.0  # seconds: a folder that another process may just have made, and not locked yet


def scratch_folder() -> Path:
    """A folder for this process alone; those of processes that were killed are removed."""
    sweep(YOUNG)
    folder, until_exit = Path(tempfile.mkdtemp(prefix=_PREFIX)), ExitStack()
    until_exit.enter_context(run_lock(folder))
    until_exit.callback(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(until_exit.close)
    return folder


def sweep(seconds: float) -> None:
    """Remove the folders on this machine whose process is gone, and that are so old."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if not is_held(left) and time.time() - left.stat().st_mtime > seconds:
                shutil.rmtree(left, ignore_errors=True)
        except OSError:  # gone meanwhile, or another user's
            continue
