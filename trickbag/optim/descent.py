"""Gradient descent with momentum: every weight of a layer moves by one learning rate."""

from importlib import import_module
from typing import Annotated

from pydantic import Field
from torch import optim

from trickbag.optim.bounds import NotNegative, Positive, Rate
from trickbag.optim.groups import Groups


def sgd(groups: Groups, lr: float, *, momentum: Rate = 0.9, dampening: Rate = 0.0) -> optim.Optimizer:
    """Stochastic gradient descent with heavy-ball momentum (Polyak 1964), torch's form.

    The learning rate multiplies the momentum buffer, so a constant gradient g moves a weight by
    lr g / (1 - momentum) per step in the long run.
    """
    return optim.SGD(groups, lr, momentum=momentum, dampening=dampening, foreach=True)


def nag(groups: Groups, lr: float, *, momentum: Annotated[float, Field(gt=0, lt=1)] = 0.9) -> optim.Optimizer:
    """Nesterov's accelerated gradient (Sutskever et al. 2013), the optimizer of He et al. 2018."""
    return optim.SGD(groups, lr, momentum=momentum, nesterov=True, foreach=True)


def lars(
    groups: Groups,
    lr: float,
    *,
    momentum: Rate = 0.9,
    trust_coefficient: Positive = 0.001,
    eps: NotNegative = 1e-8,
    always_adapt: bool = False,
) -> optim.Optimizer:
    """Layer-wise adaptive rate scaling (You et al. 2017, arXiv 1708.03888, Algorithm 1), timm's.

    SGD whose step in each layer is as long as a fixed share (lr times `trust_coefficient`) of the layer's
    weights. Parameters without weight decay take a plain SGD step, unless `always_adapt`.
    """
    optimizer: optim.Optimizer = import_module("timm.optim").Lars(
        groups, lr, momentum=momentum, trust_coeff=trust_coefficient, eps=eps, always_adapt=always_adapt
    )
    return optimizer
