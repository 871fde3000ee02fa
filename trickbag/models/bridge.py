"""Models of timm and torchvision under the catalogue names `timm/NAME` and `torchvision/NAME`."""

from importlib import import_module

import torch
from torch import nn

from trickbag.errors import InputError, unknown
from trickbag.models.resnet import Factory


def timm_model(name: str) -> Factory:
    """The factory of a timm model: `resnet50d`, or with its weights' tag `resnet50d.ra2_in1k`.

    Raises InputError for an unknown name.
    """
    timm = import_module("timm")  # two seconds, which only bridged models pay
    if name not in timm.list_models() and name not in timm.list_pretrained():
        raise unknown("timm model", name, timm.list_models() + timm.list_pretrained(), "model")

    def build(num_classes: int, in_channels: int = 3, *, pretrained: bool = False) -> nn.Module:
        """Build it; `pretrained` loads timm's weights, all but a head of another size."""
        config = timm.get_pretrained_cfg(name)
        if pretrained and not (config and config.has_weights):
            raise InputError(f"model timm/{name}: timm has no weights for it; leave out pretrained")
        model: nn.Module = timm.create_model(
            name, pretrained=pretrained and not _shapes_only(), num_classes=num_classes, in_chans=in_channels
        )
        return model

    return build


def torchvision_model(name: str) -> Factory:
    """The factory of a torchvision classification model; InputError if unknown."""
    tv = import_module("torchvision.models")
    names = tv.list_models(module=tv)
    if name not in names:
        raise unknown("torchvision model", name, names, "model")
    # Without this the two warn that their slow initialisation will change.
    extra = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}

    def build(num_classes: int, in_channels: int = 3, *, pretrained: bool = False) -> nn.Module:
        """Build it; `pretrained` loads torchvision's default weights, all but heads of another size."""
        if in_channels != 3:
            raise InputError(
                f"model torchvision/{name}: takes 3 channels, not {in_channels}; timm's models take any"
            )
        fresh: nn.Module = tv.get_model(name, num_classes=num_classes, **extra)
        if not pretrained or _shapes_only():
            return fresh
        return _with_heads_of(tv.get_model(name, weights="DEFAULT"), fresh)

    return build


def _with_heads_of(model: nn.Module, fresh: nn.Module) -> nn.Module:
    """`model` with the layers taken from `fresh` whose parameters have another shape there."""
    for path, layer in list(model.named_modules()):
        own = dict(layer.named_parameters(recurse=False))
        if any(fresh.get_parameter(f"{path}.{key}").shape != value.shape for key, value in own.items()):
            model.set_submodule(path, fresh.get_submodule(path))
    return model


def _shapes_only() -> bool:
    """Whether only the arguments are being checked, on the meta device: no weights are fetched then."""
    return torch.get_default_device().type == "meta"
