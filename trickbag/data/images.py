"""A data set: labels, classes, a digest of the content, and the images, decoded in memory or encoded on disk."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trickbag.data.encoded import Source
from trickbag.data.index import Index, digest_of
from trickbag.data.view import EncodedImages, Tolerance, View


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images, either uint8 [N, C, H, W] in memory or encoded, and labels int64 [N]; test may be empty.

    `digest` stands for everything above it: the same images from another carrier give the same digest.
    """

    train_images: Tensor | EncodedImages
    train_labels: Tensor
    test_images: Tensor | EncodedImages
    test_labels: Tensor
    classes: tuple[str, ...]
    digest: str
    bad: Mapping[str, str] = field(default_factory=dict)  # tolerated bad files so far: where -> why
    origin: str = (
        ""  # where encoded images come from and why they are not held in memory, for whoever watches
    )
    left_out: Mapping[str, int] = field(default_factory=dict)  # ending -> files that were taken for no images

    @classmethod
    def of(
        cls,
        train: tuple[NDArray[np.uint8], NDArray[np.int64]],
        test: tuple[NDArray[np.uint8], NDArray[np.int64]],
        classes: tuple[str, ...],
        digest: str | None = None,
        bad: Mapping[str, str] = MappingProxyType({}),
    ) -> "ImageSet":
        """The set of these (images, labels) pairs; arrays are shared, not copied."""
        digest = digest or content_digest(*train, *test, classes=classes)
        images, labels, test_images, test_labels = map(torch.from_numpy, (*train, *test))
        return cls(images, labels, test_images, test_labels, classes, digest, bad)

    @classmethod
    def encoded(
        cls,
        source: Source,
        train: Index,
        test: Index,
        view: View,
        *,
        digest: str | None = None,
        origin: str = "",
    ) -> "ImageSet":
        """The set of the encoded images of a source, of which the indices tell, decoded as `view` says.

        `digest`, where it is known already, is that of `digest_of`.
        """
        side = view.side(train)
        bad = Tolerance(view.bad_files)
        images, test_images = (
            EncodedImages(part.images, index, view, side, bad)
            for part, index in ((source.train, train), (source.test, test))
        )
        labels, test_labels = (torch.from_numpy(np.array(index.labels)) for index in (train, test))
        digest = digest or digest_of(train, test, source.classes)
        return cls(images, labels, test_images, test_labels, source.classes, digest, bad.seen, origin)

    @property
    def channels(self) -> int:
        """Channels of an image; encoded images are decoded as RGB."""
        return self.train_images.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image where nothing is cut from it."""
        _, _, height, width = self.train_images.shape
        return height, width

    def some(self, ids: Tensor) -> Tensor:
        """The training images `ids` (int64 [B]), uint8 [B, C, H, W], whole."""
        if isinstance(self.train_images, EncodedImages):
            return torch.stack([self.train_images.whole(i) for i in ids.tolist()])
        return self.train_images[ids]


def content_digest(*arrays: NDArray[Any], classes: tuple[str, ...]) -> str:
    """SHA-256 over shape and bytes of every array and over the class names."""
    digest = hashlib.sha256(repr(classes).encode())
    for array in arrays:
        digest.update(repr((str(array.dtype), tuple(array.shape))).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
