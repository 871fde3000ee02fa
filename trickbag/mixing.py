"""Mixing of the images of a batch, and of their targets."""

import numpy as np
from torch import Tensor
from torch.nn import functional


def draw_lambda(generator: np.random.Generator, alpha: float) -> float:
    """The share of the first image, from Beta(alpha, alpha), alpha > 0."""
    return float(generator.beta(alpha, alpha))


def mixup(x: Tensor, y: Tensor, lam: float, num_classes: int) -> tuple[Tensor, Tensor]:
    """Mix every image with the one before it in the batch, and the targets alike (Zhang et al. 2018).

    x float [B, C, H, W], in any memory format, which it keeps; y int64 [B] or probabilities [B, K]. Returns
    the mixed x and float32 probabilities [B, K]. One λ per batch and the partner by rolling, as in
    torchvision; the released code of He et al. 2018 reverses the batch instead, which leaves the middle image
    of an odd batch unmixed. In a shuffled batch both are random partners.
    """
    targets = functional.one_hot(y, num_classes).float() if y.ndim == 1 else y.float()
    return _mix(x, lam), _mix(targets, lam)


def _mix(values: Tensor, lam: float) -> Tensor:
    """λ of each row and 1 - λ of the row before it (of the last, for the first)."""
    return values.roll(1, 0).mul_(1 - lam).add_(values.mul(lam))
