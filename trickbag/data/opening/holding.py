"""How images are held: decoded in memory where they fit, else encoded on disk and streamed."""

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from trickbag.data.encoded import listed
from trickbag.data.images import ImageSet
from trickbag.data.opening.cache import short_hash
from trickbag.data.opening.memory import available_memory
from trickbag.data.opening.squares import NotHeldError, squares
from trickbag.data.progress import Tell
from trickbag.data.tolerance import Flaw
from trickbag.data.view import DECODERS, EncodedImages
from trickbag.errors import InputError

_GIB = 2**30
_DISK_LEFT = _GIB // 4  # bytes of the disk that the cache leaves free


def hold(images: ImageSet, cache: Path, memory_gib: float | None, tell: Tell) -> ImageSet:
    """Squares decoded into memory where they fit, through a file that all processes share; anything else as it is."""
    encoded = images.train_images
    if not isinstance(encoded, EncodedImages):
        return images
    if encoded.view.form == "originals":
        return replace(images, origin=f"{images.origin} (originals)")
    try:
        return _in_memory(images, encoded.view.exif, cache, memory_gib, tell)
    except NotHeldError as reason:
        return replace(images, origin=f"{images.origin} (squares; {reason})")


def _in_memory(images: ImageSet, exif: str, cache: Path, memory_gib: float | None, tell: Tell) -> ImageSet:
    """The squares in memory; NotHeldError where they do not fit."""
    needed = _bytes(images)
    entry = cache / f"squares-{short_hash([DECODERS, images.digest, images.size, exif])}"
    if reason := _no_room(needed, memory_gib):
        raise NotHeldError(reason)
    return squares(images, entry, tell, lambda: _no_disk(needed, cache))


def held(images: ImageSet) -> str:
    """How many images there are, how they are held, and what was left out, in one sentence."""
    counts = f"{len(images.train_labels):,}"
    if len(images.test_labels):
        counts += f" + {len(images.test_labels):,}"
    left_out = f"; {listed(images.left_out)} left out" if images.left_out else ""
    if isinstance(images.train_images, Tensor):
        again = f", {images.reencoded}" if images.reencoded else ""
        return f"{counts} images in memory ({_size(_bytes(images))}){again}{left_out}"
    return f"{counts} images streamed from {images.origin}{left_out}"


def check_readable(images: ImageSet, ids: Tensor) -> None:
    """Count the files known to be bad that a run uses: training images `ids` (int64) and all the test images.

    Known are those that cannot even be identified as images and, of images in memory, all. InputError where they
    are more than data.bad_files tolerates: at the start, and not where such a file's turn comes, hours later.
    """
    limit, found, suspects = images.tolerance.limit, list[tuple[int, Flaw]](), 0
    for part, flaws, used in (
        (images.train_images, images.flaws[0], ids.tolist()),
        (images.test_images, images.flaws[1], range(len(images.test_labels))),
    ):
        for i in _suspects(part, flaws, used):
            suspects += 1
            flaw = part.flaw(i) if isinstance(part, EncodedImages) and len(found) <= limit else flaws.get(i)
            found += [(i, flaw)] if flaw else []
    if len(found) > limit:
        more = f"; {suspects} files are like that" if suspects > 1 else ""
        raise InputError(f"{found[0][1].error()}{more}; data.bad_files tolerates {limit}")
    for i, flaw in found:
        images.tolerance.note(i, flaw.where, flaw.error())


def _suspects(part: Tensor | EncodedImages, flaws: Iterable[int], used: Iterable[int]) -> list[int]:
    """The images among those used that are known to be bad, or likely to be."""
    if isinstance(part, EncodedImages):
        flaws = np.flatnonzero(~part.index.sizes.all(axis=1)).tolist()
    suspects = set(flaws)
    return sorted(suspects.intersection(used)) if suspects else []


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
