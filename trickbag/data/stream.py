"""Streamed images: decoded by threads of this process, ahead of training, in batches of uint8."""

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import torch
from torch import Tensor

from trickbag.data.sample import SampleOperation
from trickbag.data.sample.resized_crop import RandomResizedCrop, random_boxes, resized_crop
from trickbag.data.store import Step, Store, centre_crop, check_crop, chunks, normalised
from trickbag.data.view import EncodedImages
from trickbag.rng import Streams, images_of


@dataclass(frozen=True, eq=False)
class StreamStore:
    """Encoded images, decoded by `threads` threads (null: one per core) whenever a batch is asked for.

    Where the view's form is `originals` and the first operation is a random resized crop, the crop is cut from
    the original; otherwise every image arrives as its centre square.
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
    streams: Streams | None = None

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
        """The store cutting random resized crops from the originals, where the view says so."""
        first = operations[0] if operations else None
        if self.images.view.form == "originals" and isinstance(first, RandomResizedCrop):
            return replace(self, cut=first, streams=streams), list(operations[1:])
        return self, list(operations)

    def batches(self, steps: Iterable[Step]) -> Generator[tuple[Tensor, Tensor]]:
        """For each step its images and labels, on the device."""
        with ThreadPoolExecutor(self.threads or os.cpu_count()) as pool:
            for epoch, ids in steps:
                read = partial(self._cut, epoch) if self.cut else self._whole
                x = torch.stack(list(pool.map(read, ids.cpu())))
                yield x.to(self.device), self.labels[images_of(ids.cpu())].to(self.device)

    def evaluation_batches(self, ids: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image of `ids` once, in order, cut to the centre square, with its label."""
        plain = replace(self, cut=None)
        for x, y in plain.batches((0, chunk) for chunk in chunks(ids, batch_size)):
            yield (x if self.crop is None else centre_crop(x, self.crop)), y

    def normalise(self, x: Tensor) -> Tensor:
        """(x - mean) / sd as float32, for images on the [0, 255] scale."""
        return normalised(x, self.mean, self.sd, self.channels_last)

    def _whole(self, number: Tensor) -> Tensor:
        """An image as its centre square."""
        return self.images.whole(int(images_of(number)))

    def _cut(self, epoch: int, number: Tensor) -> Tensor:
        """A random box of an original."""
        assert self.cut is not None
        assert self.streams is not None
        pixels = torch.from_numpy(self.images.pixels(int(images_of(number))).copy()).permute(2, 0, 1)[None]
        uniform = self.streams.images(epoch, number[None]).uniform("random_resized_crop", 22)
        boxes = random_boxes(uniform, pixels.shape[2], pixels.shape[3], self.cut.scale, self.cut.ratio)
        side = self.images.side
        return resized_crop(pixels, boxes, self.cut.size or side[0], self.cut.size or side[1])[0]
