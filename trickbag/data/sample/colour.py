"""Random brightness, contrast, saturation and hue, with coefficients of its own for each image."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from trickbag.errors import InputError
from trickbag.rng import ImageDraws

_GREY = (0.2989, 0.587, 0.114)  # ITU-R BT.601 luma as torchvision rounds it


@dataclass(frozen=True)
class ColourJitter:
    """Brightness, contrast and saturation coefficients uniform in [1 - s, 1 + s], hue turned by up to ±`hue`.

    In this order; a strength of 0 leaves its operation out. Defaults: the released code of He et al. 2018
    (0.4, 0.4, 0.4, no hue), whose paper says hue, saturation and brightness instead. `hue` is a share of the
    full turn, as in torchvision.
    """

    rank: ClassVar[int] = 40
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.0

    def __post_init__(self) -> None:
        """Check the strengths."""
        for name, high in (("brightness", 1.0), ("contrast", 1.0), ("saturation", 1.0), ("hue", 0.5)):
            if not 0 <= getattr(self, name) <= high:
                raise InputError(
                    f"color_jitter: {name} is {getattr(self, name)}; it must be between 0 and {high}"
                )

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """float32 images on the [0, 255] scale."""
        if x.shape[1] != 3 and (self.saturation or self.hue):
            raise InputError(
                f"color_jitter: images with {x.shape[1]} channel have no saturation or hue; set both to 0"
            )
        x = x.float()
        u = 2 * draws.uniform("color_jitter", 4) - 1
        if self.brightness:
            x = adjust_brightness(x, 1 + self.brightness * u[:, 0])
        if self.contrast:
            x = adjust_contrast(x, 1 + self.contrast * u[:, 1])
        if self.saturation:
            x = adjust_saturation(x, 1 + self.saturation * u[:, 2])
        if self.hue:
            x = adjust_hue(x, self.hue * u[:, 3])
        return x


def adjust_brightness(x: Tensor, factor: Tensor) -> Tensor:
    """Images float32 [B, C, H, W] times their factor [B], clamped to [0, 255]."""
    return (x * factor.view(-1, 1, 1, 1)).clamp_(0, 255)


def adjust_contrast(x: Tensor, factor: Tensor) -> Tensor:
    """Images blended with their mean grey value."""
    return _blend(x, _grey(x).mean((1, 2, 3), keepdim=True), factor)


def adjust_saturation(x: Tensor, factor: Tensor) -> Tensor:
    """Images blended with their grey version."""
    return _blend(x, _grey(x), factor)


def adjust_hue(x: Tensor, turn: Tensor) -> Tensor:
    """RGB images with the hue of the HSV space turned by `turn` [B], in shares of the full turn.

    HSV to RGB by f(n) = v - v s max(0, min(k, 4 - k, 1)), k = (n + 6 h) mod 6, for n = 5, 3, 1.
    """
    low, high = x.amin(1), x.amax(1)
    chroma = high - low  # v s
    r, g, b = x.unbind(1)
    safe = torch.where(chroma == 0, 1, chroma)
    sector = torch.where(
        high == r, (g - b) / safe, torch.where(high == g, 2 + (b - r) / safe, 4 + (r - g) / safe)
    )
    sector = sector + 6 * turn.view(-1, 1, 1)
    parts = [(n + sector).remainder(6) for n in (5, 3, 1)]
    return torch.stack([high - chroma * torch.minimum(k, 4 - k).clamp_(0, 1) for k in parts], 1)


def _grey(x: Tensor) -> Tensor:
    """The grey version [B, 1, H, W] of RGB images; grey images as they are."""
    if x.shape[1] == 1:
        return x
    r, g, b = x.unbind(1)
    return (_GREY[0] * r + _GREY[1] * g + _GREY[2] * b)[:, None]


def _blend(x: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """factor · x + (1 - factor) · other, clamped to [0, 255]; the factor has one value per image."""
    factor = factor.view(-1, 1, 1, 1)
    return (factor * x + (1 - factor) * other).clamp_(0, 255)
