"""3-Augment (Touvron, Cord and Jégou 2022, "DeiT III", Section 3.2): grey, solarized or blurred."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from trickbag.data.sample.policies import pick
from trickbag.data.sample.spaces import as_bytes, grouped
from trickbag.data.sample.tones import grayscale, solarize
from trickbag.errors import InputError
from trickbag.rng import ImageDraws


@dataclass(frozen=True)
class ThreeAugment:
    """One of three for every image: grey, values from 128 up inverted, or a Gaussian blur of SD `sigma` pixels.

    The SD is uniform within `sigma`, which is stated for 224-pixel images. The paper's colour jitter and crops are
    operations of their own. uint8 images out.
    """

    rank: ClassVar[int] = 36
    sigma: tuple[float, float] = (0.1, 2.0)

    def __post_init__(self) -> None:
        """Check the arguments."""
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise InputError(f"three_augment: sigma is {self.sigma}; it must be 0 < low <= high")

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """Change every image in one way of its own."""
        u = draws.uniform("three_augment", 2)
        sigma = self.sigma[0] + (self.sigma[1] - self.sigma[0]) * u[:, 1]
        radius = math.ceil(3 * self.sigma[1])
        kernels = (
            lambda images, _: grayscale(images),
            lambda images, index: solarize(images, torch.full_like(sigma[index], 128.0)),
            lambda images, index: gaussian_blur(images, sigma[index], radius),
        )
        return grouped(as_bytes(x), pick(u[:, 0], 3), kernels)


def gaussian_blur(x: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Images uint8 [B, C, H, W] blurred with an SD for each, float32 [B], in pixels.

    The kernel reaches `radius` pixels to each side, or as far as the edges can be mirrored.
    """
    radius = min(radius, *(side - 1 for side in x.shape[2:]))
    places = torch.arange(-radius, radius + 1, device=x.device)
    weights = torch.exp(-0.5 * (places / sigma[:, None]) ** 2)
    weights /= weights.sum(1, keepdim=True)
    out = F.pad(x.float(), [radius] * 4, mode="reflect")
    for axis in (2, 3):
        length = x.shape[axis]
        parts = [out.narrow(axis, k, length) for k in range(2 * radius + 1)]
        out = torch.zeros_like(parts[0])
        for k, part in enumerate(parts):
            out.addcmul_(part, weights[:, k, None, None, None])
    return out.round_().clamp_(0, 255).to(torch.uint8)
