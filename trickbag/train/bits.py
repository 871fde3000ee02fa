"""What evaluation finds: one top-1 and one top-5 bit per image, and accuracies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
