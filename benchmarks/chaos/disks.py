"""Disks that fill up and file systems that turn read-only under a study; both need root."""

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.chaos.trial import PATIENCE, Hit, Trial
from benchmarks.chaos.victims import at_work

ROOM = 80, 300  # KiB that a disk gets at first and whenever it was full; a finished run takes about 50


def fill(trial: Trial, hits: list[Hit], planned: Path, moments: random.Random) -> None:
    """Run a study on a small tmpfs that is enlarged whenever the command has ended for want of room."""
    size = _kib(planned) + moments.randint(*ROOM)
    with _mounted(trial.folder.parent, "-t", "tmpfs", "-o", f"size={size}k", "tmpfs"):
        shutil.copytree(planned, trial.folder)
        while (code := trial.start().end()) != 0 and len(hits) < PATIENCE:
            hits.append(("disk full", _ending(trial, code)))
            size += moments.randint(*ROOM)
            _call("mount", "-o", f"remount,size={size}k", str(trial.folder.parent))
        trial.finish()


def freeze(
    trial: Trial, hits: list[Hit], planned: Path, moments: random.Random, times: int, longest: float
) -> None:
    """Run a study on an ext4 that shuts itself to writing, as after an error of its disk, so many times.

    The error is one that the kernel offers for tests. The file system is then checked and mounted anew.
    """
    image = trial.output.with_suffix(".ext4")
    with image.open("wb") as file:
        file.truncate(64 << 20)
    _call("mkfs.ext4", "-q", str(image))
    for turn in range(times + 1):
        with _mounted(trial.folder.parent, "-o", "loop,errors=remount-ro", str(image)):
            if turn == 0:
                shutil.copytree(planned, trial.folder)
                _call("sync", "--file-system", str(trial.folder))  # as what trickbag writes is
            command = trial.start()
            if turn == times:
                trial.finish()
                break
            while command.alive() and not at_work(command):
                time.sleep(0.01)
            trial.note()  # now, not after the error, when memory shows what the disk may not hold
            if command.wait(moments.uniform(0, longest)):
                _break(trial.folder.parent)
                code = command.end()  # 0: all had just been written, which the next command will find
                ending = _ending(trial, code) if code else "exit code 0, at the very end"
                hits.append(("file system read-only", ending))
            command.end()
        _call("e2fsck", "-fy", str(image), codes=(0, 1))


def _break(place: Path) -> None:
    """Make a mounted ext4 believe that its disk failed."""
    device = _call("findmnt", "-no", "SOURCE", str(place)).strip()
    (Path("/sys/fs/ext4") / Path(device).name / "trigger_fs_error").write_text("1")


@contextmanager
def _mounted(place: Path, *words: str) -> Iterator[None]:
    """Something mounted on a folder that is made for it."""
    place.mkdir(parents=True, exist_ok=True)
    _call("mount", *words, str(place))
    try:
        yield
    finally:
        try:
            _call("umount", str(place))
        except OSError:  # somebody is still in there
            _call("umount", "--lazy", str(place))
            raise


def _call(*words: str, codes: tuple[int, ...] = (0,)) -> str:
    """Run a program of the system; what it printed."""
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode not in codes:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def _kib(folder: Path) -> int:
    """Room that the files of a folder take, in KiB."""
    return sum(path.stat().st_size for path in folder.rglob("*")) // 1024


def _ending(trial: Trial, code: int) -> str:
    """How a command ended by itself: with exit code 1 and a line that says why and where, or it is wrong."""
    last = trial.output.read_text().strip().splitlines()[-1]
    if code != 1 or not last.startswith("trickbag: ") or str(trial.folder) not in last:
        trial.wrong.append(f"the command ended with exit code {code} and said: {last}")
    return f"exit code {code}, {last}"
