"""Evaluation: every image exactly once, one top-1 and one top-5 bit per image."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trickbag.train.seams import Network

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


@torch.inference_mode()
def evaluate(network: Network, ids: Tensor, batches: Iterable[tuple[Tensor, Tensor]]) -> Bits:
    """Run the network over batches (normalised x [B, C, H, W], y int64 [B]) of the images `ids`, in order."""
    hits = torch.cat([_hits(network(x), y) for x, y in batches]).cpu().numpy()
    return Bits(ids.cpu().numpy(), hits[:, 0], hits[:, 1:].any(axis=1) | hits[:, 0])


def _hits(logits: Tensor, y: Tensor) -> Tensor:
    """Bool [B, min(5, K)]: at which of the first five guesses the class stands."""
    guesses = logits.float().topk(min(5, logits.shape[1]), dim=1).indices
    return guesses == y[:, None]
