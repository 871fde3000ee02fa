"""Which parameters an optimizer treats alike: what decays, which weights are hidden matrices, what classifies."""

from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any, Literal

from torch import nn, optim
from torch.nn.modules.conv import _ConvNd

Groups = list[dict[str, Any]]
Factory = Callable[..., optim.Optimizer]


def parameter_groups(
    model: nn.Module, weight_decay: float, decay: Literal["all", "weights"] = "all"
) -> Groups:
    """The parameters in groups for an optimizer; each is in exactly one, in the order of the model.

    - all: one group, everything decays.
    - weights: weights of convolutions, linear layers and attention projections decay; biases, normalisation
      and what else there is (positions, layer scales) do not (He et al. 2018, section 3.1 "No bias decay").
    """
    if decay == "all":
        return [{"params": list(model.parameters()), "weight_decay": weight_decay}]
    weights = {id(weight) for _, weight in _layer_weights(model)}
    return [
        {"params": [p for p in model.parameters() if id(p) in weights], "weight_decay": weight_decay},
        {"params": [p for p in model.parameters() if id(p) not in weights], "weight_decay": 0.0},
    ]


def _layer_weights(model: nn.Module) -> Iterator[tuple[nn.Module, nn.Parameter]]:
    """Every layer that multiplies by a weight, with that weight, in the order of registration."""
    for layer in model.modules():
        if isinstance(layer, (_ConvNd, nn.Linear, nn.MultiheadAttention)):
            for name, parameter in layer.named_parameters(recurse=False):
                if name.endswith(
                    "weight"
                ):  # MultiheadAttention has its input projections in `in_proj_weight`
                    yield layer, parameter


def output_layers(model: nn.Module) -> list[nn.Module]:
    """The classifier: the last layer with a weight, and linear layers of as many outputs (auxiliary heads)."""
    layers = list(_layer_weights(model))
    if not layers:
        return []
    last, weight = layers[-1]
    others = [
        layer for layer, w in layers[:-1] if isinstance(layer, nn.Linear) and w.shape[0] == weight.shape[0]
    ]
    return [*(layer for layer in others if layer is not last), last]


def before_classifier(model: nn.Module) -> list[nn.Parameter]:
    """All parameters but those of the classifier: what adaptive gradient clipping clips.

    Brock et al. 2021 (arXiv 2102.06171), section 4.1: the last linear layer is left out.
    """
    apart = {id(p) for layer in output_layers(model) for p in layer.parameters()}
    return [p for p in model.parameters() if id(p) not in apart]


def hidden_weights(model: nn.Module) -> list[nn.Parameter]:
    """Weights that act as matrices between hidden layers, in the order of the model: what Muon is for.

    All weights of convolutions, linear layers and attention projections but the first layer's, the
    classifier's and depthwise filters (one input channel each: no matrix). Jordan's README: "for a ConvNet
    … all the convolutional filters except the first one" (github.com/KellerJordan/Muon).
    """
    weights = [weight for _, weight in _layer_weights(model)]
    apart = {id(p) for layer in output_layers(model) for p in layer.parameters()}
    apart |= {id(weight) for weight in weights[:1]}
    found = {id(w) for w in weights if id(w) not in apart and w.ndim >= 2 and w.shape[1] > 1}
    return [p for p in model.parameters() if id(p) in found]


def build_optimizer(
    factory: Factory,
    model: nn.Module,
    lr: float,
    *,
    weight_decay: float = 0.0,
    decay: Literal["all", "weights"] = "all",
    stream: int = 0,
    **arguments: Any,
) -> optim.Optimizer:
    """The optimizer that `factory(groups, lr, **arguments)` makes of a model's parameters.

    A factory that has a parameter `hidden` is also given the model's `hidden_weights`; one that has a
    parameter `stream`, since it draws random numbers, the key of a random stream.
    """
    asked = signature(factory).parameters
    if "hidden" in asked:
        arguments["hidden"] = hidden_weights(model)
    if "stream" in asked:
        arguments["stream"] = stream
    return factory(parameter_groups(model, weight_decay, decay), lr, **arguments)
