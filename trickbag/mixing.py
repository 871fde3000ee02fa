"""Mixing of the images of a batch, and of their targets."""

import math
from typing import NamedTuple

import numpy as np
from torch import Tensor
from torch.nn import functional


class Box(NamedTuple):
    """A rectangle of pixels: rows `top` to `bottom` - 1, columns `left` to `right` - 1."""

    top: int
    left: int
    bottom: int
    right: int

    def share(self, height: int, width: int) -> float:
        """Its share of an image's area."""
        return (self.bottom - self.top) * (self.right - self.left) / (height * width)


def draw_lambda(generator: np.random.Generator, alpha: float) -> float:
    """The share of the first image, from Beta(alpha, alpha), alpha > 0."""
    return float(generator.beta(alpha, alpha))


def draw_box(generator: np.random.Generator, lam: float, height: int, width: int) -> Box:
    """A box of the image's shape and a share 1 - `lam` of its area around a uniform pixel, cut at the edges.

    Yun et al. 2019, Section 3.1, with halves of the sides in whole pixels, as in torchvision.
    """
    row, column = int(generator.integers(height)), int(generator.integers(width))
    half = 0.5 * math.sqrt(1 - lam)
    down, across = int(half * height), int(half * width)
    return Box(
        max(row - down, 0), max(column - across, 0), min(row + down, height), min(column + across, width)
    )


def draw_patch(generator: np.random.Generator, scale: tuple[float, float], height: int, width: int) -> Box:
    """A box of the image's shape whose sides are a uniform share in `scale` of it, anywhere inside the image.

    Qin et al. 2020; at least one pixel.
    """
    share = generator.uniform(*scale)
    down, across = max(1, int(share * height)), max(1, int(share * width))
    top, left = int(generator.integers(height - down + 1)), int(generator.integers(width - across + 1))
    return Box(top, left, top + down, left + across)


def mixup(x: Tensor, y: Tensor, lam: float, num_classes: int) -> tuple[Tensor, Tensor]:
    """Mix every image with the one before it in the batch, and the targets alike (Zhang et al. 2018).

    x float [B, C, H, W], in any memory format, which it keeps; y int64 [B] or probabilities [B, K]. Returns
    the mixed x and float32 probabilities [B, K]. One λ per batch and the partner by rolling, as in
    torchvision; the released code of He et al. 2018 reverses the batch instead, which leaves the middle image
    of an odd batch unmixed. In a shuffled batch both are random partners.
    """
    return _mix(x, lam), _mix(probabilities(y, num_classes), lam)


def cutmix(x: Tensor, y: Tensor, box: Box, num_classes: int) -> tuple[Tensor, Tensor]:
    """Put the box of the image before it in the batch into every image (Yun et al. 2019, equation 1).

    Shapes as for `mixup`; the targets are mixed by the areas, after the box has been cut at the edges.
    """
    targets = probabilities(y, num_classes)
    return _paste(x, box, _cut(x.roll(1, 0), box)), _mix(targets, 1 - box.share(*x.shape[2:]))


def resize_mix(x: Tensor, y: Tensor, box: Box, num_classes: int) -> tuple[Tensor, Tensor]:
    """Put all of the image before it in the batch, made smaller, into the box of every image (Qin et al. 2020).

    Shapes as for `mixup`; the targets are mixed by the areas. Bilinear with antialiasing.
    """
    size = [box.bottom - box.top, box.right - box.left]
    small = functional.interpolate(
        x.roll(1, 0).float(), size, mode="bilinear", antialias=True, align_corners=False
    )
    targets = probabilities(y, num_classes)
    return _paste(x, box, small), _mix(targets, 1 - box.share(*x.shape[2:]))


def probabilities(y: Tensor, num_classes: int) -> Tensor:
    """Targets as float32 probabilities [B, K], from classes int64 [B] or from probabilities."""
    return functional.one_hot(y, num_classes).float() if y.ndim == 1 else y.float()


def _mix(values: Tensor, lam: float) -> Tensor:
    """λ of each row and 1 - λ of the row before it (of the last, for the first)."""
    return values.roll(1, 0).mul_(1 - lam).add_(values.mul(lam))


def _cut(x: Tensor, box: Box) -> Tensor:
    """The part of the images inside the box, a view."""
    return x[:, :, box.top : box.bottom, box.left : box.right]


def _paste(x: Tensor, box: Box, content: Tensor) -> Tensor:
    """The images with other content in the box."""
    out = x.clone()
    _cut(out, box).copy_(content)
    return out
