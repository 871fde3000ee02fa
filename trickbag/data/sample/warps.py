"""Shear, translation and rotation with a magnitude for each image, by nearest or bilinear interpolation.

Nearest neighbours fall on ties (half-way between two pixels) at many magnitudes, where the last digit of the
arithmetic decides. So torchvision itself says once which pixel goes where, for each of the few magnitudes of a
policy; after that a batch is one gather.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Magnitudes = tuple[float, ...]


def nearest(x: Tensor, name: str, magnitudes: Magnitudes, which: Tensor) -> Tensor:
    """The images [B, C, H, W] under the operation `name` with `magnitudes[which]`, which int64 [B].

    Pixels from outside are black, as in torchvision.
    """
    height, width = x.shape[2:]
    source = x.new_zeros(*x.shape[:2], height * width + 1)
    source[:, :, 1:] = x.flatten(2)
    pixels = pixel_maps(name, magnitudes, height, width, x.device).index_select(0, which).long()
    return source.gather(2, pixels[:, None].expand(-1, x.shape[1], -1)).view(x.shape)


@lru_cache(maxsize=32)  # six policies' worth; 12 MB each for 62 magnitudes at 224 pixels
def pixel_maps(name: str, magnitudes: Magnitudes, height: int, width: int, device: torch.device) -> Tensor:
    """int32 [magnitudes, height · width]: the pixel, counted from 1, that each one comes from; 0 is outside."""
    numbers = torch.arange(1, height * width + 1, dtype=torch.float32).view(1, height, width)
    return torch.stack([REFERENCES[name](numbers, m).flatten() for m in magnitudes]).int().to(device)


def bilinear(x: Tensor, name: str, magnitudes: Magnitudes, which: Tensor) -> Tensor:
    """As `nearest`, but of uint8 images and by bilinear interpolation."""
    height, width = x.shape[2:]
    m = matrices(name, magnitudes, height, width, x.device)[which, :, :, None, None]
    columns = torch.arange(width, device=x.device) - (width - 1) / 2
    rows = (torch.arange(height, device=x.device) - (height - 1) / 2)[:, None]
    grid = torch.addcmul(columns * m[:, :, 0], rows, m[:, :, 1]) + m[:, :, 2]
    out = F.grid_sample(x.float(), grid.permute(0, 2, 3, 1), align_corners=False)
    return out.round_().clamp_(0, 255).to(x.dtype)


@lru_cache(maxsize=32)
def matrices(name: str, magnitudes: Magnitudes, height: int, width: int, device: torch.device) -> Tensor:
    """float32 [magnitudes, 2, 3]: a pixel (x, y, 1) from the centre -> where it comes from, in [-1, 1]."""
    in_pixels = torch.tensor([MATRICES[name](m, height, width) for m in magnitudes], device=device)
    return in_pixels.view(-1, 2, 3) / torch.tensor([[width / 2], [height / 2]], device=device)


def reference() -> Any:
    """torchvision's functions; importing them takes two seconds, which only these warps pay."""
    return import_module("torchvision.transforms").functional


def _affine(x: Tensor, shift: list[int], shear: list[float], centre: list[int] | None = None) -> Tensor:
    """torchvision's affine map without turning and scaling."""
    moved: Tensor = reference().affine(x, angle=0.0, translate=shift, scale=1.0, shear=shear, center=centre)
    return moved


def _angle(slope: float) -> float:
    """The shear in degrees whose slope is given."""
    return math.degrees(math.atan(slope))


# Shears keep the top left corner where it is, the others the centre; torchvision's `_apply_op` does the same.
REFERENCES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "shear_x": lambda x, m: _affine(x, [0, 0], [_angle(m), 0.0], [0, 0]),
    "shear_y": lambda x, m: _affine(x, [0, 0], [0.0, _angle(m)], [0, 0]),
    "translate_x": lambda x, m: _affine(x, [int(m), 0], [0.0, 0.0]),
    "translate_y": lambda x, m: _affine(x, [0, int(m)], [0.0, 0.0]),
    "rotate": lambda x, m: reference().rotate(x, m),
}

# (a, b, c, d, e, f): a pixel at (x, y) from the centre comes from (a x + b y + c, d x + e y + f).
MATRICES: dict[str, Callable[[float, int, int], tuple[float, ...]]] = {
    "shear_x": lambda m, height, width: (1.0, m, m * height / 2, 0.0, 1.0, 0.0),
    "shear_y": lambda m, height, width: (1.0, 0.0, 0.0, m, 1.0, m * width / 2),
    "translate_x": lambda m, height, width: (1.0, 0.0, -float(int(m)), 0.0, 1.0, 0.0),
    "translate_y": lambda m, height, width: (1.0, 0.0, 0.0, 0.0, 1.0, -float(int(m))),
    "rotate": lambda m, height, width: (*_turn(m)[0], 0.0, *_turn(m)[1], 0.0),
}


def _turn(degrees: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The rotation matrix, counter-clockwise on the screen."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return (cosine, -sine), (sine, cosine)
