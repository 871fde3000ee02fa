"""Random resized crop (Szegedy et al. 2015): a random box of each image, resized with antialiasing."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from trickbag.errors import InputError
from trickbag.rng import ImageDraws

_TRIES = 10


@dataclass(frozen=True)
class RandomResizedCrop:
    """A box of a share `scale` of the area and an aspect ratio in `ratio`, resized to `size` (or None)."""

    rank: ClassVar[int] = 10
    size: int | None = None
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        """Check the arguments."""
        if self.size is not None and self.size < 1:
            raise InputError(f"random_resized_crop: size is {self.size}; it must be at least 1 pixel")
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise InputError(f"random_resized_crop: scale is {self.scale}; it must be 0 < low <= high <= 1")
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise InputError(f"random_resized_crop: ratio is {self.ratio}; it must be 0 < low <= high")

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """Cut and resize a box of its own from every image."""
        height, width = x.shape[2:]
        boxes = self.boxes(draws, height, width)
        return resized_crop(x, boxes, self.size or height, self.size or width)

    def boxes(self, draws: ImageDraws, height: int | Tensor, width: int | Tensor) -> Tensor:
        """The box of each image, int64 [B, 4] (top, left, height, width); its size may be one of its own."""
        uniform = draws.uniform("random_resized_crop", 2 * _TRIES + 2)
        return random_boxes(uniform, height, width, self.scale, self.ratio)


def random_boxes(
    uniform: Tensor,
    height: int | Tensor,
    width: int | Tensor,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> Tensor:
    """Boxes int64 [B, 4] (top, left, height, width) from uniform draws [B, 22], as torchvision draws them.

    The images have one size, or each its own (int64 [B]). The first of ten tries (area uniform, aspect ratio
    log-uniform) that fits into the image is taken; if none does, the largest centre box whose aspect ratio is
    allowed. Nothing is read back from the device of the draws, nor written to it.
    """
    whole = torch.stack([_per_image(side, uniform) for side in (height, width)], 1)
    tries = random_sides(uniform, whole[:, :1], whole[:, 1:], scale, ratio)
    fits = ((tries > 0) & (tries <= whole[:, None])).all(2)
    first = fits.byte().argmax(1)
    sides = tries[torch.arange(len(uniform), device=uniform.device), first]
    corners = (uniform[:, 2 * _TRIES :].double() * (whole - sides + 1)).floor()
    boxes = torch.where(
        fits.any(1, keepdim=True), torch.cat([corners, sides], 1), _centre_boxes(whole, ratio)
    )
    return boxes.long()


def _per_image(side: int | Tensor, uniform: Tensor) -> Tensor:
    """A side of each image, float64 [B], beside its draws [B, 22]."""
    if isinstance(side, Tensor):
        return side.double()
    return torch.full((len(uniform),), side, dtype=torch.float64, device=uniform.device)


def random_sides(
    uniform: Tensor,
    height: int | Tensor,
    width: int | Tensor,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> Tensor:
    """Whole (height, width), float64 [B, 10, 2], of ten boxes per image; `ratio` is width / height.

    The images have one size, or each its own (float64 [B, 1]).
    """
    u = uniform.double()
    area = height * width * (scale[0] + (scale[1] - scale[0]) * u[:, :_TRIES])
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = torch.exp(low + (high - low) * u[:, _TRIES : 2 * _TRIES])
    return torch.stack([(area / aspect).sqrt().round(), (area * aspect).sqrt().round()], 2)


def _centre_boxes(whole: Tensor, ratio: tuple[float, float]) -> Tensor:
    """The centre boxes (top, left, height, width), float64 [B, 4], of images (height, width) that no try fits."""
    height, width = whole.unbind(1)
    h = torch.where(width / height < ratio[0], (width / ratio[0]).round(), height)
    w = torch.where(width / height > ratio[1], (height * ratio[1]).round(), width)
    sides = torch.stack([h, w], 1)
    return torch.cat([((whole - sides) / 2).floor(), sides], 1)


def resized_crop(x: Tensor, boxes: Tensor, height: int, width: int) -> Tensor:
    """The box of each image [B, C, H, W], resized to height × width by antialiased bilinear interpolation.

    On the CPU torch's own kernel runs image by image, which is 2 (32 pixels) to 12 (256 pixels) times as fast
    there as the matrix products that do a whole batch at once on other devices.
    """
    if x.device.type != "cpu":
        return resized_crop_batched(x, boxes, height, width)
    parts = [
        F.interpolate(image[None, :, t : t + h, l : l + w], (height, width), mode="bilinear", antialias=True)
        for image, (t, l, h, w) in zip(x, boxes.tolist(), strict=True)  # noqa: E741
    ]
    return torch.cat(parts)


def resized_crop_batched(x: Tensor, boxes: Tensor, height: int, width: int) -> Tensor:
    """`resized_crop` as two batched matrix products, vertical · image · horizontal, with a box per image."""
    vertical = interpolation_matrices(boxes[:, 0], boxes[:, 2], x.shape[2], height)
    horizontal = interpolation_matrices(boxes[:, 1], boxes[:, 3], x.shape[3], width)
    resized = vertical[:, None] @ (x.float() @ horizontal.mT[:, None])
    return resized if x.is_floating_point() else resized.round_().clamp_(0, 255).to(x.dtype)


def interpolation_matrices(start: Tensor, length: Tensor, size: int, out: int) -> Tensor:
    """float32 [B, out, size]: weights of `size` pixels in each of `out` that cover [start, start + length).

    The triangle filter of PIL's and torch's antialiased bilinear resize: its half-width is one output pixel,
    or one input pixel when enlarging; pixels outside the box have no weight.
    """
    step = (length / out)[:, None]
    centres = start[:, None] + step * (torch.arange(out, device=start.device) + 0.5)
    pixels = torch.arange(size, device=start.device) + 0.5
    weights = 1 - (pixels - centres[:, :, None]).abs() / step.clamp(min=1)[:, :, None]
    inside = (pixels > start[:, None]) & (pixels < (start + length)[:, None])
    weights = weights.clamp_(min=0) * inside[:, None]
    return weights / weights.sum(2, keepdim=True)
