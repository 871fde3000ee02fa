"""A data set in numbers: classes, sizes, bytes."""

import math
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trickbag.data.images import ImageSet
from trickbag.data.view import EncodedImages


@dataclass(frozen=True)
class Sizes:
    """The sizes of images, (width, height) in pixels; each of the two for itself but for the most common one."""

    smallest: tuple[int, int]
    median: tuple[float, float]
    largest: tuple[int, int]
    common: tuple[int, int]
    share: float  # of the images have the most common size


@dataclass(frozen=True)
class PartSummary:
    """A part of a data set: images of each class, sizes, bytes as they lie and decoded, file names by their endings."""

    images: int
    counts: list[int]
    sizes: Sizes | None  # None where no image can be read
    bytes: int
    decoded: int  # bytes of all the images as they are seen whole
    endings: dict[str, int]


@dataclass(frozen=True)
class Summary:
    """A data set in numbers."""

    classes: tuple[str, ...]
    digest: str
    train: PartSummary
    test: PartSummary

    @property
    def imbalance(self) -> float | None:
        """Images of the largest training class per image of the smallest; None where a class has none."""
        counts = self.train.counts
        return max(counts) / min(counts) if min(counts) else None

    def plain(self) -> dict[str, Any]:
        """The summary as plain data."""
        return {"imbalance": self.imbalance, **asdict(self)}


def summarise(images: ImageSet) -> Summary:
    """The numbers of a data set; no image is decoded."""
    known = len(images.classes)
    return Summary(
        images.classes,
        images.digest,
        _part(images.train_images, images.train_labels, known),
        _part(images.test_images, images.test_labels, known),
    )


def _part(images: Tensor | EncodedImages, labels: Tensor, known: int) -> PartSummary:
    """The numbers of a part; labels outside the classes are not counted."""
    counts = np.bincount(labels[(labels >= 0) & (labels < known)].numpy(), minlength=known).tolist()
    decoded = math.prod(images.shape)
    if isinstance(images, EncodedImages):
        sizes = np.asarray(images.view.sizes(images.index))
        encoded = images.encoded
        return PartSummary(
            len(images), counts, sizes_of(sizes), encoded.nbytes, decoded, endings(encoded.names)
        )
    sizes = np.tile(np.array(images.shape[2:], np.int32), (len(images), 1))
    return PartSummary(len(images), counts, sizes_of(sizes), decoded, decoded, {})


def sizes_of(sizes: NDArray[np.int32]) -> Sizes | None:
    """What there is to say of (height, width) [N, 2]; those of unreadable images, 0 × 0, are left out."""
    sizes = sizes[sizes.all(axis=1), ::-1]
    if not len(sizes):
        return None
    kinds, counts = np.unique(sizes, axis=0, return_counts=True)
    most = int(counts.argmax())
    return Sizes(
        smallest=_pair(sizes.min(axis=0)),
        median=_pair(np.median(sizes, axis=0)),
        largest=_pair(sizes.max(axis=0)),
        common=_pair(kinds[most]),
        share=float(counts[most] / len(sizes)),
    )


def _pair(values: NDArray[Any]) -> tuple[Any, Any]:
    """Two numbers as plain ones."""
    first, second = values.tolist()
    return first, second


def endings(names: Iterable[str]) -> dict[str, int]:
    """How many file names have which ending, in small letters, the most common first."""
    found = Counter(os.path.splitext(name)[1].lower() for name in names)
    return {ending: count for ending, count in found.most_common() if ending}
