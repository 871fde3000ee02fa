"""Squares of encoded images, decoded once into files that all processes share: an entry of the cache.

The arrays are those of `opening.cache`; `flaws.json` says beside them which images are shown grey, and why. It
says so of all of them: what a run tolerates, and which images it uses, is the run's own affair.
"""

import errno
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from trickbag.data.images import ImageSet
from trickbag.data.opening.cache import found_or_made, load_arrays, make_entry, write_file, write_meta
from trickbag.data.progress import Progress, Tell
from trickbag.data.threads import each
from trickbag.data.tolerance import Flaw, Flaws
from trickbag.data.view import EncodedImages

_FLAWS = "flaws.json"
_PARTS = ("train", "test")


class NotHeldError(Exception):
    """Why images are streamed."""


def squares(images: ImageSet, entry: Path, tell: Tell, no_disk: Callable[[], str]) -> ImageSet:
    """The encoded set with its images in memory, decoded by one process where several want them.

    Raises NotHeldError with `no_disk()` where that says that the disk has no room, and where files are not
    those that were indexed.
    """

    def make() -> ImageSet:
        if reason := no_disk():
            raise NotHeldError(reason)
        make_entry(entry, lambda fresh: _write(fresh, images, tell), lambda: _load(entry, images) is not None)
        if (made := _load(entry, images)) is None:
            raise NotHeldError(f"{entry} cannot be read")
        return made

    def wait() -> None:
        tell(Progress("waiting for another process, which decodes the same images", 0, None, "images"))

    return found_or_made(entry, lambda: _load(entry, images), make, wait)


def _load(entry: Path, images: ImageSet) -> ImageSet | None:
    """The set as an entry has it; None if there is no whole and undamaged one."""
    kept = load_arrays(entry, stamped=True)
    try:
        plain = json.loads((entry / _FLAWS).read_text())
        train, test = (
            _placed({int(i): str(why) for i, why in plain[name].items()}, part)
            for name, part in _parts(images).items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return None
    return kept and replace(kept, tolerance=images.tolerance, flaws=(train, test), reencoded=images.reencoded)


def _parts(images: ImageSet) -> dict[str, EncodedImages]:
    """The encoded parts by name."""
    parts = dict(zip(_PARTS, (images.train_images, images.test_images), strict=True))
    return {name: part for name, part in parts.items() if isinstance(part, EncodedImages)}


def _placed(found: Mapping[int, str], part: EncodedImages) -> dict[int, Flaw]:
    """What is wrong with which images, and where they lie now; the entry may be made of another carrier."""
    return {i: Flaw(part.encoded.where(i), why) for i, why in found.items()}


def _write(fresh: Path, images: ImageSet, tell: Tell) -> None:
    """Fill the fresh folder of an entry; NotHeldError where that cannot be done."""
    flaws = dict[str, Mapping[int, str]]()
    try:
        for name, part in _parts(images).items():
            what = f"decoding {'training' if name == 'train' else name} images"
            flaws[name] = _decode(part, fresh / f"{name}_images.npy", what, tell)
            write_file(fresh / f"{name}_labels.npy", np.asarray(part.index.labels))
        write_file(fresh / _FLAWS, json.dumps(flaws).encode())
        write_meta(fresh, images.classes, images.digest, {"digest": images.digest})
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NotHeldError(f"the disk of {fresh.parent} is full") from None


def _decode(part: EncodedImages, path: Path, what: str, tell: Tell) -> Mapping[int, str]:
    """Write every image of a part, whole, as an array file uint8 [N, 3, H, W]; what is wrong with which."""
    flaws = Flaws()
    noted, size = replace(part, bad=flaws), math.prod(part.shape[1:])
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": part.shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        start = file.tell()

        def fill(i: int) -> None:
            written = os.pwrite(file.fileno(), noted.whole(i).numpy().data, start + i * size)
            if written < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        each(fill, len(part), lambda done: tell(Progress(what, done, len(part), "images")))
        os.fsync(file.fileno())
    _check_unchanged(part, flaws.found)
    return flaws.found


def _check_unchanged(part: EncodedImages, found: Mapping[int, str]) -> None:
    """NotHeldError where bad images are bad for now only: what is kept must be that of the digest."""
    doubtful = {*found, *np.flatnonzero(~part.index.sha256.any(axis=1)).tolist()}
    changed = [i for i in sorted(doubtful) if not part.is_as_indexed(i)]
    if changed:
        raise NotHeldError(f"{part.encoded.where(changed[0])} is not as it was when the set was indexed")
