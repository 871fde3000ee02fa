"""Evaluation: every image exactly once, one top-1 and one top-5 bit per image."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trickbag.train.seams import Network


@dataclass(frozen=True)
class Bits:
    """Whether each image's class was the first guess, and among the first five (in order of image ids)."""

    ids: NDArray[np.int64]
    top1: NDArray[np.bool_]
    top5: NDArray[np.bool_]

    def accuracy(self, k: int) -> float:
        """Top-1 or top-5 accuracy in percent."""
        return 100.0 * float((self.top1 if k == 1 else self.top5).mean())


@torch.inference_mode()
def evaluate(network: Network, ids: Tensor, batches: Iterable[tuple[Tensor, Tensor]]) -> Bits:
    """Run the network over batches (normalised x [B, C, H, W], y int64 [B]) of the images `ids`, in order."""
    hits = torch.cat([_hits(network(x), y) for x, y in batches]).cpu().numpy()
    return Bits(ids.cpu().numpy(), hits[:, 0], hits[:, 1:].any(axis=1) | hits[:, 0])


def _hits(logits: Tensor, y: Tensor) -> Tensor:
    """Bool [B, min(5, K)]: at which of the first five guesses the class stands."""
    guesses = logits.float().topk(min(5, logits.shape[1]), dim=1).indices
    return guesses == y[:, None]
