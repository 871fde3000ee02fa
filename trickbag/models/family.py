"""What our families share: two stems, channel counts by width, and dropout that is absent when it is off."""

from collections.abc import Callable
from typing import Literal

from torch import nn

from trickbag.errors import InputError

Stem = Literal["imagenet", "small"]
"""imagenet: for images of 224 pixels and more; small: for images from 8 to about 64 pixels."""
Factory = Callable[..., nn.Module]
"""(num_classes, in_channels=3, *, arguments) → model; a recipe may set the keyword arguments."""


def scaled(count: float, width: float) -> int:
    """A channel count times the width, rounded, at least 1."""
    return max(1, round(count * width))


def dropout_layer(rate: float) -> nn.Module:
    """Dropout, or nothing at all where the rate is 0."""
    return nn.Dropout(rate) if rate else nn.Identity()


def check_sizes(family: str, width: float, dropout: float) -> None:
    """Raise InputError for a width or a dropout rate that makes no network."""
    if width <= 0:
        raise InputError(f"{family}: width must be a number above 0, found {width:g}")
    if not 0 <= dropout < 1:
        raise InputError(f"{family}: dropout must be a rate from 0 (off) to below 1, found {dropout:g}")
