"""The sample seam: operations on a batch of images in which each image has draws of its own.

An operation is a frozen value with its arguments as fields, checked when it is built, and is called
`operation(x, draws)`: images uint8 or float32 [B, C, H, W] on the [0, 255] scale in and out, and the draws of
the same images in the same order. Within the seam operations run by `rank`.
"""

from typing import ClassVar, Protocol

from torch import Tensor

from trickbag.data.sample.colour import ColourJitter
from trickbag.data.sample.geometry import Flip, PadCrop
from trickbag.data.sample.lighting import PcaLighting
from trickbag.data.sample.resized_crop import RandomResizedCrop
from trickbag.rng import ImageDraws


class SampleOperation(Protocol):
    """What stands in the sample seam."""

    rank: ClassVar[int]

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """The changed images; `x` itself is left as it is."""


SAMPLE_OPERATIONS: dict[str, type[SampleOperation]] = {
    "random_resized_crop": RandomResizedCrop,
    "pad_crop": PadCrop,
    "flip": Flip,
    "color_jitter": ColourJitter,
    "pca_lighting": PcaLighting,
}
