"""MobileNet-V1, the third network of He et al. 2018, for ImageNet's and for small images.

Howard et al. 2017 (arXiv 1704.04861), table 1. Parameter names are those of timm's `mobilenetv1_100`, so its
weights can be loaded (they were trained with relu6, and on images normalised with mean and SD 0.5).
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Literal

from torch import nn

from trickbag.models.family import Stem, check_sizes, dropout_layer, scaled
from trickbag.models.initialise import Family, Init

Activation = Literal["relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "hardswish", "mish"]
ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "hardswish": nn.Hardswish,
    "mish": nn.Mish,
}
STEM_CHANNELS = 32
STAGES = ((1, 64, 1), (2, 128, 2), (2, 256, 2), (6, 512, 2), (2, 1024, 2))
"""(blocks, channels, stride of the first block) of each stage."""


class MobileNet(nn.Sequential, Family):
    """Stem, depthwise separable `blocks`, global average pooling, classifier: [B, C, H, W] → [B, K]."""

    def __init__(self, layers: dict[str, nn.Module], init: Init, draws: bool) -> None:
        """Put the named layers in order; `draws` where one of them is dropout."""
        super().__init__(OrderedDict(layers))
        self.init, self.draws = init, draws


def mobilenet_v1(
    num_classes: int,
    in_channels: int = 3,
    *,
    width: float = 1.0,
    stem: Stem = "imagenet",
    activation: Activation = "relu",
    dropout: float = 0.0,
    init: Init = "kaiming",
) -> nn.Module:
    """MobileNet-V1: 13 blocks of a 3x3 convolution per channel and a 1x1 convolution across channels.

    - `width` multiplies all channel counts (the paper's α; 1.0, 0.75, 0.5 and 0.25 there).
    - `stem`: the first convolution has stride 2 (imagenet) or 1 (small, where the last maps of a 32x32 image
      have 2x2 pixels). Maps never fall below one pixel, so any image works.
    - `activation`: relu as in the paper (figure 3); TensorFlow's and timm's nets have relu6.
    - `dropout`: rate before the classifier; 0 is off.
    - `init`: see `trickbag.models.initialise.initialise`; the fans of a convolution per channel count all
      channels, as they do in torchvision.

    Raises InputError for an impossible width or rate.
    """
    check_sizes("mobilenet_v1", width, dropout)
    act, inputs = ACTIVATIONS[activation], scaled(STEM_CHANNELS, width)
    stem_stride = 2 if stem == "imagenet" else 1
    named: dict[str, nn.Module] = {
        "conv_stem": nn.Conv2d(in_channels, inputs, 3, stem_stride, padding=1, bias=False),
        "bn1": nn.BatchNorm2d(inputs),
        "act1": act(),
    }
    stages = []
    for depth, count, stride in STAGES:
        outputs = scaled(count, width)
        first = _block(inputs, outputs, stride, act)
        stages.append(nn.Sequential(first, *(_block(outputs, outputs, 1, act) for _ in range(1, depth))))
        inputs = outputs
    named |= {
        "blocks": nn.Sequential(*stages),
        "global_pool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "dropout": dropout_layer(dropout),
        "classifier": nn.Linear(inputs, num_classes),
    }
    return MobileNet(named, init, draws=dropout > 0)


def _block(inputs: int, outputs: int, stride: int, act: type[nn.Module]) -> nn.Sequential:
    """A depthwise separable convolution: [B, inputs, H, W] → [B, outputs, ⌈H / stride⌉, ⌈W / stride⌉]."""
    layers = {
        "conv_dw": nn.Conv2d(inputs, inputs, 3, stride, padding=1, groups=inputs, bias=False),
        "bn1": nn.BatchNorm2d(inputs),
        "act1": act(),
        "conv_pw": nn.Conv2d(inputs, outputs, 1, bias=False),
        "bn2": nn.BatchNorm2d(outputs),
        "act2": act(),
    }
    return nn.Sequential(OrderedDict(layers))
