"""The catalogue of residual networks: `resnet` with a published shape."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from trickbag.models.family import Factory
from trickbag.models.resnet.build import resnet

IMAGENET_CHANNELS = (64, 128, 256, 512)
CIFAR_CHANNELS = (16, 32, 64)
SHAPE = ("block", "layers", "channels")
"""What a preset fixes; of the other arguments it sets the defaults."""
DEPTHS: Mapping[int, dict[str, Any]] = {
    18: {"block": "basic", "layers": (2, 2, 2, 2), "channels": IMAGENET_CHANNELS},
    34: {"block": "basic", "layers": (3, 4, 6, 3), "channels": IMAGENET_CHANNELS},
    50: {"block": "bottleneck", "layers": (3, 4, 6, 3), "channels": IMAGENET_CHANNELS},
    101: {"block": "bottleneck", "layers": (3, 4, 23, 3), "channels": IMAGENET_CHANNELS},
    152: {"block": "bottleneck", "layers": (3, 8, 36, 3), "channels": IMAGENET_CHANNELS},
}


def _preset(name: str, about: str, defaults: Mapping[str, Any]) -> Factory:
    """A catalogue factory: `resnet` with its shape filled in and other defaults.

    Its signature, from which a recipe learns the arguments, is that of `resnet` with these defaults.
    """

    def build(num_classes: int, in_channels: int = 3, **arguments: Any) -> nn.Module:
        return resnet(num_classes, in_channels, **{**defaults, **arguments})

    parameters = [
        parameter.replace(default=defaults.get(key, parameter.default))
        for key, parameter in inspect.signature(resnet).parameters.items()
        if key not in SHAPE
    ]
    signature = inspect.Signature(parameters, return_annotation=nn.Module)
    build.__dict__["__signature__"] = signature
    build.__annotations__ = {key: parameter.annotation for key, parameter in signature.parameters.items()}
    build.__annotations__["return"] = nn.Module
    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"{about}; the arguments are those of `resnet`."
    return build


def _cifar(depth: int, **changes: Any) -> dict[str, Any]:
    """The shape of a CIFAR net of basic blocks, 2 convolutions each, in three stages (He et al. 2015, sec. 4.2)."""
    return {
        "block": "basic",
        "layers": (depth // 6,) * 3,
        "channels": CIFAR_CHANNELS,
        "stem": "small",
        **changes,
    }


# As published, with what their papers and timm's and torchvision's nets of these names have: the stride in the
# 3x3 convolution among it. `attention: se` on resnet50 is the plain net's twin.
_PUBLISHED: dict[str, tuple[str, dict[str, Any]]] = {
    "preact_resnet18": ("Pre-activation ResNet-18 (He et al. 2016)", DEPTHS[18] | {"preact": True}),
    "preact_resnet50": (
        "Pre-activation ResNet-50 (He et al. 2016; timm's resnetv2_50)",
        DEPTHS[50] | {"preact": True, "stride_in_3x3": True},
    ),
    "resnext50_32x4d": (
        "ResNeXt-50 32x4d (Xie et al. 2017, table 1)",
        DEPTHS[50] | {"groups": 32, "base_width": 4, "stride_in_3x3": True},
    ),
    "resnext29_8x64d": (
        "ResNeXt-29 8x64d for CIFAR (Xie et al. 2017, section 5.3)",
        {
            "block": "bottleneck",
            "layers": (3, 3, 3),
            "channels": (64, 128, 256),
            "stem": "small",
            "groups": 8,
            "base_width": 64,
            "stride_in_3x3": True,
        },
    ),
    "wide_resnet50_2": (
        "Wide ResNet-50-2 (Zagoruyko and Komodakis 2016)",
        DEPTHS[50] | {"wide": 2.0, "stride_in_3x3": True},
    ),
    "wide_resnet16_8": (
        "WRN-16-8 for CIFAR (Zagoruyko and Komodakis 2016)",
        _cifar(16, preact=True, wide=8.0),
    ),
    "wide_resnet28_10": (
        "WRN-28-10 for CIFAR (Zagoruyko and Komodakis 2016)",
        _cifar(28, preact=True, wide=10.0),
    ),
    "seresnet50": (
        "SE-ResNet-50 (Hu et al. 2018; timm's form)",
        DEPTHS[50] | {"attention": "se", "stride_in_3x3": True},
    ),
    "ecaresnet50d": (
        "ECA-Net on ResNet-50-D (Wang et al. 2020; timm's form)",
        DEPTHS[50] | {"attention": "eca", "stride_in_3x3": True, "deep_stem": True, "avg_down": True},
    ),
    "skresnet18": ("ResNet-18 with selective kernels (timm's form)", DEPTHS[18] | {"attention": "sk"}),
    "skresnet50": (
        "ResNet-50 with selective kernels (timm's form)",
        DEPTHS[50] | {"attention": "sk", "stride_in_3x3": True},
    ),
    "resnet_rs50": (
        "ResNet-RS-50 (Bello et al. 2021)",
        DEPTHS[50]
        | {
            "attention": "se",
            "se_ratio": 0.25,
            "stride_in_3x3": True,
            "deep_stem": True,
            "avg_down": True,
            "replace_stem_pool": True,
        },
    ),
}

PRESETS: dict[str, Factory] = {
    f"resnet{depth}": _preset(
        f"resnet{depth}", f"ResNet-{depth} for ImageNet (He et al. 2015, table 1)", shape
    )
    for depth, shape in DEPTHS.items()
}
PRESETS |= {
    f"resnet{depth}": _preset(
        f"resnet{depth}",
        f"ResNet-{depth} for CIFAR (He et al. 2015, section 4.2), with projection shortcuts",
        _cifar(depth),
    )
    for depth in (20, 32, 44, 56, 110)
}
PRESETS |= {name: _preset(name, about, defaults) for name, (about, defaults) in _PUBLISHED.items()}
