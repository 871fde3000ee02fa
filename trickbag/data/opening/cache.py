"""Entries of the cache: folders put in place whole. Decoded images are .npy files that all processes share."""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from trickbag.data.images import ImageSet, content_digest

FORMAT = 1
_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
_YOUNG = 60  # seconds: a folder that another process may just have made, and not locked yet


def load_arrays(entry: Path) -> ImageSet | None:
    """The images of an entry, mapped, copy on write; None if there is no whole and undamaged entry."""
    try:
        meta = json.loads((entry / "meta.json").read_text())
        train, labels, test, test_labels = (
            np.lib.format.open_memmap(entry / f"{array}.npy", mode="c") for array in _ARRAYS
        )
        classes, digest, bad = tuple(map(str, meta["classes"])), str(meta["digest"]), dict(meta["bad"])
        if meta["format"] != FORMAT or meta["kind"] != "arrays":
            return None
        if meta["content"] != content_digest(train, labels, test, test_labels, classes=classes):
            return None
    except Exception:  # numpy's parser raises nearly everything on broken input
        return None
    if not (_fit(train, labels, classes) and _fit(test, test_labels, classes)):
        return None
    return ImageSet.of((train, labels), (test, test_labels), classes, digest, bad)


def _fit(images: NDArray[Any], labels: NDArray[Any], classes: tuple[str, ...]) -> bool:
    """Whether arrays are the images and labels of a part."""
    if images.dtype != np.uint8 or images.ndim != 4 or not all(images.shape[1:]):
        return False
    if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
        return False
    return not len(labels) or bool(labels.min() >= 0 and labels.max() < len(classes))


def store_arrays(entry: Path, images: ImageSet, provenance: Mapping[str, Any]) -> ImageSet:
    """Write an entry, put it in place in one step, and map it; another process may be doing the same."""
    arrays = [getattr(images, array).numpy() for array in _ARRAYS]
    meta = {
        "format": FORMAT,
        "kind": "arrays",
        "digest": images.digest,
        "content": content_digest(*arrays, classes=images.classes),
        "classes": images.classes,
        "bad": dict(images.bad),
        "provenance": dict(provenance),
    }

    def write(fresh: Path) -> None:
        for name, array in zip(_ARRAYS, arrays, strict=True):
            write_file(fresh / f"{name}.npy", array)
        write_file(fresh / "meta.json", json.dumps(meta, indent=1, default=str).encode())

    make_entry(entry, write, lambda: load_arrays(entry) is not None)
    return load_arrays(entry) or images


def make_entry(entry: Path, write: Callable[[Path], None], is_whole: Callable[[], bool]) -> None:
    """Let `write` fill a fresh folder and put it in place in one step; another process may be doing the same.

    What stands in the place is replaced, unless it `is_whole`.
    """
    entry.parent.mkdir(parents=True, exist_ok=True)
    _sweep(entry)
    fresh = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=entry.parent))
    try:
        with _claimed(fresh):
            write(fresh)
            _put(fresh, entry, is_whole)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def write_file(path: Path, content: NDArray[Any] | bytes) -> None:
    """Write a file and wait until it is on the disk."""
    file: BinaryIO
    with path.open("wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            np.save(file, content)
        file.flush()
        os.fsync(file.fileno())


def _put(fresh: Path, entry: Path, is_whole: Callable[[], bool]) -> None:
    """Rename `fresh` to `entry`; what stands there is damaged, unless another process was quicker."""
    if entry.exists():
        if is_whole():
            return
        damaged = fresh.with_name(fresh.name + "-damaged")
        entry.rename(damaged)
        shutil.rmtree(damaged)
    try:
        fresh.rename(entry)
    except OSError:  # the other process has just put its own, whole entry there
        if not entry.exists():
            raise


@contextmanager
def _claimed(folder: Path) -> Iterator[bool]:
    """A lock on a folder that ends with this process; whether it is ours."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(handle)


def _sweep(entry: Path) -> None:
    """Remove what killed processes left of the same entry."""
    for left in entry.parent.glob(f".{entry.name}-*"):
        with contextlib.suppress(OSError), _claimed(left) as ours:  # gone meanwhile
            if ours and time.time() - left.stat().st_mtime > _YOUNG:
                shutil.rmtree(left, ignore_errors=True)
