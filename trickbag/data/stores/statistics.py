"""Mean and standard deviation of the training images per channel, for normalising."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from trickbag.data.images import ImageSet
from trickbag.data.opening.cache import write_file
from trickbag.data.stores.loading import loaded
from trickbag.data.stores.store import chunks
from trickbag.data.stores.stream import centres
from trickbag.data.tolerance import Flaw, Flaws
from trickbag.data.view import DECODERS, EncodedImages
from trickbag.errors import InputError
from trickbag.rng import Streams

MOST_PIXELS = 2**29  # 8,192 images of 256×256: the mean is known to a third of a grey level
_CHUNK_BYTES = 2**20  # of uint8 images: 8 MiB in float64


def channel_statistics(
    images: ImageSet, ids: Tensor, cache: Path | None = None, threads: int | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and population sd per channel, float64 [C] on the [0, 255] scale, of the training images `ids` alone.

    Of large sets a random part is taken, the same however the images are held. Encoded ones are decoded by
    `threads` threads (null: one per core), and what comes of it is kept in `cache`. Sums of integers below 2^53 are
    exact in float64, so the order of the ids changes no digit.
    """
    height, width = images.size
    ids = _some(ids, max(1, MOST_PIXELS // (height * width)))
    if cache is None or not isinstance(images.train_images, EncodedImages):
        return _statistics(images, ids, threads)
    return _kept(images, images.train_images, ids, cache, threads)


def _kept(
    images: ImageSet, part: EncodedImages, ids: Tensor, cache: Path, threads: int | None
) -> tuple[Tensor, Tensor]:
    """The statistics of exactly the images `ids` of the training part, from `cache` where they are there.

    The bad files among them count for this run as if they had just been decoded.
    """
    what = repr((DECODERS, images.digest, images.size, part.view.exif)).encode() + ids.numpy().tobytes()
    path = cache / f"statistics-{hashlib.sha256(what).hexdigest()[:16]}.json"
    if (known := _read(path, images.channels)) is not None:
        mean, sd, bad = known
        for i, why in bad.items():
            flaw = Flaw(part.encoded.where(i), why)
            part.bad.note(i, flaw.where, flaw.error())
        return mean, sd
    flaws = Flaws(part.bad)
    mean, sd = _statistics(replace(images, train_images=replace(part, bad=flaws)), ids, threads)
    if all(part.is_as_indexed(i) for i in flaws.found):  # else it may be readable next time
        _write(path, {"mean": mean.tolist(), "sd": sd.tolist(), "bad": flaws.found})
    return mean, sd


def _read(path: Path, channels: int) -> tuple[Tensor, Tensor, dict[int, str]] | None:
    """Mean, sd and the bad files of a cached file; None where it is missing or damaged."""
    try:
        plain = json.loads(path.read_text())
        mean, sd = (torch.tensor(plain[name], dtype=torch.float64) for name in ("mean", "sd"))
        bad = {int(i): str(why) for i, why in plain["bad"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    sound = mean.shape == sd.shape == (channels,) and bool((sd > 0).all())
    return (mean, sd, bad) if sound else None


def _write(path: Path, plain: dict[str, object]) -> None:
    """Write a file whole; several processes may do it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{id(plain)}.{os.getpid()}")
    write_file(temporary, json.dumps(plain).encode())
    temporary.replace(path)


def _some(ids: Tensor, count: int) -> Tensor:
    """At most `count` of the ids: those with the smallest keys, each a function of the id alone."""
    if len(ids) <= count:
        return ids
    return ids[Streams(0).images(0, ids).bits("statistics")[:, 0].argsort()[:count]].sort().values


def _statistics(images: ImageSet, ids: Tensor, threads: int | None) -> tuple[Tensor, Tensor]:
    """The statistics of exactly the images `ids`."""
    pixels = images.size[0] * images.size[1]
    total, squares = torch.zeros(2, images.channels, dtype=torch.float64)
    for chunk in _chunks(images, ids, max(1, _CHUNK_BYTES // (images.channels * pixels)), threads):
        values = chunk.double()
        total += values.sum((0, 2, 3))
        squares += values.square_().sum((0, 2, 3))
    count = len(ids) * pixels
    variance = squares / count - (total / count).square()
    if variance.min() <= 0:
        raise InputError("the training images are constant in one channel and cannot be normalised")
    return total / count, variance.sqrt()


def _chunks(images: ImageSet, ids: Tensor, count: int, threads: int | None) -> Iterator[Tensor]:
    """The images `ids`, uint8 [B, C, H, W], some at a time; encoded ones are decoded ahead by threads."""
    if isinstance(images.train_images, Tensor):
        yield from (images.some(chunk) for chunk in chunks(ids, count))
        return
    height, width = images.size
    jobs = (centres(images.train_images, chunk, height, width) for chunk in chunks(ids, count))
    for x, _ in loaded(jobs, (height, width), threads=threads, device=torch.device("cpu")):
        yield x
