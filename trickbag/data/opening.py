"""From a name to images: the prepared form where there is one, else the source; in memory where they fit."""

import hashlib
import inspect
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trickbag.data.cache import load_arrays, store_arrays
from trickbag.data.encoded import Source
from trickbag.data.images import ImageSet
from trickbag.data.index import Index, load_index, save_index, survey
from trickbag.data.prepared import is_prepared, open_prepared, prepared_home
from trickbag.data.sources import DATASETS, Reader, find_source, source_files
from trickbag.data.view import EncodedImages, View
from trickbag.errors import InputError, unknown

_READERS = 2  # raise it when a reader starts to return other bytes for the same files
_GIB = 2**30


def open_images(
    name: str,
    root: Path | None,
    args: Mapping[str, Any],
    cache: Path,
    *,
    reader: Reader | None = None,
    memory_gib: float | None = None,
) -> ImageSet:
    """The data set `name`: decoded and mapped into memory, copy on write, or encoded and streamed.

    `root` is the folder of the source or of its prepared form; without one, the form prepared in `cache` is
    taken. `reader` is the user's own, under a name that is not in the catalogue. Encoded images are held
    decoded where their squares take at most `memory_gib` (null: half of the free memory); how they are held
    changes no number.
    """
    read = reader or DATASETS.get(name)
    if read is None:
        raise unknown("data set", name, DATASETS)
    bound = _bind(name, read, root, args)
    home = root or prepared_home(name, cache)
    if is_prepared(home):
        images = open_prepared(home, name, bound)
    elif source := find_source(name, root):
        view = View(**bound)
        train, test = _indexed(source, cache)
        images = ImageSet.encoded(source, train, test, view)
    else:
        entry = cache / f"{_file_name(name)}-{_key(name, read, root, bound)}"
        images = load_arrays(entry) or store_arrays(
            entry, read(root, **bound), _provenance(name, bound, root)
        )
    return _held(images, cache, memory_gib)


def _bind(name: str, read: Reader, root: Path | None, args: Mapping[str, Any]) -> dict[str, Any]:
    """All the arguments of a reader with their defaults; InputError for one that it does not have."""
    try:
        bound = inspect.signature(read).bind(root, **args)
    except TypeError as error:
        raise InputError(f"data set {name!r}: {error}") from error
    bound.apply_defaults()
    return {key: value for key, value in bound.arguments.items() if key != "root"}


def _file_name(name: str) -> str:
    """A name of a data set as a file name."""
    return name.replace("/", "_").replace(":", "_")


def _key(name: str, read: Reader, root: Path | None, args: Mapping[str, Any]) -> str:
    """What the decoded content depends on: reader, arguments, and path, size and time of every file."""
    files = [path.resolve() for path in source_files(name, root)]
    if name not in DATASETS:
        files.append(Path(inspect.getfile(read)).resolve())
    identity = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return _hash([_READERS, name, args, identity])


def _hash(plain: Any) -> str:
    """Sixteen hexadecimal digits of plain data."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _provenance(name: str, args: Mapping[str, Any], root: Path | None) -> dict[str, Any]:
    """What an entry of the cache was made of."""
    packages = {package: version(package) for package in ("numpy", "pillow", "pyarrow")}
    return {"data set": name, "arguments": dict(args), "root": str(root), "versions": packages}


def _indexed(source: Source, cache: Path) -> tuple[Index, Index]:
    """The indices of a source's parts, gathered once and kept in the cache."""
    identity = [(part.images.identity(), _hash(part.labels.tolist())) for part in source.parts.values()]
    entry = cache / f"index-{_hash([_READERS, identity])}"
    if not (entry / "done").exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=cache))
        try:
            for name, part in source.parts.items():
                save_index(survey(part), fresh, name)
            (fresh / "done").touch()
            os.rename(fresh, entry)
        except OSError:  # another process has just put its own there
            if not (entry / "done").exists():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return load_index(entry, "train"), load_index(entry, "test")


def _held(images: ImageSet, cache: Path, memory_gib: float | None) -> ImageSet:
    """Squares decoded into memory where they fit; anything else as it is."""
    encoded = images.train_images
    if not isinstance(encoded, EncodedImages) or encoded.view.form == "originals":
        return images
    count = len(images.train_labels) + len(images.test_labels)
    needed = count * images.channels * images.size[0] * images.size[1]
    if needed > (available_memory() / 2 if memory_gib is None else memory_gib * _GIB):
        return images
    view = encoded.view
    entry = cache / f"squares-{_hash([_READERS, images.digest, images.size, view.exif, view.bad_files])}"
    return load_arrays(entry) or store_arrays(entry, _decoded(images), {"digest": images.digest})


def _decoded(images: ImageSet) -> ImageSet:
    """The set with every image decoded."""
    train, test = (_all(part) for part in (images.train_images, images.test_images))  # type: ignore[arg-type]
    labels = images.train_labels.numpy(), images.test_labels.numpy()
    return ImageSet.of((train, labels[0]), (test, labels[1]), images.classes, images.digest, images.bad)


def _all(part: EncodedImages) -> NDArray[np.uint8]:
    """Every image of a part, whole, uint8 [N, 3, H, W]."""
    out = np.empty(part.shape, np.uint8)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for i, image in enumerate(pool.map(part.whole, range(len(part)))):
            out[i] = image
    return out


def available_memory() -> int:
    """Bytes of memory that can be used without swapping; unknown (no limit) outside Linux."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return sys.maxsize
    fields = dict(line.split(":") for line in meminfo.read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024
