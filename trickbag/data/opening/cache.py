"""Entries of the cache: folders put in place whole. Decoded images are .npy files that all processes share."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from trickbag.data.images import ImageSet, content_digest
from trickbag.data.opening.locks import alone, claimed
from trickbag.data.opening.stamp import is_stamped, stamp

FORMAT = 1
READERS = 2  # raise it when a reader starts to return other bytes for the same files
_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
_CHECKED = ("meta.json", *(f"{array}.npy" for array in _ARRAYS))
T = TypeVar("T")
_YOUNG = 60  # seconds: a folder that another process may just have made, and not locked yet


def load_arrays(entry: Path, *, stamped: bool = False) -> ImageSet | None:
    """The images of an entry, mapped, copy on write; None if there is no whole and undamaged entry.

    The content is read and compared with its digest; with `stamped` once for all, as long as sizes and times of
    change of the files stay the same.
    """
    try:
        meta = json.loads((entry / "meta.json").read_text())
        train, labels, test, test_labels = _mapped(entry)
        classes, digest = tuple(map(str, meta["classes"])), str(meta["digest"])
        if meta["format"] != FORMAT or meta["kind"] != "arrays":
            return None
        if not (stamped and is_stamped(entry, _CHECKED)):
            if meta["content"] != content_digest(train, labels, test, test_labels, classes=classes):
                return None
            if stamped:
                stamp(entry, _CHECKED)
    except Exception:  # numpy's parser raises nearly everything on broken input
        return None
    if not (_fit(train, labels, classes) and _fit(test, test_labels, classes)):
        return None
    return ImageSet.of((train, labels), (test, test_labels), classes, digest)


def _mapped(entry: Path) -> list[NDArray[Any]]:
    """The arrays of an entry, mapped, copy on write."""
    return [np.lib.format.open_memmap(entry / f"{array}.npy", mode="c") for array in _ARRAYS]


def _fit(images: NDArray[Any], labels: NDArray[Any], classes: tuple[str, ...]) -> bool:
    """Whether arrays are the images and labels of a part."""
    if images.dtype != np.uint8 or images.ndim != 4 or not all(images.shape[1:]):
        return False
    if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
        return False
    return not len(labels) or bool(labels.min() >= 0 and labels.max() < len(classes))


def store_arrays(entry: Path, images: ImageSet, provenance: Mapping[str, Any]) -> ImageSet:
    """Write an entry, put it in place in one step, and map it; another process may be doing the same."""

    def write(fresh: Path) -> None:
        for name in _ARRAYS:
            write_file(fresh / f"{name}.npy", getattr(images, name).numpy())
        write_meta(fresh, images.classes, images.digest, provenance)

    make_entry(entry, write, lambda: load_arrays(entry) is not None)
    return load_arrays(entry) or images


def write_meta(fresh: Path, classes: tuple[str, ...], digest: str, provenance: Mapping[str, Any]) -> None:
    """Describe the arrays that were written into the fresh folder of an entry."""
    meta = {
        "format": FORMAT,
        "kind": "arrays",
        "digest": digest,
        "content": content_digest(*_mapped(fresh), classes=classes),
        "classes": classes,
        "provenance": dict(provenance),
    }
    write_file(fresh / "meta.json", json.dumps(meta, indent=1, default=str).encode())


def found_or_made(
    entry: Path, find: Callable[[], T | None], make: Callable[[], T], waiting: Callable[[], None]
) -> T:
    """What `find` finds in an entry, else what `make` makes of it; one process makes it, the others wait for it.

    `waiting` is called every so often while another process is at it.
    """
    found = find()
    if found is not None:
        return found
    with alone(entry, waiting):
        found = find()
        return make() if found is None else found


def short_hash(plain: Any) -> str:
    """Sixteen hexadecimal digits of plain data."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:16]


def make_entry(entry: Path, write: Callable[[Path], None], is_whole: Callable[[], bool]) -> None:
    """Let `write` fill a fresh folder and put it in place in one step; another process may be doing the same.

    What stands in the place is replaced, unless it `is_whole`.
    """
    entry.parent.mkdir(parents=True, exist_ok=True)
    _sweep(entry)
    fresh = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=entry.parent))
    try:
        with claimed(fresh):
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


def _sweep(entry: Path) -> None:
    """Remove what killed processes left of the same entry."""
    for left in entry.parent.glob(f".{entry.name}-*"):
        with contextlib.suppress(OSError), claimed(left) as ours:  # gone meanwhile
            if ours and time.time() - left.stat().st_mtime > _YOUNG:
                shutil.rmtree(left, ignore_errors=True)
