"""Cutout and random erasing: a rectangle of each image is filled with something that says nothing."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from trickbag.data.sample.resized_crop import random_sides
from trickbag.errors import InputError
from trickbag.rng import ImageDraws

Fill = str | float | tuple[float, ...]
FILLS = ("mean", "noise")


@dataclass(frozen=True)
class Erasing:
    """What cutout and random erasing share: what the rectangle is filled with.

    `fill` is `mean` (the training images' mean of each channel; of the image itself where nobody said what that
    is), `noise` (every value uniform on 0 … 255), or a level for all channels or for each.
    """

    fill: Fill = "mean"

    def knowing(self, mean: Tensor) -> Self:
        """The operation, told the training images' mean of each channel (on the [0, 255] scale)."""
        return replace(self, fill=tuple(mean.flatten().tolist())) if self.fill == "mean" else self

    def _check_fill(self, name: str) -> None:
        """Raise InputError for a fill that there is not."""
        levels = self.fill if isinstance(self.fill, tuple | list) else (self.fill,)
        if self.fill not in FILLS and not all(
            isinstance(level, int | float) and 0 <= level <= 255 for level in levels
        ):
            raise InputError(
                f"{name}: fill is {self.fill!r}; it can be 'mean', 'noise' or grey levels between 0 and 255"
            )

    def _filled(self, x: Tensor, box: Tensor, draws: ImageDraws, name: str) -> Tensor:
        """The images with their box, int64 [B, 4] (top, left, bottom, right), filled."""
        if self.fill == "noise":
            content = draws.noise(f"{name}.noise", x[0].numel()).view(x.shape).to(x.dtype)
        elif self.fill == "mean":
            content = as_levels(x.mean((2, 3), keepdim=True, dtype=torch.float32), x)
        else:
            levels = torch.tensor(self.fill, dtype=torch.float32, device=x.device).view(1, -1, 1, 1)
            if levels.shape[1] not in (1, x.shape[1]):
                raise InputError(
                    f"{name}: fill has {levels.shape[1]} levels, the images have {x.shape[1]} channel(s)"
                )
            content = as_levels(levels, x)
        # Arithmetic with 0 and 1 is exact, and on a CPU a tenth of the time of torch.where on bytes.
        filled = inside(box, x.shape[2], x.shape[3]).to(x.dtype)
        return (x * (1 - filled)).add_(content * filled)


@dataclass(frozen=True)
class Cutout(Erasing):
    """Fill a square around a uniformly drawn pixel; at the edge only a part of it (DeVries and Taylor 2017).

    `size` is its side as a share of the image's shorter one: 0.5 is the paper's 16 of 32 pixels for CIFAR-10,
    0.25 its 8 for CIFAR-100.
    """

    rank: ClassVar[int] = 60
    size: float = 0.5

    def __post_init__(self) -> None:
        """Check the arguments."""
        if not 0 < self.size <= 1:
            raise InputError(f"cutout: size is {self.size}; it must be above 0 and at most 1 (a share)")
        self._check_fill("cutout")

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """Fill a square of its own in every image."""
        box = square(draws.uniform("cutout", 2), x.shape[2], x.shape[3], self.size)
        return self._filled(x, box, draws, "cutout")


@dataclass(frozen=True)
class RandomErasing(Erasing):
    """With probability `p`, fill a rectangle (Zhong et al. 2017, Algorithm 1).

    Its area is a share `scale` of the image's, its height `ratio` times its width, drawn as in torchvision.
    """

    rank: ClassVar[int] = 61
    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)

    def __post_init__(self) -> None:
        """Check the arguments."""
        if not 0 <= self.p <= 1:
            raise InputError(f"random_erasing: p is {self.p}; it must be between 0 and 1")
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise InputError(f"random_erasing: scale is {self.scale}; it must be 0 < low <= high <= 1")
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise InputError(f"random_erasing: ratio is {self.ratio}; it must be 0 < low <= high")
        self._check_fill("random_erasing")

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """Fill a rectangle of its own in some images."""
        u = draws.uniform("random_erasing", 23)
        box = rectangle(u[:, 1:], x.shape[2], x.shape[3], self.scale, self.ratio)
        return self._filled(x, box * (u[:, :1] < self.p), draws, "random_erasing")


def square(uniform: Tensor, height: int, width: int, size: float) -> Tensor:
    """Squares int64 [B, 4] (top, left, bottom, right) around pixels drawn by `uniform` [B, 2], cut at the edge."""
    whole = torch.tensor([height, width], device=uniform.device)
    centre, half = (uniform.double() * whole).long(), int(size * min(height, width)) // 2
    return torch.cat([(centre - half).clamp(min=0), torch.minimum(centre + half, whole)], 1)


def rectangle(
    uniform: Tensor, height: int, width: int, scale: tuple[float, float], ratio: tuple[float, float]
) -> Tensor:
    """Rectangles int64 [B, 4] (top, left, bottom, right) from uniform draws [B, 22], as torchvision draws them.

    The first of ten tries (area uniform, height / width log-uniform) that is smaller than the image both ways is
    taken; empty where none is.
    """
    tries = random_sides(uniform, height, width, scale, ratio).flip(2)
    whole = torch.tensor([height, width], dtype=torch.float64, device=uniform.device)
    fits = (tries < whole).all(2)
    sides = tries[torch.arange(len(uniform), device=uniform.device), fits.byte().argmax(1)]
    corner = (uniform[:, 20:].double() * (whole - sides + 1)).floor()
    return torch.cat([corner, corner + sides], 1).long() * fits.any(1, keepdim=True)


def inside(box: Tensor, height: int, width: int) -> Tensor:
    """uint8 [B, 1, H, W]: 1 for pixels in the box, int64 [B, 4] (top, left, bottom, right), else 0."""
    top, left, bottom, right = box[:, :, None, None, None].unbind(1)
    rows = torch.arange(height, device=box.device)[:, None]
    columns = torch.arange(width, device=box.device)
    return ((rows >= top) & (rows < bottom)).byte() * ((columns >= left) & (columns < right)).byte()


def as_levels(levels: Tensor, x: Tensor) -> Tensor:
    """Levels in the type of the images, rounded where that holds whole numbers."""
    return levels if x.is_floating_point() else levels.round().to(x.dtype)
