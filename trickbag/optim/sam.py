"""Sharpness-aware minimisation: the gradient at the worst point nearby, for any optimizer's step."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@torch.no_grad()
def sam_perturb(parameters: Iterable[nn.Parameter], rho: float, adaptive: bool = False) -> list[Tensor]:
    """Move the parameters, in place, by `rho` along their gradients; return the weights as they were.

    Foret et al. 2020 (arXiv 2010.01412), equation 2 with p = 2: w + rho g / ||g||, over all parameters
    together. `adaptive`: Kwon et al. 2021 (arXiv 2102.11600), w + rho w^2 g / ||w g||, each product
    elementwise. Where the norm is zero nothing moves; a parameter without a gradient stays.
    """
    given = list(parameters)
    saved = [p.detach().clone() for p in given]
    moved: list[Tensor] = [p for p in given if p.grad is not None]
    directions = [p.grad for p in moved if p.grad is not None]
    if not directions:
        return saved
    if adaptive:
        directions = [g * p for g, p in zip(directions, moved, strict=True)]
    norm = nn.utils.get_total_norm(directions)
    scale = torch.where(norm > 0, rho / norm, 0.0)
    if adaptive:
        directions = [d * p for d, p in zip(directions, moved, strict=True)]
    torch._foreach_add_(moved, list(torch._foreach_mul(directions, scale)))
    return saved


@torch.no_grad()
def sam_restore(parameters: Iterable[nn.Parameter], saved: Sequence[Tensor]) -> None:
    """Put the weights back, bit for bit, in place; gradients stay those of the perturbed point."""
    for p, old in zip(parameters, saved, strict=True):
        p.copy_(old)


@contextmanager
def statistics_kept(model: nn.Module) -> Iterator[None]:
    """Batch normalisation normalises by the batch as ever, but leaves its running statistics as they are.

    For the second pass of SAM, whose weights are not those that will be evaluated.
    """
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True
