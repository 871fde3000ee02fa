"""Where a run's batches come from: the images in memory, or a stream of decoded ones (`stores.stream`)."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from trickbag.data.sample import SampleOperation
from trickbag.errors import InputError
from trickbag.rng import Streams, images_of

Step = tuple[int, Tensor]  # epoch, and image ids int64 [B] on the CPU, `numbered` where some repeat


class Store(Protocol):
    """What serves a run's images. Numbers do not depend on which store it is, nor on its threads."""

    @property
    def mean(self) -> Tensor:
        """Mean of the training images per channel, float32 [1, C, 1, 1], on the [0, 255] scale."""

    @property
    def sd(self) -> Tensor:
        """Standard deviation of the training images per channel, as `mean`."""

    def taking(
        self, operations: Sequence[SampleOperation], streams: Streams
    ) -> tuple["Store", list[SampleOperation]]:
        """The store doing the first operations itself, where it does them faster, and those that are left."""

    def batches(self, steps: Iterable[Step]) -> Generator[tuple[Tensor, Tensor]]:
        """For each step its images uint8 or float32 [B, C, H, W] and labels int64 [B], on the device.

        They are the caller's until the next ones are asked for. Closing the generator ends all work ahead of it.
        """

    def evaluation_batches(self, ids: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image of `ids` (int64 [N], on the CPU) once, in order, cut to the centre square, with its label."""

    def normalise(self, x: Tensor) -> Tensor:
        """(x - mean) / sd as float32, for images on the [0, 255] scale."""


@dataclass(frozen=True, eq=False)
class MemoryStore:
    """Images uint8 [N, C, H, W] and labels int64 [N], on the device, or on the CPU where they do not fit there.

    On the CPU they may be memory-mapped. `mean` and `sd` are float32 [1, C, 1, 1] on the device; `crop` is the
    side of the centre square used at evaluation.
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
    ) -> Self:
        """A store on `device` with the (mean, sd) of `channel_statistics`, or any others per channel."""
        check_crop(crop, images.shape[2], images.shape[3])
        mean, sd = (value.to(device, torch.float32).view(1, -1, 1, 1) for value in statistics)
        home = device if fits(images.nbytes, torch.device(device)) else "cpu"
        return cls(images.to(home), labels.to(home), mean, sd, crop, channels_last)

    def taking(
        self, operations: Sequence[SampleOperation], streams: Streams
    ) -> tuple[Store, list[SampleOperation]]:
        """The store as it is, and all the operations: fused with the gathering they save less than a tenth."""
        return self, list(operations)

    def batches(self, steps: Iterable[Step]) -> Generator[tuple[Tensor, Tensor]]:
        """The images and labels of each step."""
        for _, ids in steps:
            yield self.batch(images_of(ids))

    def batch(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The images uint8 [B, C, H, W] and labels int64 [B] of `ids` (int64 [B], on any device)."""
        ids, device = on_device(ids, self.images.device), self.mean.device
        images, labels = self.images.index_select(0, ids), self.labels.index_select(0, ids)
        return on_device(images, device), on_device(labels, device)

    def evaluation_batches(self, ids: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image of `ids` once, in order, as `batch` gives them, cut to the centre square."""
        for chunk in chunks(ids, batch_size):
            x, y = self.batch(chunk)
            yield (x if self.crop is None else centre_crop(x, self.crop)), y

    def normalise(self, x: Tensor) -> Tensor:
        """(x - mean) / sd as float32, for uint8 or float32 images on the [0, 255] scale."""
        return normalised(x, self.mean, self.sd, self.channels_last)


def on_device(x: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device. On its way to CUDA it is pinned: a copy from other memory waits for all work there."""
    if x.device.type == "cpu" and device.type == "cuda":
        return x.pin_memory().to(device, non_blocking=True)
    return x.to(device)


def fits(size: int, device: torch.device) -> bool:
    """Whether `size` bytes of images leave half of a device's free memory to the network."""
    return device.type != "cuda" or size <= torch.cuda.mem_get_info(device)[0] // 2


def normalised(x: Tensor, mean: Tensor, sd: Tensor, channels_last: bool) -> Tensor:
    """(x - mean) / sd as float32 [B, C, H, W] in a memory layout, for images on the [0, 255] scale."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return x.to(torch.float32, copy=True).sub_(mean).div_(sd).contiguous(memory_format=layout)


def check_crop(crop: int | None, height: int, width: int) -> None:
    """InputError for a centre square larger than the images."""
    if crop is not None and not 1 <= crop <= min(height, width):
        raise InputError(f"crop {crop} does not fit into the images, which are {height}×{width}")


def chunks(ids: Tensor, size: int) -> Iterator[Tensor]:
    """The ids in pieces of `size`; the last may be smaller."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def centre_crop(x: Tensor, size: int) -> Tensor:
    """The centre square of images [B, C, H, W], as torchvision's center_crop places it."""
    top, left = (round((side - size) / 2) for side in x.shape[2:])
    return x[:, :, top : top + size, left : left + size]
