"""Initial weights: every parameter is drawn from a stream of its own, so a changed layer changes no other."""

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from trickbag.rng import Streams

Init = Literal["kaiming", "xavier"]
"""How convolution and linear layers begin; see `initialise`."""


class Family(nn.Module):
    """A model of our own, which says how its weights begin and whether it draws while training."""

    init: Init = "kaiming"
    draws: bool = False  # from torch's default generator, as dropout does


class ZeroGammaNorm(nn.BatchNorm2d):
    """Batch normalisation whose gamma starts at 0: last in a residual block, it makes that start as identity.

    He et al. 2018, section 3.1 "Zero gamma"; Goyal et al. 2017, section 5.1.
    """

    def reset_parameters(self) -> None:
        """Set gamma and beta to 0 and forget the running statistics."""
        super().reset_parameters()
        nn.init.zeros_(self.weight)


def initialise(model: Family, streams: Streams) -> None:
    """Draw all weights of one of our own models in place and reset its buffers.

    A value is a pure function of (seed, replica, name, shape): parameter `p` is drawn on the CPU in float32
    from the stream "init/p". Layers without parameters are not counted in that name, so that the pooling
    which the D tweak puts in front of the shortcut's convolution does not change the convolution's draw.

    - kaiming: convolutions normal with standard deviation sqrt(2 / fan_out), their biases 0; linear layers
      uniform on ±1/sqrt(fan_in), weight and bias. This is what torchvision's ResNets do. So are
      one-dimensional convolutions, which no relu follows, as in ECA's released code and timm.
    - xavier: convolutions and linear layers uniform on ±sqrt(6 / (fan_in + fan_out)), biases 0 (He et al.
      2018, section 2; their released code used MXNet's MSRAPrelu instead). The fans are channels times kernel
      area (Glorot and Bengio 2010).

    Both: batch normalisation gamma 1 (0 for a `ZeroGammaNorm`) and beta 0.
    """
    for name, layer in _layers(model):
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
            continue
        for kind, parameter in layer.named_parameters(recurse=False):
            generator = streams.torch(f"init/{name}.{kind}")
            values = _draw(layer, torch.empty(parameter.shape), model.init, generator)
            with torch.no_grad():
                parameter.copy_(values)


def _layers(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The layers that own parameters, with their names; in a sequence only such layers are counted."""
    if next(module.parameters(recurse=False), None) is not None:
        yield prefix, module
    children = [
        (name, child) for name, child in module.named_children() if any(True for _ in child.parameters())
    ]
    for index, (name, child) in enumerate(children):
        name = str(index) if name.isdigit() else name
        yield from _layers(child, f"{prefix}.{name}" if prefix else name)


def _draw(layer: nn.Module, empty: Tensor, init: Init, generator: torch.Generator) -> Tensor:
    """Fill `empty`, a weight or (one-dimensional) a bias of `layer`."""
    if empty.ndim == 1:
        bound = (
            1 / math.sqrt(layer.in_features) if init == "kaiming" and isinstance(layer, nn.Linear) else 0.0
        )
        return nn.init.uniform_(empty, -bound, bound, generator=generator)
    if init == "xavier":
        return nn.init.xavier_uniform_(empty, generator=generator)
    if isinstance(layer, (nn.Linear, nn.Conv1d)):
        return nn.init.kaiming_uniform_(empty, a=math.sqrt(5), generator=generator)
    return nn.init.kaiming_normal_(empty, mode="fan_out", nonlinearity="relu", generator=generator)
