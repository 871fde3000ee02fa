"""Automatic augmentation: TrivialAugment, RandAugment and AutoAugment, drawn for each image."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor

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

COMMON = 14  # operations of the standard and of the wide space
MAX_OPS = 16  # rounds that RandAugment may have
Policy = Literal["imagenet", "cifar10", "svhn"]


class Drawn(ABC):
    """What the policies share: rounds of choices, each of which is then applied."""

    rank: ClassVar[int] = 35
    interpolation: Interpolation

    @abstractmethod
    def space(self, height: int, width: int) -> Space:
        """The operations for images of that size."""

    @abstractmethod
    def choices(self, draws: ImageDraws) -> list[Choice]:
        """What every image gets, round by round."""

    def __call__(self, x: Tensor, draws: ImageDraws) -> Tensor:
        """Change every image by operations of its own; uint8 images out."""
        x, space = as_bytes(x), self.space(x.shape[2], x.shape[3])
        for choice in self.choices(draws):
            x = apply(x, space, choice, self.interpolation)
        return x


@dataclass(frozen=True)
class TrivialAugment(Drawn):
    """One operation of the wide space at one of `bins` strengths, both uniform (Müller and Hutter 2021).

    As torchvision's TrivialAugmentWide.
    """

    bins: int = 31
    interpolation: Interpolation = "nearest"

    def __post_init__(self) -> None:
        """Check the arguments."""
        check_bins("trivial_augment", self.bins)
        check_interpolation("trivial_augment", self.interpolation)

    def space(self, height: int, width: int) -> Space:
        """The wide space, whatever the size of the images."""
        return wide_space(self.bins)

    def choices(self, draws: ImageDraws) -> list[Choice]:
        """One round."""
        u = draws.uniform("trivial_augment", 3)
        return [Choice(pick(u[:, 0], COMMON), pick(u[:, 1], self.bins), pick(u[:, 2], 2))]


@dataclass(frozen=True)
class RandAugment(Drawn):
    """`num_ops` uniform operations in a row, at one `magnitude` of `bins` (Cubuk et al. 2020, Section 3).

    Magnitudes and defaults as in torchvision.
    """

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

    def space(self, height: int, width: int) -> Space:
        """The standard space."""
        return standard_space(self.bins, height, width)

    def choices(self, draws: ImageDraws) -> list[Choice]:
        """`num_ops` rounds."""
        u, level = draws.uniform("rand_augment", 2 * self.num_ops), torch.full_like(draws.ids, self.magnitude)
        return [
            Choice(pick(u[:, i], COMMON), level, pick(u[:, i + 1], 2)) for i in range(0, 2 * self.num_ops, 2)
        ]


@dataclass(frozen=True)
class AutoAugment(Drawn):
    """One of 25 pairs of operations, each with its probability and strength (Cubuk et al. 2019, Section 4).

    `policy` is the data set that the pairs were searched on; the pairs are torchvision's.
    """

    policy: Policy = "imagenet"
    interpolation: Interpolation = "nearest"

    def __post_init__(self) -> None:
        """Check the arguments."""
        if self.policy not in get_args(Policy):
            raise InputError(
                f"auto_augment: policy is {self.policy!r}; it can be 'imagenet', 'cifar10' or 'svhn'"
            )
        check_interpolation("auto_augment", self.interpolation)

    def space(self, height: int, width: int) -> Space:
        """The standard space and invert, at 10 levels."""
        return (*standard_space(10, height, width), Scale("invert"))

    def choices(self, draws: ImageDraws) -> list[Choice]:
        """Two rounds; an operation that is not drawn becomes the space's first, identity."""
        pairs, u = policy_pairs(self.policy, draws.ids.device), draws.uniform("auto_augment", 5)
        drawn = pick(u[:, 0], len(pairs.operation))
        return [
            Choice(
                pairs.operation[drawn, i] * (u[:, 1 + i] < pairs.probability[drawn, i]),
                pairs.level[drawn, i],
                pick(u[:, 3 + i], 2),
            )
            for i in (0, 1)
        ]


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
    transforms = import_module("torchvision.transforms")
    rows = transforms.AutoAugment(transforms.AutoAugmentPolicy(policy)).policies
    return Pairs(
        torch.tensor([[_NAMES.index(name) for name, _, _ in row] for row in rows], device=device),
        torch.tensor([[probability for _, probability, _ in row] for row in rows], device=device),
        torch.tensor([[level or 0 for _, _, level in row] for row in rows], device=device),
    )


def pick(u: Tensor, count: int) -> Tensor:
    """int64, uniform on 0 … count - 1, from uniform draws."""
    return (u.double() * count).long()


def check_bins(name: str, bins: int) -> None:
    """Raise InputError for a number of levels that cannot be."""
    if not 2 <= bins <= 1000:
        raise InputError(f"{name}: bins is {bins}; it must be between 2 and 1000 levels")
