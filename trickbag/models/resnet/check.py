"""Arguments of a residual network that make no sense, alone or together: one clear line each."""

from collections.abc import Mapping, Sequence
from typing import get_args

from trickbag.errors import InputError, unknown
from trickbag.models.family import Stem
from trickbag.models.resnet.blocks import Block, Options
from trickbag.models.resnet.layers import Attention
from trickbag.recipe import NotApplicable

SE_RATIO = 1 / 16
"""Hu et al. 2018: a reduction ratio of 16 in all their models."""


def check_sizes(layers: Sequence[int], channels: Sequence[int], counts: Mapping[str, float]) -> None:
    """Raise InputError unless depths and channels match and every count is above 0."""
    if not layers or len(layers) != len(channels) or min(*layers, *channels) <= 0:
        raise InputError(
            f"resnet: layers {list(layers)} and channels {list(channels)} must be equally many counts ≥ 1"
        )
    for name, count in counts.items():
        if not count > 0:
            raise InputError(f"resnet: {name} {count:g} must be a number above 0")


def check_rates(rates: Mapping[str, float], blocks: int) -> None:
    """Raise InputError unless every rate of dropping is a probability below 1."""
    for name, rate in rates.items():
        if not 0 <= rate < 1:
            raise InputError(f"resnet: {name} {rate:g} must be a probability from 0 to below 1")
    if rates["drop_path"] and blocks == 1:
        raise InputError("resnet: drop_path never drops the first block, and there is no other")


def check_options(options: Options, base_width: int) -> None:
    """Raise InputError for changes of the blocks that exclude each other or would do nothing."""
    if options.block not in get_args(Block):
        raise unknown("block", options.block, get_args(Block), "resnet")
    if options.attention not in get_args(Attention):
        raise unknown("attention", options.attention, get_args(Attention), "resnet")
    if options.block == "basic" and options.stride_in_3x3:
        raise NotApplicable(
            "resnet: stride_in_3x3 needs bottleneck blocks: "
            "a basic block has no 1x1 conv to move the stride from"
        )
    if options.block == "basic" and (options.groups, base_width) != (1, 64):
        raise NotApplicable(
            "resnet: groups and base_width need bottleneck blocks; a basic block can be made wide"
        )
    if options.preact and options.zero_gamma:
        raise NotApplicable(
            "resnet: zero_gamma and preact exclude each other: "
            "the residual of a pre-activation block ends in a convolution, not in a normalisation"
        )
    if options.preact and options.attention == "sk":
        raise InputError(
            "resnet: attention sk and preact exclude each other: selective kernels normalise after convolving"
        )
    if options.attention != "se" and options.se_ratio != SE_RATIO:
        raise InputError(f"resnet: se_ratio needs attention se, and attention is {options.attention}")


def check_stem(stem: Stem, options: Options, replace_stem_pool: bool, stages: int) -> None:
    """Raise InputError for a change of the stem, or of all that subsamples, that would find nothing there."""
    if stem not in get_args(Stem):
        raise unknown("stem", stem, get_args(Stem), "resnet")
    if replace_stem_pool and stem == "small":
        raise InputError("resnet: replace_stem_pool needs the imagenet stem: the small one has no pooling")
    if replace_stem_pool and options.preact:
        raise InputError(
            "resnet: replace_stem_pool and preact exclude each other: "
            "two convolutions would follow each other without normalisation and relu"
        )
    if options.blur_pool and stem == "small" and stages == 1:
        raise NotApplicable(
            "resnet: blur_pool finds nothing that subsamples: a small stem and a single stage"
        )
