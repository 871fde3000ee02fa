"""Horizontal flip, and random crop after padding: the standard augmentation of CIFAR."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from trickbag.errors import InputError
from trickbag.rng import ImageDraws


@dataclass(frozen=True)
class Flip:
    """Mirror left and right with probability `p`.

    With `alternating` only the first epoch is random; after it every image is mirrored in every second epoch
    (Jordan 2024, Section 3.6), so that two epochs in a row show both sides of every image.
    """

    rank: ClassVar[int] = 30
    p: float = 0.5
    alternating: bool = False

    def __post_init__(self) -> None:
        """Check the probability."""
        if not 0 <= self.p <= 1:
            raise InputError(f"flip: p is {self.p}; it must be between 0 and 1")

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """Flip the images whose draw is below `p`, or whose turn it is."""
        return flip(x, self.mask(draws))

    def mask(self, draws: ImageDraws) -> Tensor:
        """Which images are mirrored, bool [B]."""
        if self.alternating:
            first = draws.at_epoch(0).uniform("flip")[:, 0] < self.p
            return first ^ bool(draws.epoch % 2)
        return draws.uniform("flip")[:, 0] < self.p


@dataclass(frozen=True)
class PadCrop:
    """Pad every side by `padding` (zeros, or `reflect`) and cut the old size out at a random place.

    With `constant` the padding is black, as in torchvision's RandomCrop (He et al. 2015, section 4.2, pad 4).
    """

    rank: ClassVar[int] = 20
    padding: int = 4
    mode: Literal["constant", "reflect"] = "constant"

    def __post_init__(self) -> None:
        """Check the arguments."""
        if self.padding < 1:
            raise InputError(f"pad_crop: padding is {self.padding}; it must be at least 1 pixel")
        if self.mode not in ("constant", "reflect"):
            raise InputError(f"pad_crop: mode is {self.mode!r}; it can be 'constant' or 'reflect'")

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """Crop every image at an offset of its own."""
        if self.mode == "reflect" and self.padding >= min(x.shape[2:]):
            raise InputError(
                f"pad_crop: padding {self.padding} cannot be reflected in images of {x.shape[2:]}"
            )
        offsets = draws.integers("pad_crop", 2 * self.padding + 1, 2)
        return crop(F.pad(x, [self.padding] * 4, mode=self.mode), offsets, x.shape[2], x.shape[3])


def flip(x: Tensor, mask: Tensor) -> Tensor:
    """Images [B, C, H, W] mirrored left and right where `mask` (bool [B]) is true."""
    if x.device.type != "cpu":
        return flip_anywhere(x, mask)
    out, chosen = x.clone(), mask.nonzero()[:, 0].numpy()
    array = out.numpy()
    array[chosen] = torch.from_numpy(array[chosen]).flip(3).numpy()
    return out


def flip_anywhere(x: Tensor, mask: Tensor) -> Tensor:
    """As `flip`, on any device without waiting for it; on a CPU five times slower for bytes."""
    columns = torch.arange(x.shape[3], device=x.device)
    columns = torch.where(mask[:, None], columns.flip(0), columns)
    return x.gather(3, columns[:, None, None].expand(x.shape))


def crop(x: Tensor, offsets: Tensor, height: int, width: int) -> Tensor:
    """The height × width window of each image [B, C, H, W] at its (top, left) in `offsets` (int64 [B, 2])."""
    if x.device.type != "cpu":
        return crop_anywhere(x, offsets, height, width)
    windows = sliding_window_view(x.numpy(), (height, width), (2, 3))
    return torch.from_numpy(windows[np.arange(len(x)), :, *offsets.T.numpy()])


def crop_anywhere(x: Tensor, offsets: Tensor, height: int, width: int) -> Tensor:
    """As `crop`, on any device; on a CPU torch fetches value by value what numpy copies by rows."""
    windows = x.unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(len(x), device=x.device), :, offsets[:, 0], offsets[:, 1]]
