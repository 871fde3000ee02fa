"""Automatic augmentation: TrivialAugment, RandAugment and AutoAugment, drawn for each image."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torchvision import transforms

from trickbag.data.sample.spaces import (
    Choice,
    Interpolation,
    Scale,
    Space,
    apply,
    as_bytes,
    check_interpolation,
    standard_space,
    wide_space,
)
from trickbag.errors import InputError
from trickbag.rng import ImageDraws

MAX_OPS = 16  # operations in a row that RandAugment may do
Policy = Literal["imagenet", "cifar10", "svhn"]


@dataclass(frozen=True)
class TrivialAugment:
    """One operation of the wide space at one of `bins` strengths, both uniform (Müller and Hutter 2021).

    TrivialAugmentWide as in torchvision. uint8 images out.
    """

    rank: ClassVar[int] = 35
    bins: int = 31
    interpolation: Interpolation = "nearest"

    def __post_init__(self) -> None:
        """Check the arguments."""
        check_bins("trivial_augment", self.bins)
        check_interpolation("trivial_augment", self.interpolation)

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """Change every image by an operation of its own."""
        space, u = wide_space(self.bins), draws.uniform("trivial_augment", 3)
        choice = Choice(pick(u[:, 0], len(space)), pick(u[:, 1], self.bins), pick(u[:, 2], 2))
        return apply(as_bytes(x), space, choice, self.interpolation)


@dataclass(frozen=True)
class RandAugment:
    """`num_ops` uniform operations in a row, at one `magnitude` of `bins` (Cubuk et al. 2020, Section 3).

    Magnitudes and defaults as in torchvision. uint8 images out.
    """

    rank: ClassVar[int] = 35
    num_ops: int = 2
    magnitude: int = 9
    bins: int = 31
    interpolation: Interpolation = "nearest"

    def __post_init__(self) -> None:
        """Check the arguments."""
        if not 1 <= self.num_ops <= MAX_OPS:
            raise InputError(
                f"rand_augment: num_ops is {self.num_ops}; it must be between 1 and {MAX_OPS} operations"
            )
        check_bins("rand_augment", self.bins)
        if not 0 <= self.magnitude < self.bins:
            raise InputError(
                f"rand_augment: magnitude is {self.magnitude}; with {self.bins} bins it must be between 0 and "
                f"{self.bins - 1}"
            )
        check_interpolation("rand_augment", self.interpolation)

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """Change every image by operations of its own."""
        x, space = as_bytes(x), at_level(standard_space(self.bins, x.shape[2], x.shape[3]), self.magnitude)
        u = draws.uniform("rand_augment", 2 * self.num_ops)
        level = torch.zeros_like(draws.ids)
        for i in range(0, 2 * self.num_ops, 2):
            choice = Choice(pick(u[:, i], len(space)), level, pick(u[:, i + 1], 2))
            x = apply(x, space, choice, self.interpolation)
        return x


@dataclass(frozen=True)
class AutoAugment:
    """One of 25 pairs of operations, each with its probability and strength (Cubuk et al. 2019, Section 4).

    `policy` is the data set that the pairs were searched on; the pairs are torchvision's. uint8 images out.
    """

    rank: ClassVar[int] = 35
    policy: Policy = "imagenet"
    interpolation: Interpolation = "nearest"

    def __post_init__(self) -> None:
        """Check the arguments."""
        if self.policy not in get_args(Policy):
            raise InputError(
                f"auto_augment: policy is {self.policy!r}; it can be 'imagenet', 'cifar10' or 'svhn'"
            )
        check_interpolation("auto_augment", self.interpolation)

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """Change every image by a pair of its own."""
        x, pairs = as_bytes(x), policy_pairs(self.policy, x.device)
        space = (*standard_space(10, x.shape[2], x.shape[3]), Scale("invert"))
        u = draws.uniform("auto_augment", 5)
        drawn = pick(u[:, 0], len(pairs.operation))
        for i in (0, 1):
            # Identity stands first in the space: what an operation that is not drawn becomes.
            operation = pairs.operation[drawn, i] * (u[:, 1 + i] < pairs.probability[drawn, i])
            choice = Choice(operation, pairs.level[drawn, i], pick(u[:, 3 + i], 2))
            x = apply(x, space, choice, self.interpolation)
        return x


class Pairs(NamedTuple):
    """An AutoAugment policy, [25, 2] each."""

    operation: Tensor  # int64, index into the standard space with `invert` behind it
    probability: Tensor  # float32
    level: Tensor  # int64, of 10


# torchvision's names in the order of the standard space, and Invert.
_NAMES = (
    "Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast",
    "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize", "Invert",
)  # fmt: skip


@lru_cache(maxsize=8)
def policy_pairs(policy: Policy, device: torch.device) -> Pairs:
    """The pairs of a policy, from torchvision."""
    rows = transforms.AutoAugment(transforms.AutoAugmentPolicy(policy)).policies
    return Pairs(
        torch.tensor([[_NAMES.index(name) for name, _, _ in row] for row in rows], device=device),
        torch.tensor([[probability for _, probability, _ in row] for row in rows], device=device),
        torch.tensor([[level or 0 for _, _, level in row] for row in rows], device=device),
    )


@lru_cache(maxsize=32)
def at_level(space: Space, level: int) -> Space:
    """The space with that one level."""
    return tuple(Scale(name, m if len(m) == 1 else m[level : level + 1]) for name, m in space)


def pick(u: Tensor, count: int) -> Tensor:
    """int64, uniform on 0 … count - 1, from uniform draws."""
    return (u.double() * count).long()


def check_bins(name: str, bins: int) -> None:
    """Raise InputError for a number of levels that cannot be."""
    if not 2 <= bins <= 1000:
        raise InputError(f"{name}: bins is {bins}; it must be between 2 and 1000 levels")
