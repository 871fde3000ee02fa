"""AugMix (Hendrycks et al. 2020): each image mixed with several chains of operations on itself."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from trickbag.data.sample.policies import pick
from trickbag.data.sample.spaces import (
    Choice,
    Interpolation,
    Space,
    apply,
    as_bytes,
    check_interpolation,
    space,
)
from trickbag.errors import InputError
from trickbag.rng import ImageDraws

BINS = 10  # levels of strength; `severity` of them are used
TRIES = 8  # of the rejection method, which accepts more than 95 % of the time


@dataclass(frozen=True)
class AugMix:
    """The image and `width` chains of `depth` operations on it, mixed by weights of its own (Algorithm 1).

    The chains' weights are Dirichlet(`alpha`), the image's against theirs Beta(`alpha`, `alpha`); a `depth` of -1
    draws 1 to 3 for each chain. Operations and defaults as in torchvision. uint8 images out. The paper's
    consistency loss is not part of it.
    """

    rank: ClassVar[int] = 35
    severity: int = 3
    width: int = 3
    depth: int = -1
    alpha: float = 1.0
    all_ops: bool = True
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        """Check the arguments."""
        for name, low, high in (("severity", 1, BINS), ("width", 1, 8)):
            if not low <= getattr(self, name) <= high:
                raise InputError(
                    f"augmix: {name} is {getattr(self, name)}; it must be between {low} and {high}"
                )
        if self.depth != -1 and not 1 <= self.depth <= 16:
            raise InputError(f"augmix: depth is {self.depth}; it must be between 1 and 16, or -1 to draw it")
        if self.alpha <= 0:
            raise InputError(f"augmix: alpha is {self.alpha}; it must be above 0")
        check_interpolation("augmix", self.interpolation)

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """Mix every image by draws of its own."""
        x = as_bytes(x)
        own, chained = dirichlet(draws, "augmix.image", self.alpha, 2).unbind(1)
        weights = dirichlet(draws, "augmix.chains", self.alpha, self.width) * chained[:, None]
        mixed = own.view(-1, 1, 1, 1) * x
        for i in range(self.width):
            mixed.addcmul_(weights[:, i].view(-1, 1, 1, 1), self.chain(x, draws, i))
        return mixed.clamp_(0, 255).to(torch.uint8)  # truncated, as torchvision does

    def chain(self, x: Tensor, draws: ImageDraws, i: int) -> Tensor:
        """The `i`-th chain of operations on uint8 images."""
        scales = augmix_space(x.shape[2], x.shape[3], self.all_ops)
        longest = 3 if self.depth == -1 else self.depth
        u = draws.uniform(f"augmix.chain{i}", 1 + 3 * longest)
        depth = 1 + pick(u[:, 0], longest) if self.depth == -1 else torch.full_like(draws.ids, longest)
        for j in range(longest):
            drawn = u[:, 1 + 3 * j : 4 + 3 * j]
            # Identity stands first in the space: it is never drawn, but is what goes on after a chain's end.
            operation = (1 + pick(drawn[:, 0], len(scales) - 1)) * (j < depth)
            choice = Choice(operation, pick(drawn[:, 1], self.severity), pick(drawn[:, 2], 2))
            x = apply(x, scales, choice, self.interpolation)
        return x


@lru_cache(maxsize=32)
def augmix_space(height: int, width: int, all_ops: bool) -> Space:
    """Identity and the 13 operations of AugMix, or without those that the benchmarks' corruptions resemble."""
    left_out = () if all_ops else ("brightness", "colour", "contrast", "sharpness")
    scales = space(BINS, shear=0.3, shift=(width / 3.0, height / 3.0), angle=30.0, tone=0.9, bits=(4, 0))
    return tuple(scale for scale in scales if scale.operation not in left_out)


def dirichlet(draws: ImageDraws, name: str, alpha: float, k: int) -> Tensor:
    """Dirichlet(alpha, …, alpha), float32 [B, k], k up to 8, for each image; Beta(alpha, alpha) for k = 2.

    Normalised gamma variates (Marsaglia and Tsang 2000, "A simple method for generating gamma variables"): of
    shape alpha + 1 by rejection, in float64, then made alpha by u^(1 / alpha) in logarithms.
    """
    d = alpha + 1 - 1 / 3
    normal = draws.normal(f"{name}.normal", k * TRIES).double().view(-1, k, TRIES)
    v = (1 + normal / (9 * d) ** 0.5).clamp(min=0) ** 3
    u = draws.uniform(f"{name}.accept", k * TRIES).double().view(-1, k, TRIES)
    accepted = (v > 0) & (u.log() < 0.5 * normal**2 + d - d * v + d * v.log())
    v = v.gather(2, accepted.byte().argmax(2, keepdim=True))[:, :, 0]
    boost = (draws.uniform(f"{name}.boost", k).double() + 2.0**-25).log() / alpha
    weights: Tensor = (v.log() + boost).softmax(1)
    return weights.float()
