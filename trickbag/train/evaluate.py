"""Evaluation: every image exactly once, one top-1 and one top-5 bit per image."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trickbag.train.seams import Network
from trickbag.train.world import World

EVALUATION_BATCH = 500  # images; a divisor of the usual 5,000 and 10,000
IMBALANCE = 1.5  # times as many images in the largest class as in the smallest


@dataclass(frozen=True)
class Bits:
    """Whether each image's class was the first guess, and among the first five (in order of image ids)."""

    ids: NDArray[np.int64]
    top1: NDArray[np.bool_]
    top5: NDArray[np.bool_]

    def accuracy(self, k: int) -> float:
        """Top-1 or top-5 accuracy in percent."""
        return 100.0 * float((self.top1 if k == 1 else self.top5).mean())


def is_imbalanced(counts: NDArray[np.int64]) -> bool:
    """Whether classes of so many images each (int64 [K]) differ so much that top-1 hides the small ones."""
    return bool(counts.max() > IMBALANCE * counts.min())


def class_accuracy(hits: NDArray[np.bool_], labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Accuracy in percent within each class, float64 [classes], from the bits of N images and their labels.

    NaN for a class without images. The mean of the others is the balanced accuracy.
    """
    images = np.bincount(labels, minlength=classes)
    right = np.bincount(labels[hits], minlength=classes)
    accuracy = np.full(classes, np.nan)
    np.divide(100.0 * right, images, out=accuracy, where=images > 0)
    return accuracy


Batches = Iterable[tuple[Tensor, Tensor]]
"""Normalised images x [B, C, H, W] and their labels y int64 [B]."""


@torch.inference_mode()
def evaluate(network: Network, ids: Tensor, batches_of: Callable[[Tensor], Batches], world: World) -> Bits:
    """Run the network over the images `ids` (int64 [N], on the CPU): each of them once, in any world the same bits.

    Of `world.size` processes each takes every `world.size`-th batch of `EVALUATION_BATCH` images, whole, since the
    last digits of a sum may depend on the size of its batch. `batches_of` serves images in batches of that size.
    """
    mine = torch.split(torch.arange(len(ids)), EVALUATION_BATCH)[world.rank :: world.size]
    places = torch.cat([torch.arange(0), *mine])
    found = [_hits(network(x), y) for x, y in batches_of(ids[places])]
    hits = torch.zeros(len(ids), 2, dtype=torch.uint8)
    if found:
        hits[places] = torch.cat(found).to("cpu", torch.uint8)
    top1, top5 = world.summed(hits).bool().numpy().T
    return Bits(ids.numpy(), top1, top5)


def _hits(logits: Tensor, y: Tensor) -> Tensor:
    """Bool [B, 2]: whether the class is the first guess, and whether it is among the first five."""
    guesses = logits.float().topk(min(5, logits.shape[1]), dim=1).indices
    hits = guesses == y[:, None]
    return torch.stack([hits[:, 0], hits.any(dim=1)], dim=1)
