"""The teacher of a distillation: a network trained by trickbag and kept, or a pretrained one of a library."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from trickbag.errors import InputError
from trickbag.models import build_model, origin_of
from trickbag.models.pretrained import beside
from trickbag.recipe import Model, thaw
from trickbag.train.seams import Context, Network

FIELD = "loss.distillation.teacher"


def load_teacher(spec: str, context: Context) -> Network:
    """The teacher's logits [B, K] as a function of the student's input, without gradients.

    `spec`: a .safetensors file written by trickbag, or the name of a pretrained model, timm/NAME or
    torchvision/NAME. It sees the images normalised as it was trained on them. Raises InputError where it is
    neither, lies elsewhere than beside the study, cannot be read, or knows other classes.
    """
    if spec.endswith(".safetensors"):
        return _from_file(beside(spec, context.base, FIELD), context, own=spec.startswith("runs/"))
    if "/" in spec:
        return _pretrained(spec, context)
    none = "the study has no teacher; add one, as teacher: {set: {model.name: …}}"
    what = none if spec == "study" else f"unknown teacher {spec!r}"
    others = "a .safetensors file written by trickbag, timm/NAME or torchvision/NAME"
    raise InputError(f"{FIELD}: {what}; or name {others}")


def _from_file(path: Path, context: Context, own: bool) -> Network:
    """The network in a weights file written by trickbag; `own` to this study, which may name code of the user's."""
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{FIELD}: {path} cannot be read: {error}") from None
    if "model" not in about:
        raise InputError(f"{FIELD}: {path} was not written by trickbag: it names no model")
    try:
        return _described(path, about, tensors, context, own)
    except (InputError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # the file says how to build it, and may say anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{FIELD}: {path} does not fit what it says of itself: {reason}") from None


def _described(
    path: Path, about: Mapping[str, str], tensors: Mapping[str, Tensor], context: Context, own: bool
) -> Network:
    """The network that a weights file describes, with the file's weights."""
    if (known := tuple(json.loads(about["classes"]))) != context.classes:
        raise InputError(
            f"{FIELD}: {path} knows {len(known)} classes, {', '.join(known[:3])} …, not the student's"
        )
    entry, sizes = Model.model_validate_json(about["model"]), (context.num_classes, int(about["in_channels"]))
    if ":" in entry.name and not own:
        raise InputError(
            f"{FIELD}: {path} asks for code, {entry.name}, which is not run because a weights file says so; "
            "train this teacher in the study, as teacher: {set: {model.name: …}}"
        )
    # The weights that it once started from are not needed again.
    args = {name: value for name, value in thaw(entry.arguments).items() if name != "pretrained"}
    model = build_model(context.find_model(entry.name), args, *sizes, context.streams)
    model.load_state_dict(tensors)
    mean, sd = (torch.tensor(json.loads(about[key]), device=context.device) for key in ("mean", "sd"))
    return _frozen(model, mean.view(1, -1, 1, 1), sd.view(1, -1, 1, 1), context)


def _pretrained(spec: str, context: Context) -> Network:
    """A pretrained network."""
    sizes = (context.num_classes, context.in_channels)
    model = build_model(context.find_model(spec), {"pretrained": True}, *sizes, context.streams)
    origin = origin_of(model)
    assert origin is not None
    if origin.classes != context.num_classes:
        raise InputError(f"{FIELD}: {spec} knows {origin.classes} classes, not {context.num_classes}")
    mean, sd = (torch.tensor(values, device=context.device) for values in (origin.mean, origin.sd))
    return _frozen(model, mean.view(1, -1, 1, 1), sd.view(1, -1, 1, 1), context)


def _frozen(model: nn.Module, mean: Tensor, sd: Tensor, context: Context) -> Network:
    """A network that only answers, on images normalised with `mean` and `sd` rather than the student's."""
    model = model.to(context.device).eval().requires_grad_(False)
    scale, shift = context.sd / sd, (context.mean - mean) / sd
    as_it_is = bool((scale == 1).all() and (shift == 0).all())

    def network(x: Tensor) -> Tensor:
        with torch.no_grad():
            logits: Tensor = model(x if as_it_is else x * scale + shift)
        return logits

    return network
