"""What a reader returns: the images and labels of a data set in memory, with a digest of their content."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A data set in memory: images uint8 [N, C, H, W], labels int64 [N]; test may be empty ([0, …]).

    `digest` is the SHA-256 of everything above it: the same images from another carrier give the same digest.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]
    digest: str

    @classmethod
    def of(
        cls,
        train: tuple[NDArray[np.uint8], NDArray[np.int64]],
        test: tuple[NDArray[np.uint8], NDArray[np.int64]],
        classes: tuple[str, ...],
    ) -> "ImageSet":
        """The set of these (images, labels) pairs; arrays are shared, not copied."""
        digest = content_digest(*train, *test, classes=classes)
        images, labels, test_images, test_labels = map(torch.from_numpy, (*train, *test))
        return cls(images, labels, test_images, test_labels, classes, digest)


def content_digest(*arrays: NDArray[Any], classes: tuple[str, ...]) -> str:
    """SHA-256 over shape and bytes of every array and over the class names."""
    digest = hashlib.sha256(repr(classes).encode())
    for array in arrays:
        digest.update(repr((str(array.dtype), tuple(array.shape))).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
