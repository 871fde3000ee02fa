"""Optimizers with a learning rate of its own for each weight, from the past of its gradient.

timm is imported where it is used: it takes two seconds, which only its optimizers pay.
"""

from importlib import import_module

from torch import optim

from trickbag.optim.bounds import Betas, NotNegative, Positive, Rate
from trickbag.optim.groups import Groups


def rmsprop(
    groups: Groups, lr: float, *, alpha: Rate = 0.9, eps: Positive = 1e-8, momentum: Rate = 0.0
) -> optim.Optimizer:
    """RMSProp (Hinton 2012, Coursera lecture 6e), torch's form.

    Epsilon is added to the root, and the average of squares starts at zero. `alpha` is the lecture's 0.9;
    torch's own default is 0.99.
    """
    return optim.RMSprop(groups, lr, alpha=alpha, eps=eps, momentum=momentum, foreach=True)


def rmsprop_tf(
    groups: Groups, lr: float, *, alpha: Rate = 0.9, eps: Positive = 1e-3, momentum: Rate = 0.9
) -> optim.Optimizer:
    """RMSProp, TensorFlow's form as timm has it: what EfficientNet and MobileNet-V3 were trained with.

    Epsilon stands inside the root, the average of squares starts at one, and the learning rate is part of
    the momentum buffer. Defaults as in those papers; epsilon as in their released code.
    """
    optimizer: optim.Optimizer = import_module("timm.optim").RMSpropTF(
        groups, lr, alpha=alpha, eps=eps, momentum=momentum
    )
    return optimizer


def adam(
    groups: Groups, lr: float, *, betas: Betas = (0.9, 0.999), eps: Positive = 1e-8, amsgrad: bool = False
) -> optim.Optimizer:
    """Adam (Kingma and Ba 2014, arXiv 1412.6980, Algorithm 1), torch's; weight decay is an L2 penalty."""
    return optim.Adam(groups, lr, betas=betas, eps=eps, amsgrad=amsgrad, foreach=True)


def adamw(
    groups: Groups, lr: float, *, betas: Betas = (0.9, 0.999), eps: Positive = 1e-8, amsgrad: bool = False
) -> optim.Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv 1711.05101, Algorithm 2), torch's.

    As in torch, and unlike in the paper, the decay is multiplied by the learning rate: weights shrink by
    lr times `weight_decay` in each step.
    """
    return optim.AdamW(groups, lr, betas=betas, eps=eps, amsgrad=amsgrad, foreach=True)


def nadam(
    groups: Groups,
    lr: float,
    *,
    betas: Betas = (0.9, 0.999),
    eps: Positive = 1e-8,
    momentum_decay: NotNegative = 0.004,
) -> optim.Optimizer:
    """Adam with Nesterov momentum (Dozat 2016, ICLR workshop), torch's; weight decay is an L2 penalty."""
    return optim.NAdam(groups, lr, betas=betas, eps=eps, momentum_decay=momentum_decay)


def radam(groups: Groups, lr: float, *, betas: Betas = (0.9, 0.999), eps: Positive = 1e-8) -> optim.Optimizer:
    """Rectified Adam (Liu et al. 2019, arXiv 1908.03265, Algorithm 2), torch's; weight decay is an L2 penalty."""
    return optim.RAdam(groups, lr, betas=betas, eps=eps)


def adagrad(
    groups: Groups, lr: float, *, lr_decay: NotNegative = 0.0, eps: Positive = 1e-10
) -> optim.Optimizer:
    """Adagrad (Duchi et al. 2011, JMLR 12), torch's; weight decay is an L2 penalty."""
    return optim.Adagrad(groups, lr, lr_decay=lr_decay, eps=eps, foreach=True)


def adadelta(groups: Groups, lr: float, *, rho: Rate = 0.95, eps: Positive = 1e-6) -> optim.Optimizer:
    """Adadelta (Zeiler 2012, arXiv 1212.5701, Algorithm 1), torch's; weight decay is an L2 penalty.

    The paper has no learning rate: lr is 1. `rho` is the paper's 0.95; torch's own default is 0.9.
    """
    return optim.Adadelta(groups, lr, rho=rho, eps=eps, foreach=True)


def lamb(
    groups: Groups,
    lr: float,
    *,
    betas: Betas = (0.9, 0.999),
    eps: Positive = 1e-6,
    max_grad_norm: Positive | None = None,
    always_adapt: bool = False,
) -> optim.Optimizer:
    """LAMB (You et al. 2019, arXiv 1904.00962, Algorithm 2), timm's: Adam with a step length for each layer.

    A layer's step, decay included, is made as long as lr times its weights. Parameters without weight decay
    take a plain Adam step, unless `always_adapt`. The paper's algorithm does not clip; timm's own default
    clips the whole gradient at norm 1.
    """
    optimizer: optim.Optimizer = import_module("timm.optim").Lamb(
        groups, lr, betas=betas, eps=eps, max_grad_norm=max_grad_norm, always_adapt=always_adapt
    )
    return optimizer


def lion(groups: Groups, lr: float, *, betas: Betas = (0.9, 0.99)) -> optim.Optimizer:
    """Lion (Chen et al. 2023, arXiv 2302.06675, Algorithm 2), timm's: every weight moves by exactly lr."""
    optimizer: optim.Optimizer = import_module("timm.optim").Lion(groups, lr, betas=betas, foreach=True)
    return optimizer


def adan(
    groups: Groups, lr: float, *, betas: tuple[Rate, Rate, Rate] = (0.98, 0.92, 0.99), eps: Positive = 1e-8
) -> optim.Optimizer:
    """Adan (Xie et al. 2022, arXiv 2208.06677, Algorithm 1), timm's, without restarts.

    Weights are divided by 1 + lr times `weight_decay` after the step, the paper's proximal form of decay.
    """
    optimizer: optim.Optimizer = import_module("timm.optim").Adan(
        groups, lr, betas=betas, eps=eps, foreach=True
    )
    return optimizer
