"""The sample seam: operations on a batch of images in which each image has draws of its own.

An operation is a frozen value with its arguments as fields, checked when it is built, and is called
`operation(x, draws)`: images uint8 or float32 [B, C, H, W] on the [0, 255] scale in and out, and the draws of
the same images in the same order. Within the seam operations run by `rank`.
"""

from typing import ClassVar, Protocol

from torch import Tensor

from trickbag.data.sample.augmix import AugMix
from trickbag.data.sample.colour import ColourJitter
from trickbag.data.sample.erasing import Cutout, RandomErasing
from trickbag.data.sample.geometry import Flip, PadCrop
from trickbag.data.sample.lighting import PcaLighting
from trickbag.data.sample.policies import AutoAugment, RandAugment, TrivialAugment
from trickbag.data.sample.resized_crop import RandomResizedCrop
from trickbag.data.sample.three_augment import ThreeAugment
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
    "auto_augment": AutoAugment,
    "rand_augment": RandAugment,
    "trivial_augment": TrivialAugment,
    "augmix": AugMix,
    "three_augment": ThreeAugment,
    "color_jitter": ColourJitter,
    "pca_lighting": PcaLighting,
    "cutout": Cutout,
    "random_erasing": RandomErasing,
}


def told(operation: SampleOperation, mean: Tensor) -> SampleOperation:
    """The operation, told the training images' mean of each channel where it asks for it."""
    if isinstance(operation, Cutout | RandomErasing):
        return operation.knowing(mean)
    return operation
