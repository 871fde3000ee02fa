"""PSGD with a Kronecker-factored preconditioner, as timm has it."""

from importlib import import_module
from importlib.util import find_spec

from torch import optim

from trickbag.errors import InputError
from trickbag.optim.bounds import Positive, Rate
from trickbag.optim.groups import Groups


def kron(
    groups: Groups, lr: float, *, stream: int, momentum: Rate = 0.9, precond_lr: Positive = 0.1
) -> optim.Optimizer:
    """PSGD Kron (Li 2015, arXiv 1512.04202; Walters' kron_torch), timm's, with decoupled weight decay.

    The preconditioner is fitted to random vectors, drawn from a stream of its own. Filters are flattened to
    [out, in, k x k]. timm compiles its parts with torch.compile, once for each shape of a parameter: a GPU's
    optimizer. InputError where opt_einsum is missing, without which its products do not fit into memory.
    """
    if find_spec("opt_einsum") is None:
        raise InputError("optimizer.name: kron needs the package opt_einsum; pip install opt_einsum")
    optimizer: optim.Optimizer = import_module("timm.optim.kron").Kron(
        groups,
        lr,
        momentum=momentum,
        precond_lr=precond_lr,
        decoupled_decay=True,
        flatten=True,
        deterministic=True,  # draws from the optimizer's own generator, whose state is in the checkpoint
    )
    optimizer.rng.seed(stream)  # type: ignore[attr-defined]
    return optimizer
