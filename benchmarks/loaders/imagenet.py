"""ImageNet JPEGs from their files: decoded, a random box resized to 224 × 224, flipped, as bytes."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from timm.data import create_loader  # type: ignore[attr-defined]
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import transforms

from benchmarks.loaders.turns import Measured, Way, measure
from trickbag.data import EncodedImages, StreamStore
from trickbag.data.encoded import Encoded, Files, Labelled, Names, Source, no_images
from trickbag.data.opening.prepared import open_flat
from trickbag.data.prepare import Reencoding
from trickbag.data.prepare.write import write_encoded
from trickbag.data.progress import silent
from trickbag.data.sample.geometry import Flip
from trickbag.data.sample.resized_crop import RandomResizedCrop
from trickbag.data.sources.encoded_sets import seen
from trickbag.data.view import View
from trickbag.rng import Streams, numbered

SIDE, BATCH, SHORT_SIDE = 224, 128, 256
ORIGINALS, PREPARED, LOADER = 1.85, 5.5, 1.6  # times PIL + torchvision: what we promise

OF_PIL = transforms.Compose(
    [
        transforms.RandomResizedCrop(SIDE),
        transforms.RandomHorizontalFlip(),
        transforms.PILToTensor(),
    ]
)


@dataclass
class Pictures(Dataset[tuple[Tensor, int]]):
    """What torchvision's ImageFolder does: PIL opens a file, and the image goes through transforms.

    The few images there are stand `repeats` times in it.
    """

    images: Encoded
    repeats: int = 1
    transform: transforms.Compose = OF_PIL  # timm's loader puts its own here

    def __len__(self) -> int:
        """How many images, repeats counted."""
        return len(self.images) * self.repeats

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        """Image `i`, uint8 [3, 224, 224], and a label."""
        with Image.open(io.BytesIO(self.images.read(i % len(self.images)))) as image:
            return self.transform(image.convert("RGB")), 0


def source_of(root: Path) -> Source:
    """The JPEGs below a folder as training images."""
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*.JPEG"))
    labels = np.arange(len(names))
    return Source(Labelled(Files(root, Names.of(names)), labels), no_images(), tuple(map(str, labels)))


def reencoded(source: Source, folder: Path) -> Source:
    """The images as `trickbag data prepare --short-side 256` writes them."""
    write_encoded(folder, source, Reencoding(SHORT_SIDE), {}, silent)
    return open_flat(folder, source.classes)[0]


def ours(source: Source, threads: int, count: int) -> Way:
    """`count` images of a store, every image as often, in an order drawn anew."""
    images = seen(source, View(resize=SHORT_SIDE, form="originals")).train_images
    assert isinstance(images, EncodedImages)
    statistics, streams = (torch.zeros(3), torch.ones(3)), Streams(0)
    whole = StreamStore.build(
        images, torch.from_numpy(source.train.labels.copy()), statistics, threads=threads
    )
    store, left = whole.taking([RandomResizedCrop(SIDE), Flip(0.5)], streams)
    every = torch.arange(len(images)).repeat(count // len(images))

    def turn(number: int) -> int:
        order = every[torch.from_numpy(streams.numpy("order", number).permutation(len(every)))]
        steps = [(number, ids) for ids in numbered(order).split(BATCH)]  # type: ignore[no-untyped-call]
        for (epoch, ids), (x, _) in zip(steps, store.batches(steps), strict=True):
            for operation in left:
                x = operation(x, streams.images(epoch, ids))
        return len(every)

    return turn


def one_by_one(pictures: Pictures) -> Way:
    """Every image once, stacked, in this process."""

    def turn(number: int) -> int:
        order = np.random.default_rng(number).permutation(len(pictures))
        torch.stack([pictures[i][0] for i in order])
        return len(order)

    return turn


def with_workers(source: Source, count: int) -> Way:
    """A DataLoader with two worker processes that stay."""
    pictures = Pictures(source.train.images, count // len(source.train.images))
    chosen = RandomSampler(pictures)
    loader = DataLoader(pictures, BATCH, sampler=chosen, num_workers=2, persistent_workers=True)
    return lambda number: sum(len(x) for x, _ in loader)


def of_timm(source: Source, count: int) -> Way:
    """timm's training loader with two workers: crop and flip alone, and bytes, since it normalises on the device."""
    pictures = Pictures(source.train.images, count // len(source.train.images))
    loader = create_loader(
        pictures,  # type: ignore[arg-type]
        SIDE,
        BATCH,
        is_training=True,
        num_workers=2,
        color_jitter=0.0,
        device=torch.device("cpu"),
    ).loader
    return lambda number: sum(len(x) for x, _ in loader)


def measured(root: Path, folder: Path, turns: int, count: int) -> Iterator[Measured]:
    """The images of `root`, and their re-encoded copies in the empty `folder`: per core, and with both cores."""
    source = source_of(root)
    small, some = reencoded(source, folder), 16 * len(source.train.images)
    torch.set_num_threads(1)
    yield measure(
        f"ImageNet, decode + random resized crop {SIDE} + flip",
        {
            "trickbag": ours(source, 1, some),
            f"trickbag, prepared at {SHORT_SIDE}": ours(small, 1, some),
            "torchvision, PIL": one_by_one(Pictures(source.train.images, 16)),
            f"torchvision, PIL, prepared at {SHORT_SIDE}": one_by_one(Pictures(small.train.images, 16)),
        },
        clock="cpu",
        reference="torchvision, PIL",
        turns=turns,
        limits={"trickbag": ORIGINALS, f"trickbag, prepared at {SHORT_SIDE}": PREPARED},
    )
    yield measure(
        f"ImageNet, the whole loader on two cores, epochs of {count} images",
        {
            "trickbag, 2 threads": ours(source, 2, count),
            f"trickbag, 2 threads, prepared at {SHORT_SIDE}": ours(small, 2, count),
            "DataLoader, PIL, 2 workers": with_workers(source, count),
            "timm, 2 workers": of_timm(source, count),
        },
        clock="wall",
        reference="DataLoader, PIL, 2 workers",
        turns=turns,
        limits={"trickbag, 2 threads": LOADER},
    )
