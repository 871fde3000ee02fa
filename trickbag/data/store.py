"""Images and labels on the training device, served in batches of uint8 and normalised there."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from trickbag.errors import InputError

_CHUNK_BYTES = 2**20  # of uint8 images: 8 MiB in float64


def channel_statistics(images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and population sd per channel, float64 [C] on the [0, 255] scale, of the images `ids` alone.

    Sums of integers below 2^53 are exact in float64, so the order of the ids changes no digit.
    """
    channels, pixels = images.shape[1], images.shape[2] * images.shape[3]
    total, squares = torch.zeros(2, channels, dtype=torch.float64)
    for chunk in _chunks(ids, max(1, _CHUNK_BYTES // (channels * pixels))):
        values = images.index_select(0, chunk).double()
        total += values.sum((0, 2, 3))
        squares += values.square_().sum((0, 2, 3))
    count = len(ids) * pixels
    variance = squares / count - (total / count).square()
    if variance.min() <= 0:
        raise InputError("the training images are constant in one channel and cannot be normalised")
    return total / count, variance.sqrt()


@dataclass(frozen=True, eq=False)
class Store:
    """Images uint8 [N, C, H, W] and labels int64 [N] on one device (on the CPU they may be memory-mapped).

    `mean` and `sd` are float32 [1, C, 1, 1]; `crop` is the side of the centre square used at evaluation.
    """

    images: Tensor
    labels: Tensor
    mean: Tensor
    sd: Tensor
    crop: int | None = None
    channels_last: bool = False

    @classmethod
    def build(
        cls,
        images: Tensor,
        labels: Tensor,
        statistics: tuple[Tensor, Tensor],
        *,
        device: torch.device | str = "cpu",
        crop: int | None = None,
        channels_last: bool = False,
    ) -> "Store":
        """A store on `device` with the (mean, sd) of `channel_statistics`, or any others per channel."""
        if crop is not None and not 1 <= crop <= min(images.shape[2:]):
            height, width = images.shape[2:]
            raise InputError(f"crop {crop} does not fit into the images, which are {height}×{width}")
        mean, sd = (value.to(device, torch.float32).view(1, -1, 1, 1) for value in statistics)
        return cls(images.to(device), labels.to(device), mean, sd, crop, channels_last)

    def holding(self, images: Tensor, labels: Tensor) -> "Store":
        """A store like this one for other images, which are normalised as these are."""
        device = self.images.device
        return replace(self, images=images.to(device), labels=labels.to(device))

    def batch(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The images uint8 [B, C, H, W] and labels int64 [B] of `ids` (int64 [B], on any device)."""
        ids = ids.to(self.images.device)
        return self.images.index_select(0, ids), self.labels.index_select(0, ids)

    def evaluation_batches(self, ids: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image of `ids` once, in order, as `batch` gives them, cut to the centre square."""
        for chunk in _chunks(ids, batch_size):
            x, y = self.batch(chunk)
            yield (x if self.crop is None else centre_crop(x, self.crop)), y

    def normalise(self, x: Tensor) -> Tensor:
        """(x - mean) / sd as float32, for uint8 or float32 images on the [0, 255] scale."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return x.float().sub(self.mean).div_(self.sd).contiguous(memory_format=layout)


def _chunks(ids: Tensor, size: int) -> Iterator[Tensor]:
    """The ids in pieces of `size`; the last may be smaller."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def centre_crop(x: Tensor, size: int) -> Tensor:
    """The centre square of images [B, C, H, W], as torchvision's center_crop places it."""
    top, left = (round((side - size) / 2) for side in x.shape[2:])
    return x[:, :, top : top + size, left : left + size]
