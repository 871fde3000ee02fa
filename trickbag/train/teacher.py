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

FIELD = "loss.distillation.teacher"


def load_teacher(spec: str, context: Context) -> Network:
    """The teacher's logits [B, K] as a function of the student's input, without gradients.

    `spec`: a .safetensors file written by trickbag, or the name of a pretrained model, timm/NAME. Raises
    InputError where it is neither, cannot be read, or knows another number of classes.
    """
    if spec.endswith(".safetensors"):
        return _frozen(_from_file(context.base / spec, context), context)
    if "/" in spec:
        return _pretrained(spec, context)
    none = "the study has no teacher; add one, as teacher: {set: {model.name: …}}"
    what = none if spec == "study" else f"unknown teacher {spec!r}"
    raise InputError(f"{FIELD}: {what}; or name a .safetensors file written by trickbag, or timm/NAME")


def _from_file(path: Path, context: Context) -> nn.Module:
    """The network in a weights file written by trickbag."""
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{FIELD}: {path} cannot be read: {error}") from None
    if "model" not in about:
        raise InputError(f"{FIELD}: {path} was not written by trickbag: it names no model")
    _check_classes(str(path), len(json.loads(about["classes"])), context)
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
    config = getattr(model, "pretrained_cfg", {})
    _check_classes(spec, config.get("num_classes", context.num_classes), context)
    network = _frozen(model, context)
    shape = (1, -1, 1, 1)
    mean, sd = (torch.tensor(config[key], device=context.device).view(shape) * 255 for key in ("mean", "std"))
    scale, shift = context.sd.view(shape) / sd, (context.mean.view(shape) - mean) / sd
    return lambda x: network(x * scale + shift)


def _check_classes(teacher: str, known: int, context: Context) -> None:
    """Raise InputError where the teacher knows other classes than the student learns."""
    if known != context.num_classes:
        raise InputError(f"{FIELD}: {teacher} knows {known} classes, not {context.num_classes}")


def _frozen(model: nn.Module, context: Context) -> Network:
    """A network that only answers."""
    model = model.to(context.device).eval().requires_grad_(False)

    def network(x: Tensor) -> Tensor:
        with torch.no_grad():
            logits: Tensor = model(x)
        return logits

    return network
