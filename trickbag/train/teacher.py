"""The teacher of a distillation: a network trained by trickbag and kept, or a pretrained one of timm."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from trickbag.errors import InputError
from trickbag.models import build_model, find_model
from trickbag.recipe import Model, thaw
from trickbag.train.seams import Context, Network


def load_teacher(spec: str, context: Context) -> Network:
    """The teacher's logits [B, K] as a function of the student's input, without gradients."""
    if spec.endswith(".safetensors"):
        return _frozen(_from_file(context.base / spec, context), context)
    if "/" in spec:
        return _pretrained(spec, context)
    raise InputError(
        "loss.distillation.teacher: "
        + (
            "the study has no teacher; add one, as teacher: {set: {model.name: …}}"
            if spec == "study"
            else f"unknown teacher {spec!r}"
        )
        + "; or name a .safetensors file or timm/NAME"
    )


def _from_file(path: Path, context: Context) -> nn.Module:
    """The network in a weights file written by trickbag."""
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise InputError(f"loss.distillation.teacher: {path} cannot be read: {error}") from None
    if "model" not in about:
        raise InputError(f"loss.distillation.teacher: {path} was not written by trickbag: it names no model")
    if (known := len(json.loads(about["classes"]))) != context.num_classes:
        raise InputError(
            f"loss.distillation.teacher: {path} knows {known} classes, not {context.num_classes}"
        )
    entry = Model.model_validate_json(about["model"])
    factory = find_model(entry.name)
    model = build_model(
        factory, thaw(entry.arguments), context.num_classes, context.in_channels, context.streams
    )
    model.load_state_dict(tensors)
    return model


def _pretrained(spec: str, context: Context) -> Network:
    """A pretrained network, which wants images normalised its own way."""
    factory = find_model(spec)
    model = build_model(
        factory, {"pretrained": True}, context.num_classes, context.in_channels, context.streams
    )
    network = _frozen(model, context)
    config = getattr(model, "pretrained_cfg", {})
    shape = (1, -1, 1, 1)
    mean, sd = (torch.tensor(config[key], device=context.device).view(shape) * 255 for key in ("mean", "std"))
    scale, shift = context.sd.view(shape) / sd, (context.mean.view(shape) - mean) / sd
    return lambda x: network(x * scale + shift)


def _frozen(model: nn.Module, context: Context) -> Network:
    """A network that only answers."""
    model = model.to(context.device).eval().requires_grad_(False)

    def network(x: Tensor) -> Tensor:
        with torch.no_grad():
            logits: Tensor = model(x)
        return logits

    return network
