"""Streamed images: decoded by threads of this process, ahead of training, in batches of uint8."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trickbag.data.decoding.decode import Pixels
from trickbag.data.decoding.resize import resized, write_mirrored, write_resized
from trickbag.data.sample import SampleOperation
from trickbag.data.sample.geometry import Flip
from trickbag.data.sample.resized_crop import RandomResizedCrop
from trickbag.data.stores.loading import Job, loaded
from trickbag.data.stores.store import Step, Store, check_crop, chunks, normalised, on_device
from trickbag.data.view import EncodedImages
from trickbag.rng import Streams, images_of


@dataclass(frozen=True, eq=False)
class StreamStore:
    """Encoded images, decoded by `threads` threads (null: one per core) whenever a batch is asked for.

    Where the view's form is `originals` and the first operation is a random resized crop, the crop is cut from
    the original; otherwise every image arrives as its centre square. A flip that comes next is done on the way.
    """

    images: EncodedImages
    labels: Tensor
    mean: Tensor
    sd: Tensor
    device: torch.device
    crop: int | None = None
    channels_last: bool = False
    threads: int | None = None
    cut: RandomResizedCrop | None = None
    mirror: Flip | None = None
    streams: Streams = field(default_factory=lambda: Streams(0))
    more: bool = False  # operations follow, whose sums may depend on how images lie in memory

    @classmethod
    def build(
        cls,
        images: EncodedImages,
        labels: Tensor,
        statistics: tuple[Tensor, Tensor],
        *,
        device: torch.device | str = "cpu",
        crop: int | None = None,
        channels_last: bool = False,
        threads: int | None = None,
    ) -> Self:
        """A store that serves on `device`, with the (mean, sd) of `channel_statistics`."""
        check_crop(crop, *images.side)
        mean, sd = (value.to(device, torch.float32).view(1, -1, 1, 1) for value in statistics)
        return cls(images, labels, mean, sd, torch.device(device), crop, channels_last, threads)

    def taking(
        self, operations: Sequence[SampleOperation], streams: Streams
    ) -> tuple[Store, list[SampleOperation]]:
        """The store cutting random resized crops from the originals, where the view says so, and flipping."""
        left, cut, mirror = list(operations), None, None
        if left and isinstance(left[0], RandomResizedCrop) and self.images.view.form == "originals":
            cut = left.pop(0)
        if left and isinstance(left[0], Flip):
            mirror = left.pop(0)
        return replace(self, cut=cut, mirror=mirror, streams=streams, more=bool(left)), left  # type: ignore[arg-type]

    def batches(self, steps: Iterable[Step]) -> Generator[tuple[Tensor, Tensor]]:
        """For each step its images and labels, on the device."""
        height, width = ((self.cut and self.cut.size) or side for side in self.images.side)
        jobs = (self._drawn(epoch, numbers, height, width) for epoch, numbers in steps)
        yield from self._served(jobs, height, width)

    def evaluation_batches(self, ids: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image of `ids` once, in order, cut to the centre square, with its label."""
        height, width = (self.crop or side for side in self.images.side)
        jobs = (centres(self.images, chunk, height, width) for chunk in chunks(ids, batch_size))
        yield from self._served(jobs, height, width)

    def normalise(self, x: Tensor) -> Tensor:
        """(x - mean) / sd as float32, for images on the [0, 255] scale."""
        return normalised(x, self.mean, self.sd, self.channels_last)

    def _served(self, jobs: Iterable[Job], height: int, width: int) -> Generator[tuple[Tensor, Tensor]]:
        """The images and labels of each job, on the device."""
        made = loaded(jobs, (height, width), threads=self.threads, device=self.device)
        with closing(made):
            for x, job in made:
                yield x.contiguous() if self.more else x, on_device(self.labels[job.ids], self.device)

    def _drawn(self, epoch: int, numbers: Tensor, height: int, width: int) -> Job:
        """A training batch; all that its images draw is drawn here, for all of them at once."""
        ids, draws = images_of(numbers), self.streams.images(epoch, numbers)
        mirror = self.mirror.mask(draws).tolist() if self.mirror else None
        if self.cut is None:
            return centres(self.images, ids, height, width, mirror)
        boxes = self.cut.boxes(draws, *self.images.sizes(ids).unbind(1)).tolist()
        return crops(self.images, ids, boxes, mirror)


def centres(
    images: EncodedImages, ids: Tensor, height: int, width: int, mirror: Sequence[bool] | None = None
) -> Job:
    """The whole images `ids`, cut to the centre as torchvision's center_crop places it, some of them mirrored."""
    numbers = ids.tolist()
    top, left = (round((side - size) / 2) for side, size in zip(images.side, (height, width), strict=True))

    def write(j: int, out: NDArray[np.uint8]) -> None:
        pixels = images.centre(numbers[j])[top : top + height, left : left + width]
        _put(pixels, out, mirror is not None and mirror[j])

    return Job(ids, write)


def crops(
    images: EncodedImages,
    ids: Tensor,
    boxes: Sequence[tuple[int, int, int, int]],
    mirror: Sequence[bool] | None = None,
) -> Job:
    """A box (top, left, height, width) of each image in `ids`, in the size of the batch, some of them mirrored."""
    numbers = ids.tolist()

    def write(j: int, out: NDArray[np.uint8]) -> None:
        _put(images.box(numbers[j], *boxes[j]), out, mirror is not None and mirror[j])

    return Job(ids, write)


def _put(pixels: Pixels, out: Pixels, mirrored: bool) -> None:
    """Write an image [H, W, 3] to its place in a batch, in the size that this has, mirrored or as it is."""
    if mirrored:
        write_mirrored(resized(pixels, *out.shape[:2]), out)
    else:
        write_resized(pixels, out)
