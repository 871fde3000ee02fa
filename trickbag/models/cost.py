"""What a model costs: parameters and multiply-adds."""

import copy
from importlib import import_module

import torch
from torch import nn

from trickbag.models.initialise import ZeroGammaNorm


def count_parameters(model: nn.Module) -> int:
    """The number of trainable and frozen parameters; a shared one counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def multiply_adds(model: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Multiply-adds of one forward pass, in evaluation mode, for an input of `input_shape` (with the batch).

    Convolutions and matrix products are counted; normalisation, activations and pooling are not. These are
    the "FLOPs" of He et al. 2018, table 5. Nothing is computed: a copy of the model runs on the meta device.
    """
    flops = import_module(
        "torch.utils.flop_counter"
    )  # imports triton, a quarter of a second that runs can save
    twin = copy.deepcopy(model).to("meta").eval()
    without_normalisation(twin)
    with torch.no_grad(), flops.FlopCounterMode(display=False) as counter:
        twin(torch.empty(input_shape, device="meta"))
    return int(counter.get_total_flops()) // 2


def without_normalisation(model: nn.Module) -> nn.Module:
    """The model, changed in place, without its batch normalisation: sizes and multiply-adds stay the same.

    On the meta device three quarters of the time of a forward pass go into tracing it.
    """
    for name, layer in list(model.named_modules()):
        if name and type(layer) in (nn.BatchNorm2d, ZeroGammaNorm):
            model.set_submodule(name, nn.Identity())
    return model
