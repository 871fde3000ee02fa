"""Weights that somebody trained before: a file beside the study, and what images a pretrained network expects."""

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, TypeGuard

import torch
from safetensors import safe_open
from torch import Tensor, nn

from trickbag.errors import InputError

SUFFIXES = (".safetensors", ".pth", ".pt")
AUXILIARY = ("AuxLogits.", "aux1.", "aux2.")  # torchvision's names of auxiliary heads


class Origin(NamedTuple):
    """What pretrained weights were trained on: normalisation per channel on the scale 0..255, and classes."""

    mean: tuple[float, ...]
    sd: tuple[float, ...]
    classes: int | None = None  # None where it is not known

    def for_channels(self, channels: int) -> "Origin":
        """The same for images of so many channels: one channel has the average, more repeat in turn."""
        if channels == 1:
            return self._replace(mean=(_average(self.mean),), sd=(_average(self.sd),))
        turns = range(channels)
        return self._replace(
            mean=tuple(self.mean[i % len(self.mean)] for i in turns),
            sd=tuple(self.sd[i % len(self.sd)] for i in turns),
        )


class WeightsFile(NamedTuple):
    """What a weights file holds."""

    path: Path
    tensors: Mapping[str, Tensor]
    origin: Origin | None  # where trickbag wrote the file


def origin_of(model: nn.Module) -> Origin | None:
    """What a network's pretrained weights were trained on; None for one that starts afresh."""
    return getattr(model, "origin", None)


def input_statistics(model: nn.Module) -> tuple[Tensor, Tensor] | None:
    """Mean and SD (float64 [C], on the scale 0..255) that a pretrained network's images are normalised with."""
    origin = origin_of(model)
    if origin is None:
        return None
    return torch.tensor(origin.mean, dtype=torch.float64), torch.tensor(origin.sd, dtype=torch.float64)


def is_weights_file(pretrained: object) -> TypeGuard[str]:
    """Whether an argument `pretrained` names a file."""
    return isinstance(pretrained, str) and pretrained.endswith(SUFFIXES)


def read_weights(name: str, base: Path, where: str) -> WeightsFile:
    """The weights in a file relative to `base`: safetensors, or a torch file read with weights_only.

    Nested and prefixed forms are understood as timm does (`state_dict`, `model`, `module.`, an EMA first).
    Raises InputError where the file lies elsewhere or cannot be read.
    """
    path = beside(name, base, where)
    try:
        with torch.device("cpu"):  # arguments are checked on the meta device
            tensors = import_module("timm").models.load_state_dict(str(path), weights_only=True)
            origin = _origin(_metadata(path))
    except FileNotFoundError:
        raise InputError(f"{where}: {path}: no such file") from None
    except Exception as error:  # a damaged or hostile file may raise anything
        reason = str(error).partition("\n")[0]
        raise InputError(f"{where}: {path} cannot be read as weights: {reason}") from None
    if not all(isinstance(value, Tensor) for value in tensors.values()):
        raise InputError(f"{where}: {path} holds other things than weights; save model.state_dict() alone")
    return WeightsFile(path, tensors, origin)


def beside(name: str, base: Path, where: str) -> Path:
    """A file of the user's in `base` or below; InputError where its name leads elsewhere."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise InputError(f"{where}: {name}: a file of yours lies beside the study or recipe, or below")
    return base / name


def load_weights(model: nn.Module, file: WeightsFile, num_classes: int, in_channels: int, where: str) -> None:
    """Load a file's weights into `model` in place, all but heads of another number of classes.

    The first convolution is adapted to another number of channels as timm does. An auxiliary head that only
    one side has is left out. Raises InputError naming the first weight that does not fit; on the meta device
    that is all.
    """
    fitting: dict[str, Tensor] = {}
    own = model.state_dict()
    for name, value in file.tensors.items():
        if name not in own:
            if name.startswith(AUXILIARY):
                continue
            raise InputError(f"{where}: {file.path} does not fit: the model has no {name!r}")
        adapted = _adapted(value, own[name], num_classes, in_channels)
        if adapted is None:
            shapes = f"{tuple(value.shape)}, the model has {tuple(own[name].shape)}"
            raise InputError(f"{where}: {file.path} does not fit: {name!r} has shape {shapes}")
        fitting[name] = adapted
    for name in own:
        if (
            name not in fitting
            and not name.startswith(AUXILIARY)
            and not name.endswith("num_batches_tracked")
        ):
            raise InputError(f"{where}: {file.path} does not fit: it has no {name!r}")
    if not any(value.is_meta for value in own.values()):
        model.load_state_dict(fitting, strict=False)


def _adapted(value: Tensor, own: Tensor, num_classes: int, in_channels: int) -> Tensor | None:
    """A file's weight as the model can take it; the model's own for a new head; None where neither will do."""
    if value.shape == own.shape:
        return value
    if value.ndim != own.ndim or not own.ndim:
        return None
    if own.shape[0] == num_classes and value.shape[1:] == own.shape[1:]:
        return own
    other_channels = own.ndim == 4 and own.shape[1] == in_channels != 3 == value.shape[1]
    if other_channels and value.shape[2:] == own.shape[2:] and value.shape[0] == own.shape[0]:
        adapted: Tensor = import_module("timm").models.adapt_input_conv(in_channels, value)
        return adapted
    return None


def _metadata(path: Path) -> Mapping[str, str]:
    """What a safetensors file says about itself."""
    if path.suffix != ".safetensors":
        return {}
    with safe_open(path, "pt") as file:
        return file.metadata() or {}


def _origin(about: Mapping[str, str]) -> Origin | None:
    """What trickbag noted in a weights file of its own."""
    if not {"mean", "sd", "classes"} <= about.keys():
        return None
    mean, sd = (tuple(torch.tensor(json.loads(about[key])).flatten().tolist()) for key in ("mean", "sd"))
    return Origin(mean, sd, len(json.loads(about["classes"])))


def _average(values: tuple[float, ...]) -> float:
    """The mean of some numbers."""
    return sum(values) / len(values)
