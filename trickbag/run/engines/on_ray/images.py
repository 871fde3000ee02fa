"""Images in the object store: once per node, and read there by all its runs without a copy."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trickbag.data import ImageSet
from trickbag.data.tolerance import Flaw, Tolerance

Part = tuple[NDArray[np.uint8], NDArray[np.int64]]  # images [N, C, H, W], labels [N]


@dataclass(frozen=True)
class Packed:
    """An `ImageSet` held in memory as plain arrays, which Ray shares between processes."""

    train: Part
    test: Part
    classes: tuple[str, ...]
    digest: str
    bad_files: int  # tolerated
    flaws: tuple[dict[int, Flaw], dict[int, Flaw]]
    about: dict[str, Any]  # the fields that only tell of the images


def pack(images: ImageSet) -> Packed | None:
    """The images as arrays, or None where they are streamed: those each node reads from its own disk."""
    train, test = images.train_images, images.test_images
    if not (isinstance(train, Tensor) and isinstance(test, Tensor)):
        return None
    return Packed(
        (train.numpy(), images.train_labels.numpy()),
        (test.numpy(), images.test_labels.numpy()),
        images.classes,
        images.digest,
        images.tolerance.limit,
        (dict(images.flaws[0]), dict(images.flaws[1])),
        {"origin": images.origin, "reencoded": images.reencoded, "left_out": dict(images.left_out)},
    )


def unpack(packed: Packed) -> ImageSet:
    """The image set again; it shares the memory of the arrays."""
    with warnings.catch_warnings():
        # Arrays in the object store are read-only, which tensors cannot be; no part of trickbag writes to images.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        images = ImageSet.of(packed.train, packed.test, packed.classes, packed.digest)
    return replace(images, tolerance=Tolerance(packed.bad_files), flaws=packed.flaws, **packed.about)
