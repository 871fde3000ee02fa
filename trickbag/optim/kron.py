"""PSGD with a Kronecker-factored preconditioner, as timm has it."""

from importlib import import_module

from torch import optim

from trickbag.optim.bounds import Positive, Rate
from trickbag.optim.groups import Groups

COMPILED = ("_calc_A_and_conjB", "_q_terms", "_precond_grad", "_balance_Q")
"""What timm compiles with torch.compile, once for each shape of a parameter."""


def kron(
    groups: Groups, lr: float, *, stream: int, momentum: Rate = 0.9, precond_lr: Positive = 0.1
) -> optim.Optimizer:
    """PSGD Kron (Li 2015, arXiv 1512.04202; Walters' kron_torch), timm's, with decoupled weight decay.

    The preconditioner is fitted to random vectors, drawn from a stream of its own. Filters are flattened to
    [out, in, k x k]. timm compiles the parts of a step; on a CPU that takes minutes and gains nothing, so there
    they run as they are. timm needs opt_einsum for it, without which its products do not fit into memory.
    """
    timm = import_module("timm.optim.kron")
    optimizer: optim.Optimizer = timm.Kron(
        groups,
        lr,
        momentum=momentum,
        precond_lr=precond_lr,
        decoupled_decay=True,
        flatten=True,
        deterministic=True,  # draws from the optimizer's own generator, whose state is in the checkpoint
    )
    optimizer.rng.seed(stream)  # type: ignore[attr-defined]
    if all(
        parameter.device.type == "cpu" for group in optimizer.param_groups for parameter in group["params"]
    ):
        for part in COMPILED:
            setattr(optimizer, part, getattr(timm, part))
    return optimizer
