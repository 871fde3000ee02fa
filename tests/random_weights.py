"""Weights for comparing a network with another program's: unlike any default, so that nothing is left untested."""

import math

import torch
from torch import nn


def randomised(model: nn.Module) -> nn.Module:
    """Other than default numbers in every parameter and buffer, in the size of a trained net's."""
    generator = torch.Generator().manual_seed(0)
    for name, values in model.state_dict().items():
        if values.is_floating_point() and values.ndim == 1:
            values.uniform_(0.5, 1.5, generator=generator)
        elif values.ndim > 1:
            values.normal_(0, math.sqrt(1 / values[0].numel()), generator=generator)
        assert values.is_floating_point() or name.endswith("num_batches_tracked")
    return model
