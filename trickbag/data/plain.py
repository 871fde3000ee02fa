"""Images in memory as plain data, on their way to other processes, and back."""

from typing import Any

from torch import Tensor

from trickbag.data.images import ImageSet
from trickbag.data.tolerance import Flaw, Tolerance


def as_plain(images: ImageSet) -> dict[str, Any] | None:
    """The fields as tensors and plain data; None where the images are streamed: those each reads for itself.

    What one run has met of bad files is not for another.
    """
    if not (isinstance(images.train_images, Tensor) and isinstance(images.test_images, Tensor)):
        return None
    fields = {name: value for name, value in vars(images).items() if name != "tolerance"}
    flaws = [{i: tuple(flaw) for i, flaw in part.items()} for part in images.flaws]
    return fields | {"tolerated": images.tolerance.limit, "flaws": flaws, "left_out": dict(images.left_out)}


def of_plain(plain: dict[str, Any]) -> ImageSet:
    """The image set again; it shares the memory of the tensors."""
    fields = dict(plain)
    tolerated = fields.pop("tolerated")
    train, test = ({i: Flaw(*flaw) for i, flaw in part.items()} for part in fields.pop("flaws"))
    return ImageSet(**fields, tolerance=Tolerance(tolerated), flaws=(train, test))
