"""CIFAR-sized images in memory: padded by 4, cropped, flipped and normalised, in an order drawn anew."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms import v2

from benchmarks.loaders.turns import Measured, Way, measure
from trickbag.data import MemoryStore
from trickbag.data.sample.geometry import Flip, PadCrop
from trickbag.rng import Streams

COUNT, BATCH = 50_000, 512
MEAN, SD = (125.3, 123.0, 113.9), (63.0, 62.1, 66.7)  # of CIFAR-10's training images, 0 … 255
LIMIT = 30  # times torchvision's PIL path, per core: what we promise

SCALED = [level / 255 for level in MEAN], [level / 255 for level in SD]
OF_PIL = transforms.Compose(
    [
        transforms.RandomCrop(32, 4),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(*SCALED),
    ]
)
OF_TENSOR = v2.Compose(
    [
        v2.RandomCrop(32, 4),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(*SCALED),
    ]
)


class Pictures(Dataset[Tensor]):
    """What torchvision's CIFAR10 does for an image: an array becomes a PIL image and goes through transforms."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        """Images uint8 [N, 32, 32, 3]."""
        self.images = images

    def __len__(self) -> int:
        """How many images."""
        return len(self.images)

    def __getitem__(self, i: int) -> Tensor:
        """Image `i`, float32 [3, 32, 32]."""
        result: Tensor = OF_PIL(Image.fromarray(self.images[i]))
        return result


def ours(images: Tensor, batches: int) -> Way:
    """Batches as a run takes them from its store, with the operations that the store leaves to the loop."""
    statistics = torch.tensor(MEAN), torch.tensor(SD)
    streams = Streams(0)
    whole = MemoryStore.build(images, torch.zeros(COUNT, dtype=torch.int64), statistics)
    store, left = whole.taking([PadCrop(4), Flip(0.5)], streams)

    def turn(number: int) -> int:
        order = torch.from_numpy(streams.numpy("order", number).permutation(COUNT))
        steps = [(number, ids) for ids in order[: batches * BATCH].split(BATCH)]  # type: ignore[no-untyped-call]
        for (epoch, ids), (x, _) in zip(steps, store.batches(steps), strict=True):
            draws = streams.images(epoch, ids)
            for operation in left:
                x = operation(x, draws)
            store.normalise(x)
        return batches * BATCH

    return turn


def one_by_one(dataset: Dataset[Tensor], batches: int) -> Way:
    """Batches of single images, stacked, in this process."""

    def turn(number: int) -> int:
        order = np.random.default_rng(number).permutation(COUNT)[: batches * BATCH]
        for ids in order.reshape(batches, BATCH):
            torch.stack([dataset[i] for i in ids])
        return batches * BATCH

    return turn


class Tensors(Dataset[Tensor]):
    """Images as tensors, through torchvision's v2 transforms."""

    def __init__(self, images: Tensor) -> None:
        """Images uint8 [N, 3, 32, 32]."""
        self.images = images

    def __getitem__(self, i: int) -> Tensor:
        """Image `i`, float32 [3, 32, 32]."""
        result: Tensor = OF_TENSOR(self.images[i])
        return result


def with_workers(dataset: Dataset[Tensor], batches: int) -> Way:
    """A DataLoader with two worker processes that stay."""
    chosen = torch.utils.data.RandomSampler(dataset, num_samples=batches * BATCH)  # type: ignore[arg-type]
    loader = DataLoader(dataset, BATCH, sampler=chosen, num_workers=2, persistent_workers=True)
    return lambda number: sum(len(x) for x in loader)


def measured(turns: int) -> Iterator[Measured]:
    """Per core, and with both cores."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (COUNT, 3, 32, 32), dtype=torch.uint8, generator=generator)
    pictures = Pictures(images.permute(0, 2, 3, 1).contiguous().numpy())
    torch.set_num_threads(1)
    yield measure(
        "CIFAR, crop + flip + normalise",
        {
            "trickbag": ours(images, 16),
            "torchvision, PIL": one_by_one(pictures, 1),
            "torchvision v2, tensors": one_by_one(Tensors(images), 1),
        },
        clock="cpu",
        reference="torchvision, PIL",
        turns=4 * turns,
        limits={"trickbag": LIMIT},
    )
    torch.set_num_threads(2)
    yield measure(
        "CIFAR, the whole loader on two cores",
        {"trickbag": ours(images, 96), "DataLoader, PIL": with_workers(pictures, 16)},
        clock="wall",
        reference="DataLoader, PIL",
        turns=turns,
    )
    torch.set_num_threads(1)
