"""Muon: momentum whose update is orthogonalised, matrix by matrix; everything else by AdamW.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks" (kellerjordan.github.io/posts/muon).
Our own, since torch's takes matrices alone, and timm's (not in 1.0.20 yet) works in bfloat16 on every device:
on a CPU without bfloat16 units that took 48 times as long as float32 (a 64 x 576 matrix, one thread).
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn, optim
from torch.optim.adamw import adamw as adamw_step

from trickbag.optim.bounds import Betas, Positive, Rate
from trickbag.optim.groups import Groups

# Of the quintic that is iterated: Jordan's, chosen for its slope at zero, not for convergence to one.
QUINTIC = (3.4445, -4.7750, 2.0315)
SMALLEST = 1e-7  # of a norm that is divided by


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """About the nearest matrix with orthogonal rows or columns: float [rows, columns], in its own type.

    Newton-Schulz iteration; the singular values end near one, between 0.7 and 1.2. In bfloat16 on a GPU, as
    in Jordan's code; elsewhere in the matrix's own type.
    """
    a, b, c = QUINTIC
    x = matrix.bfloat16() if matrix.is_cuda else matrix
    upright = matrix.size(0) > matrix.size(1)
    if upright:
        x = x.mT
    x = (x / x.norm().clamp(min=SMALLEST)).contiguous()
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if upright else x).to(matrix.dtype)


class Muon(optim.Optimizer):
    """Groups with `matrix: True` by Muon, the others by AdamW with `lr` times `adamw_scale`."""

    def __init__(self, groups: Groups, lr: float, **settings: Any) -> None:
        """Settings as in `muon`; a group's own go before them."""
        super().__init__(groups, {"lr": lr, "weight_decay": 0.0, **settings})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step on the gradients that are there."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if group["matrix"]:
                self._muon(params, group)
            elif params:
                self._adamw(params, group)
        return loss

    def _muon(self, params: list[Tensor], group: dict[str, Any]) -> None:
        """Decay, then a step along the orthogonalised momentum; filters are matrices [out, in x k x k]."""
        lr, momentum = group["lr"], group["momentum"]
        for p in params:
            assert p.grad is not None
            state = self.state[p]
            if not state:
                state["momentum_buffer"] = torch.zeros_like(p)
            average = state["momentum_buffer"].lerp_(p.grad, 1 - momentum)
            update = (p.grad.lerp(average, momentum) if group["nesterov"] else average).flatten(1)
            direction = orthogonalise(update, group["ns_steps"]).view(p.shape)
            p.mul_(1 - lr * group["weight_decay"])
            p.add_(direction, alpha=-lr * _scale(update.shape, group["scale"]))

    def _adamw(self, params: list[Tensor], group: dict[str, Any]) -> None:
        """torch's AdamW on a group."""
        for p in params:
            if not self.state[p]:
                zero = torch.zeros_like(p)
                self.state[p] = {"step": torch.tensor(0.0), "exp_avg": zero, "exp_avg_sq": zero.clone()}
        beta1, beta2 = group["betas"]
        adamw_step(
            params,
            [p.grad for p in params if p.grad is not None],
            [self.state[p]["exp_avg"] for p in params],
            [self.state[p]["exp_avg_sq"] for p in params],
            [],
            [self.state[p]["step"] for p in params],
            foreach=True,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"] * group["adamw_scale"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def _scale(shape: torch.Size, kind: str) -> float:
    """What the learning rate is multiplied by for a matrix of this shape."""
    rows, columns = shape
    if kind == "adamw":
        return float(0.2 * max(rows, columns) ** 0.5)
    return float(max(1, rows / columns) ** 0.5)


def muon(
    groups: Groups,
    lr: float,
    *,
    hidden: Sequence[nn.Parameter],
    momentum: Rate = 0.95,
    nesterov: bool = True,
    ns_steps: int = 5,
    scale: Literal["adamw", "jordan"] = "adamw",
    betas: Betas = (0.9, 0.95),
    eps: Positive = 1e-8,
    adamw_scale: Positive = 1.0,
) -> optim.Optimizer:
    """Muon on the hidden weights, AdamW on all else: first layer, classifier, biases, normalisation.

    `scale` adamw (Liu et al. 2025, arXiv 2502.16982, equation 4) makes the steps as long as AdamW's, so that
    one learning rate and weight decay serve both; jordan is the original, whose learning rate is about 0.02,
    with AdamW's at `adamw_scale` times that. `hidden`, from the model, are the weights that are matrices.
    """
    apart = {id(p) for p in hidden}
    split = [
        {**group, "params": params, "matrix": matrix}
        for group in groups
        for matrix in (True, False)
        if (params := [p for p in group["params"] if (id(p) in apart) is matrix])
    ]
    settings = {"momentum": momentum, "nesterov": nesterov, "ns_steps": ns_steps, "scale": scale}
    return Muon(split, lr, **settings, betas=betas, eps=eps, adamw_scale=adamw_scale)
