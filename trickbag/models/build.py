"""From a name in a recipe to a model with its initial weights."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from trickbag.errors import unknown
from trickbag.models.bridge import timm_model, torchvision_model
from trickbag.models.family import Factory
from trickbag.models.inception import inception_v3
from trickbag.models.initialise import Family, initialise
from trickbag.models.mobilenet import mobilenet_v1
from trickbag.models.pretrained import is_weights_file
from trickbag.models.resnet import PRESETS, resnet
from trickbag.models.vgg import VGGS
from trickbag.rng import Streams

MODELS: dict[str, Factory] = {
    "resnet": resnet,
    **PRESETS,
    **VGGS,
    "inception_v3": inception_v3,
    "mobilenet_v1": mobilenet_v1,
}
BRIDGES: dict[str, Callable[[str, Path], Factory]] = {"timm": timm_model, "torchvision": torchvision_model}


def find_model(name: str, base: Path = Path()) -> Factory:
    """The factory of a catalogue name, `timm/NAME` or `torchvision/NAME`; InputError if there is none.

    Files of pretrained weights are relative to `base`.
    """
    source, slash, rest = name.partition("/")
    if slash and source in BRIDGES:
        return BRIDGES[source](rest, base)
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    return MODELS[name]


def build_model(
    factory: Factory, args: Mapping[str, object], num_classes: int, in_channels: int, streams: Streams | None
) -> nn.Module:
    """A model on the CPU with its initial weights, a pure function of the arguments and the streams.

    Our own families draw every parameter from its own stream (`initialise`). Other models initialise
    themselves while torch's CPU generator stands at the key of the stream "init".
    Without streams only the arguments are checked: the model lies on the meta device, holds no numbers, and
    nothing is drawn or fetched. An argument that the factory does not know raises InputError.
    """
    known = list(inspect.signature(factory).parameters)[2:]  # after num_classes and in_channels
    if strange := [name for name in args if name not in known]:
        raise unknown("argument", strange[0], known, "model")
    if streams is None:
        return _on_meta(factory, args, num_classes, in_channels)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(streams.key("init"))
        model = factory(num_classes, in_channels, **args)
    if isinstance(model, Family):
        initialise(model, streams)
    return model


def _on_meta(factory: Factory, args: Mapping[str, object], num_classes: int, in_channels: int) -> nn.Module:
    """The model on the meta device."""
    try:
        with torch.device("meta"):
            return factory(num_classes, in_channels, **args)
    except RuntimeError:  # some (torchvision's RegNets) read numbers from tensors while they are built
        args = {
            name: False if name == "pretrained" and not is_weights_file(value) else value
            for name, value in args.items()
        }
        with torch.random.fork_rng(devices=[]):
            return factory(num_classes, in_channels, **args).to("meta")
