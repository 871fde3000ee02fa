"""The layers that residual networks are built of; attention, blur and drop layers are timm's."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, Literal

from torch import nn

from trickbag.errors import InputError

Attention = Literal["none", "se", "eca", "sk"]
"""What weighs the channels of a residual: nothing, squeeze-and-excitation, ECA, or selective kernels."""
Layer = Callable[[], nn.Module]
"""Makes a layer without arguments."""


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A convolution that changes the size by its stride only; the normalisation after it has the bias."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)


def activation(channels: int, drop: Layer | None = None, blur_stride: int = 1) -> nn.Module:
    """What stands between a normalisation and the next convolution: a relu.

    With `drop`, a DropBlock goes before it; a `blur_stride` above 1 blurs and subsamples after it.
    """
    relu = nn.ReLU(inplace=True)
    if drop is None and blur_stride == 1:
        return relu
    before = [] if drop is None else [drop()]
    after = [] if blur_stride == 1 else [blur(channels, blur_stride)]
    return nn.Sequential(*before, relu, *after)


def blur(channels: int, stride: int) -> nn.Module:
    """A 3x3 binomial filter with reflected borders, applied every `stride` pixels (Zhang 2019, section 3)."""
    return _timm("BlurPool2d", channels=channels, stride=stride)


def channel_attention(kind: Attention, channels: int, se_ratio: float) -> nn.Module | None:
    """What scales the channels of a residual before it is added to the shortcut; None where nothing does.

    - se (Hu et al. 2018, equations 2-4): the means of the channels go through two layers, the inner one with
      `se_ratio` of the channels (rounded to a multiple of 8, at least 8).
    - eca (Wang et al. 2020, section 3): through a convolution over neighbouring channels.
    """
    if kind == "se":
        return _timm("SEModule", channels=channels, rd_ratio=se_ratio, rd_divisor=8)
    return _timm("EcaModule", channels=channels) if kind == "eca" else None


def selective_kernel(
    inputs: int, outputs: int, stride: int, *, groups: int, basic: bool, blurred: bool, drop: Layer | None
) -> nn.Module:
    """A 3x3 and a dilated 3x3 convolution, normalised, with relu, mixed by attention (Li et al. 2019, sec. 3).

    As in timm's skresnet18 (`basic`) and skresnet50 each path sees half of the input channels; grouped
    convolutions see them all, as in the paper and in timm's skresnext50_32x4d. Raises InputError where the
    channels have no half.
    """
    if groups == 1 and inputs % 2:
        raise InputError(
            f"resnet: attention sk gives each of two paths half of the channels, and a block has {inputs}; "
            "choose a width that makes them even"
        )
    size: dict[str, Any] = {"rd_ratio": 1 / 16, "rd_divisor": 8}
    if basic:
        size = {"rd_ratio": 1 / 8, "rd_divisor": 16}
    elif groups > 1:
        size = {"rd_ratio": 1 / 16, "rd_divisor": 32}
    return _timm(
        "SelectiveKernel",
        in_channels=inputs,
        out_channels=outputs,
        stride=stride,
        groups=groups,
        split_input=groups == 1,
        aa_layer=_class("BlurPool2d") if blurred else None,
        drop_layer=drop,
        **size,
    )


def drop_path(rate: float) -> nn.Module | None:
    """Stochastic depth: in training the residual of an image is left out with this probability."""
    return _timm("DropPath", drop_prob=rate) if rate else None


def drop_blocks(rate: float, stages: int) -> list[Layer | None]:
    """DropBlock for each of the stages: 5x5 squares at a quarter of the rate in the last but one, 3x3 in the last.

    The sizes are those of timm's ResNets.
    """
    none: list[Layer | None] = [None] * stages
    if not rate:
        return none
    squares = ((5, 0.25), (3, 1.0))
    last = [
        partial(_timm, "DropBlock2d", drop_prob=rate, block_size=size, gamma_scale=scale)
        for size, scale in squares
    ]
    return [*none, *last][-stages:]


def _timm(name: str, **arguments: Any) -> nn.Module:
    """A layer of timm's."""
    layer: nn.Module = _class(name)(**arguments)
    return layer


def _class(name: str) -> Any:
    """A class of timm.layers, whose import takes two seconds that plain nets do not pay."""
    return getattr(import_module("timm.layers"), name)
