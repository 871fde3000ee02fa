"""How images are held: decoded in memory where they fit, else encoded on disk and streamed."""

import hashlib
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trickbag.data.encoded import listed
from trickbag.data.images import ImageSet
from trickbag.data.opening.cache import load_arrays, store_arrays
from trickbag.data.progress import Progress, Tell
from trickbag.data.threads import each
from trickbag.data.view import EncodedImages, Tolerance
from trickbag.errors import InputError

DECODERS = 1  # raise it when decoding or resizing starts to give other pixels
_GIB = 2**30
_DISK_LEFT = _GIB // 4  # bytes of the disk that the cache leaves free


def hold(images: ImageSet, cache: Path, memory_gib: float | None, tell: Tell) -> ImageSet:
    """Squares decoded into memory where they fit, through a file that all processes share; anything else as it is."""
    encoded = images.train_images
    if not isinstance(encoded, EncodedImages):
        return images
    if encoded.view.form == "originals":
        return replace(images, origin=f"{images.origin} (originals)")
    view = encoded.view
    what = [DECODERS, images.digest, images.size, view.exif, view.bad_files]
    entry = cache / f"squares-{short_hash(what)}"
    if reason := _no_room(_bytes(images), memory_gib):
        return replace(images, origin=f"{images.origin} (squares; {reason})")
    if kept := load_arrays(entry):
        return kept
    if reason := _no_disk(_bytes(images), cache):
        return replace(images, origin=f"{images.origin} (squares; {reason})")
    return store_arrays(entry, _decoded(images, tell), {"digest": images.digest})


def held(images: ImageSet) -> str:
    """How many images there are, how they are held, and what was left out, in one sentence."""
    counts = f"{len(images.train_labels):,}"
    if len(images.test_labels):
        counts += f" + {len(images.test_labels):,}"
    left_out = f"; {listed(images.left_out)} left out" if images.left_out else ""
    if isinstance(images.train_images, Tensor):
        return f"{counts} images in memory ({_size(_bytes(images))}){left_out}"
    return f"{counts} images streamed from {images.origin}{left_out}"


def check_readable(images: ImageSet) -> None:
    """InputError where more files than `bad_files` tolerates cannot even be identified as images.

    So that this shows at the start, and not where such a file's turn comes, hours later.
    """
    parts = [part for part in (images.train_images, images.test_images) if isinstance(part, EncodedImages)]
    suspects = [(part, i) for part in parts for i in np.flatnonzero(~part.index.sizes.all(axis=1)).tolist()]
    found = list[str]()
    for part, i in suspects:
        try:
            replace(part, bad=Tolerance(0)).pixels(i)
        except InputError as error:
            found.append(str(error))
        if len(found) > part.view.bad_files:
            more = f"; {len(suspects)} files are like that" if len(suspects) > 1 else ""
            raise InputError(f"{found[0]}{more}; data.bad_files tolerates {part.view.bad_files}")


def short_hash(plain: Any) -> str:
    """Sixteen hexadecimal digits of plain data."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _bytes(images: ImageSet) -> int:
    """Bytes of all images, decoded."""
    count = len(images.train_labels) + len(images.test_labels)
    return count * images.channels * images.size[0] * images.size[1]


def _no_room(needed: int, memory_gib: float | None) -> str:
    """Why so many bytes are not held in memory; empty where they are."""
    if memory_gib is None:
        room = available_memory() / 2
        name = f"half of the free memory, {_size(room)}"
    else:
        room, name = memory_gib * _GIB, f"machine.memory_gib={memory_gib:g}"
    return f"{_size(needed)} are more than {name}" if needed > room else ""


def _no_disk(needed: int, cache: Path) -> str:
    """Why so many bytes are not kept in the cache; empty where they are."""
    place = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    return f"{_size(needed)} do not fit on the disk of {cache}" if needed + _DISK_LEFT > free else ""


def _size(count: float) -> str:
    """So many bytes, in MiB or GiB."""
    return f"{count / _GIB:.1f} GiB" if count >= _GIB else f"{count / 2**20:.1f} MiB"


def _decoded(images: ImageSet, tell: Tell) -> ImageSet:
    """The set with every image decoded."""
    train, test = images.train_images, images.test_images
    assert isinstance(train, EncodedImages)
    assert isinstance(test, EncodedImages)
    arrays = _all(train, "decoding training images", tell), _all(test, "decoding test images", tell)
    labels = images.train_labels.numpy(), images.test_labels.numpy()
    return ImageSet.of(
        (arrays[0], labels[0]), (arrays[1], labels[1]), images.classes, images.digest, images.bad
    )


def _all(part: EncodedImages, what: str, tell: Tell) -> NDArray[np.uint8]:
    """Every image of a part, whole, uint8 [N, 3, H, W]."""
    out = np.empty(part.shape, np.uint8)

    def fill(i: int) -> None:
        out[i] = part.whole(i)

    each(fill, len(part), lambda done: tell(Progress(what, done, len(part), "images")))
    return out


def available_memory() -> int:
    """Bytes of memory that can be used without swapping; unknown (no limit) outside Linux."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return sys.maxsize
    fields = dict(line.split(":") for line in meminfo.read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024
