"""A data set: labels, classes, a digest of the content, and the images, decoded in memory or encoded on disk."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trickbag.data.encoded import Source
from trickbag.data.index import Index, digest_of
from trickbag.data.tolerance import Flaw, Tolerance
from trickbag.data.view import EncodedImages, View


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
    tolerance: Tolerance = field(default_factory=lambda: Tolerance(0))  # counts the bad files of one run
    flaws: tuple[Mapping[int, Flaw], Mapping[int, Flaw]] = ({}, {})  # of images in memory: training, test
    origin: str = (
        ""  # where encoded images come from and why they are not held in memory, for whoever watches
    )
    reencoded: str = ""  # what was done to the images when they were prepared
    left_out: Mapping[str, int] = field(default_factory=dict)  # ending -> files that were taken for no images

    @classmethod
    def of(
        cls,
        train: tuple[NDArray[np.uint8], NDArray[np.int64]],
        test: tuple[NDArray[np.uint8], NDArray[np.int64]],
        classes: tuple[str, ...],
        digest: str | None = None,
    ) -> "ImageSet":
        """The set of these (images, labels) pairs; arrays are shared, not copied."""
        digest = digest or content_digest(*train, *test, classes=classes)
        images, labels, test_images, test_labels = map(torch.from_numpy, (*train, *test))
        return cls(images, labels, test_images, test_labels, classes, digest)

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
        reencoded: str = "",
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
        return cls(
            images,
            labels,
            test_images,
            test_labels,
            source.classes,
            digest,
            bad,
            origin=origin,
            reencoded=reencoded,
        )

    def for_run(self) -> "ImageSet":
        """The same images for a run of its own, which has met no bad files yet."""
        fresh = Tolerance(self.tolerance.limit)
        train, test = (
            replace(part, bad=fresh) if isinstance(part, EncodedImages) else part
            for part in (self.train_images, self.test_images)
        )
        return replace(self, train_images=train, test_images=test, tolerance=fresh)

    @property
    def bad(self) -> Mapping[str, str]:
        """The tolerated bad files that the run has met so far: where -> why."""
        return self.tolerance.seen

    def provenance(self) -> dict[str, Any]:
        """What a run's record says of its images beside their digest; nothing where there is nothing to say."""
        said = {"re-encoded": self.reencoded, "bad_files": dict(self.bad)}
        return {key: value for key, value in said.items() if value}

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
