"""Decoded images as .npy files that every process maps into memory and shares."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from trickbag.data.images import ImageSet, content_digest

FORMAT = 1
_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


def load_arrays(entry: Path) -> ImageSet | None:
    """The images of an entry, mapped, copy on write; None if there is no whole and undamaged entry."""
    try:
        meta = json.loads((entry / "meta.json").read_text())
        train, labels, test, test_labels = (
            np.load(entry / f"{array}.npy", mmap_mode="c", allow_pickle=False) for array in _ARRAYS
        )
        classes = tuple(meta["classes"])
        if meta["format"] != FORMAT or meta["kind"] != "arrays":
            return None
        if meta["content"] != content_digest(train, labels, test, test_labels, classes=classes):
            return None
        return ImageSet.of((train, labels), (test, test_labels), classes, meta["digest"], meta["bad"])
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None


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
    entry.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=entry.parent))
    try:
        for name, array in zip(_ARRAYS, arrays, strict=True):
            write_file(fresh / f"{name}.npy", array)
        write_file(fresh / "meta.json", json.dumps(meta, indent=1, default=str).encode())
        _put(fresh, entry)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return load_arrays(entry) or images


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


def _put(fresh: Path, entry: Path) -> None:
    """Rename `fresh` to `entry`; what stands there is damaged, unless another process was quicker."""
    if entry.exists():
        if load_arrays(entry):
            return
        damaged = fresh.with_name(fresh.name + "-damaged")
        entry.rename(damaged)
        shutil.rmtree(damaged)
    try:
        fresh.rename(entry)
    except OSError:  # the other process has just put its own, whole entry there
        if not entry.exists():
            raise
