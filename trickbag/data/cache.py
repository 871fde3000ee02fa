"""Decode once: the arrays of a source as .npy files that every process maps into memory and shares."""

import hashlib
import inspect
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from trickbag.data.images import ImageSet
from trickbag.data.sources import DATASETS, Reader, source_files
from trickbag.errors import InputError, unknown

_FORMAT = 1
_READERS = 1  # raise it when a reader starts to return other bytes for the same files
_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


def open_images(
    name: str, root: Path | None, args: Mapping[str, Any], cache: Path, *, reader: Reader | None = None
) -> ImageSet:
    """The data set `name`, decoded now or taken from `cache`; arrays are memory-mapped, copy on write.

    `reader` is the user's own, under a name that is not in the catalogue. The content is checked against its
    digest on every opening, so a damaged entry is noticed, and built again.
    """
    read = reader or DATASETS.get(name)
    if read is None:
        raise unknown("data set", name, DATASETS)
    bound = _bind(name, read, root, args)
    entry = cache / f"{name.replace('/', '_').replace(':', '_')}-{_key(name, read, root, bound)}"
    return _load(entry) or _build(entry, read, root, bound, name)


def _bind(name: str, read: Reader, root: Path | None, args: Mapping[str, Any]) -> dict[str, Any]:
    """All the arguments of a reader with their defaults; InputError for one that it does not have."""
    try:
        bound = inspect.signature(read).bind(root, **args)
    except TypeError as error:
        raise InputError(f"data set {name!r}: {error}") from error
    bound.apply_defaults()
    return {key: value for key, value in bound.arguments.items() if key != "root"}


def _key(name: str, read: Reader, root: Path | None, args: Mapping[str, Any]) -> str:
    """What the decoded content depends on: reader, arguments, and path, size and time of every file."""
    files = [path.resolve() for path in source_files(name, root)]
    if name not in DATASETS:
        files.append(Path(inspect.getfile(read)).resolve())
    identity = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    text = json.dumps([_FORMAT, _READERS, name, args, identity], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _load(entry: Path) -> ImageSet | None:
    """The entry's images, or None if there is no whole and undamaged entry."""
    try:
        meta = json.loads((entry / "meta.json").read_text())
        arrays = [np.load(entry / f"{array}.npy", mmap_mode="c") for array in _ARRAYS]
        images = ImageSet.of((arrays[0], arrays[1]), (arrays[2], arrays[3]), tuple(meta["classes"]))
        whole = meta["format"] == _FORMAT and meta["digest"] == images.digest
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None
    return images if whole else None


def _build(entry: Path, read: Reader, root: Path | None, args: Mapping[str, Any], name: str) -> ImageSet:
    """Decode, write beside the entry, and put it in place in one step; another process may do the same."""
    images = read(root, **args)
    meta = {
        "format": _FORMAT,
        "digest": images.digest,
        "classes": images.classes,
        "provenance": {
            "data set": name,
            "arguments": dict(args),
            "root": str(root),
            "versions": {package: version(package) for package in ("numpy", "pillow", "pyarrow")},
        },
    }
    entry.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=entry.parent))
    try:
        for array in _ARRAYS:
            _write(fresh / f"{array}.npy", getattr(images, array).numpy())
        _write(fresh / "meta.json", json.dumps(meta, indent=1, default=str).encode())
        _put(fresh, entry)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return _load(entry) or images


def _write(path: Path, content: NDArray[Any] | bytes) -> None:
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
        if _load(entry):
            return
        damaged = fresh.with_name(fresh.name + "-damaged")
        entry.rename(damaged)
        shutil.rmtree(damaged)
    try:
        fresh.rename(entry)
    except OSError:  # the other process has just put its own, whole entry there
        if not entry.exists():
            raise
