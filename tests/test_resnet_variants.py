"""The variants of the ResNets against timm's and torchvision's with the same weights."""

import inspect
import re
from collections.abc import Mapping
from typing import Any

import pytest
import timm
import torch
from random_weights import randomised
from torch import nn

from trickbag.models import MODELS


def own_name(name: str) -> str:
    """Our name of what timm's SK nets call `conv1.conv` and `conv1.bn`; others keep theirs."""
    name = re.sub(r"(layer\d\.\d+)\.conv(\d)\.bn\.", r"\1.bn\2.", name)
    return re.sub(r"(layer\d\.\d+\.conv\d)\.conv\.", r"\1.", name)


def preact_name(name: str) -> str:
    """Our name of a layer of timm's pre-activation nets."""
    stage = re.match(r"stages\.(\d)\.blocks\.(\d+)\.(.*)", name)
    if stage:
        rest = stage[3].replace("norm", "bn")
        rest = rest.replace("downsample.conv", "downsample.@")
        return f"layer{int(stage[1]) + 1}.{stage[2]}.{rest}"
    stem = {"stem.conv.": "conv1.", "stem.conv1.": "conv1.0.", "stem.norm1.": "conv1.1.", "stem.conv2.": "conv1.3.",
            "stem.norm2.": "conv1.4.", "stem.conv3.": "conv1.6.", "head.fc.": "fc."}  # fmt: skip
    for theirs, ours in stem.items():
        name = name.replace(theirs, ours)
    return name


def theirs_as_ours(theirs: nn.Module, ours: nn.Module) -> dict[str, torch.Tensor]:
    """The weights of one of timm's nets under our names; its pre-activation nets classify by a 1x1 convolution."""
    preact = any(name.startswith("stages") for name in theirs.state_dict())
    found = {(preact_name if preact else own_name)(name): v for name, v in theirs.state_dict().items()}
    place = "1" if "layer2.0.downsample.1.weight" in ours.state_dict() else "0"
    found = {name.replace("@", place): value for name, value in found.items()}
    return found | ({"fc.weight": found["fc.weight"].flatten(1)} if preact else {})


DEPTHS = (1, 2, 1, 1)
D = {"deep_stem": True, "avg_down": True}
TIMM = {  # timm's name: ours, its arguments
    "seresnet50": ("seresnet50", {}),
    "ecaresnet50d": ("ecaresnet50d", {}),
    "skresnet18": ("skresnet18", {}),
    "skresnet50": ("skresnet50", {}),
    "skresnext50_32x4d": ("resnext50_32x4d", {"attention": "sk"}),
    "resnext50_32x4d": ("resnext50_32x4d", {}),
    "wide_resnet50_2": ("wide_resnet50_2", {}),
    "resnetblur18": ("resnet18", {"blur_pool": True}),
    "resnetblur50": ("resnet50", {"blur_pool": True, "stride_in_3x3": True}),
    "resnetblur50d": ("resnet50", {"blur_pool": True, "stride_in_3x3": True, **D}),
    "resnetrs50": ("resnet_rs50", {}),
    "resnetv2_18": ("preact_resnet18", {}),
    "resnetv2_50": ("preact_resnet50", {}),
    "resnetv2_50d": ("preact_resnet50", D),
}


def with_depths(name: str, args: Mapping[str, Any]) -> nn.Module:
    """Our network of that name and its defaults, but of `DEPTHS` blocks, on the meta device."""
    parameters = inspect.signature(MODELS[name]).parameters
    defaults = {key: p.default for key, p in parameters.items() if p.default is not p.empty}
    block = "basic" if "18" in name else "bottleneck"
    shape = {"block": block, "layers": DEPTHS, "channels": (64, 128, 256, 512)}
    with torch.device("cpu" if "blur_pool" in args else "meta"):  # the blur's filter is not among the weights
        return MODELS["resnet"](7, **defaults | shape | args)


@pytest.mark.parametrize("name", TIMM)
def test_same_function_as_timm(name: str) -> None:
    """Outputs and running statistics agree in evaluation and training, on an even and an odd size.

    With fewer blocks than the networks have; test_model_costs.py compares all their layers.
    """
    reference = randomised(timm.create_model(name, num_classes=7, layers=DEPTHS))
    ours = with_depths(*TIMM[name])
    copied = {key: value.clone() for key, value in theirs_as_ours(reference, ours).items()}
    ours.load_state_dict(copied, assign=True)
    for size in (64, 43):
        x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
        for training in (False, True):
            with torch.no_grad():
                expected = reference.train(training)(x)
                torch.testing.assert_close(ours.train(training)(x), expected, rtol=1e-5, atol=1e-5)
    for key, values in theirs_as_ours(reference, ours).items():
        torch.testing.assert_close(ours.state_dict()[key], values, rtol=1e-5, atol=1e-5)


def test_full_seresnet50() -> None:
    """The whole network of a name, with the weights under timm's own names."""
    reference = randomised(timm.create_model("seresnet50", num_classes=7)).eval()
    ours = MODELS["seresnet50"](7).eval()
    ours.load_state_dict(reference.state_dict())
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(ours(x), reference(x), rtol=1e-5, atol=1e-5)
