"""Batch-norm statistics in training: over groups of a batch, or over the whole batch on several devices.

Layers are changed in place, by their class alone: parameters, buffers and their names stay.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trickbag.errors import InputError
from trickbag.train.world import World


def group_statistics(model: nn.Module, groups: int) -> None:
    """Have every batch-norm layer of `model` take statistics over each of `groups` equal parts of what it is given."""
    for layer in _layers(model):
        layer.__class__ = _mixed(GroupedNorm, type(layer))  # type: ignore[arg-type]
        layer.groups = groups  # type: ignore[assignment]


def synchronise_statistics(model: nn.Module, world: World, device: torch.device) -> None:
    """Have every batch-norm layer of `model`, on `device`, take statistics over the shares of all processes.

    InputError for a layer that normalises in a way of its own.
    """
    for name, layer in model.named_modules():
        if not isinstance(layer, _BatchNorm):
            continue
        if type(layer).forward is not _BatchNorm.forward and not type(layer).__module__.startswith("timm."):
            raise InputError(
                f"model: its layer {name} ({type(layer).__name__}) cannot be synchronised across devices; set "
                "budget.batch_norm_images, for statistics of each device alone"
            )
        if device.type == "cuda":
            layer.__class__ = _uncompiled(CudaSynchronisedNorm)
            layer.process_group = None  # type: ignore[assignment]
        else:
            layer.__class__ = _uncompiled(SynchronisedNorm, type(layer))  # type: ignore[arg-type]
            layer.world = world  # type: ignore[assignment]


@torch.no_grad()
def average_statistics(model: nn.Module, world: World) -> None:
    """Make the running statistics the mean over all processes, which train their shares in groups."""
    layers = [m for m in _layers(model) if isinstance(m, GroupedNorm) and m.training]
    running = [b for m in layers for b in (m.running_mean, m.running_var) if b is not None]
    if world.size == 1 or not running:
        return
    mean = world.all_reduce(torch.cat(running)) / world.size
    torch._foreach_copy_(running, list(torch.split(mean, [len(b) for b in running])))


class GroupedNorm(_BatchNorm):
    """Ghost batch normalisation (Hoffer et al. 2017, arXiv 1705.08741, algorithm 1).

    In training each of `groups` equal parts of a batch has statistics of its own. The running statistics move
    towards the mean over the groups, and count them as one batch.
    """

    groups: int

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, …] normalised by the layer's own class, group by group."""
        if not self.training or self.groups == 1:
            return super().forward(x)
        momentum, rate, done = self.momentum, _rate(self), []
        for number, group in enumerate(x.chunk(self.groups), start=1):
            # After the last one each group has the weight rate / groups, and the old statistics 1 - rate.
            self.momentum = rate / (self.groups - (self.groups - number) * rate)
            done.append(super().forward(group))
        self.momentum = momentum
        if self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.sub_(self.groups - 1)
        return torch.cat(done)


class SynchronisedNorm(_BatchNorm):
    """Batch normalisation over the shares of all processes, for CPUs, which torch's SyncBatchNorm refuses."""

    world: World

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, …], normalised in training by the mean and variance of all processes' x together."""
        if not self.training:
            return super().forward(x)
        wide = x.float()
        var, mean = torch.var_mean(wide, [0, *range(2, x.ndim)], correction=0)
        # In double precision the difference of second moment and squared mean loses nothing.
        moments = torch.stack([mean.double(), var.double() + mean.double().square()])
        mean, second = AllReduce.apply(moments, self.world) / self.world.size
        var = second - mean.square()
        if self.track_running_stats:
            self._take_in(mean, var, x.numel() // x.shape[1] * self.world.size)
        shape = [1, -1, *[1] * (x.ndim - 2)]
        scale = (var + self.eps).rsqrt().float()
        y = (wide - mean.float().view(shape)) * scale.view(shape)
        if self.affine:
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return _after(self, y.to(x.dtype))

    @torch.no_grad()
    def _take_in(self, mean: Tensor, var: Tensor, count: int) -> None:
        """Move the running statistics towards those of `count` values per channel."""
        rate = _rate(self)
        for running, new in ((self.running_mean, mean), (self.running_var, var * count / (count - 1))):
            if running is not None:
                running.lerp_(new.to(running.dtype), rate)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


class CudaSynchronisedNorm(nn.SyncBatchNorm):
    """torch's synchronised batch normalisation, and what timm's layers do after it."""

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, …], normalised in training by the mean and variance of all processes' x together."""
        return _after(self, super().forward(x))


class AllReduce(torch.autograd.Function):
    """The sum over all processes; so is its gradient, since each process's loss depends on it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, world: World) -> Tensor:
        """The sum of every process's `x`."""
        ctx.world = world
        return world.all_reduce(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        """The sum of every process's gradient."""
        return ctx.world.all_reduce(grads[0]), None


def _layers(model: nn.Module) -> list[_BatchNorm]:
    """The batch-norm layers of a model."""
    return [layer for layer in model.modules() if isinstance(layer, _BatchNorm)]


@cache
def _mixed(change: type[_BatchNorm], kind: type[_BatchNorm]) -> type[_BatchNorm]:
    """The class `kind` with the behaviour of `change`; there is one, so that compiled code is shared."""
    return type(f"{change.__name__}{kind.__name__}", (change, kind), {})


@cache
def _uncompiled(change: type[_BatchNorm], *kinds: type[_BatchNorm]) -> type[_BatchNorm]:
    """Likewise, but never in a compiled graph, in whose midst it would exchange.

    Said here and not where `change` is defined: torch's compiler, which every process would import, takes 2 seconds.
    """
    name = change.__name__ + "".join(kind.__name__ for kind in kinds)
    return type(name, (change, *kinds), {"forward": torch.compiler.disable(change.forward)})  # type: ignore[no-untyped-call]


def _rate(layer: _BatchNorm) -> float:
    """How far the running statistics move with the next batch; without momentum they are a plain mean."""
    if layer.momentum is not None:
        return layer.momentum
    return 1.0 if layer.num_batches_tracked is None else 1.0 / (int(layer.num_batches_tracked) + 1)


def _after(layer: nn.Module, y: Tensor) -> Tensor:
    """What timm's BatchNormAct2d does to normalised values: dropping and activation, where it has them."""
    for name in ("drop", "act"):
        follow: Callable[[Tensor], Tensor] | None = getattr(layer, name, None)
        y = y if follow is None else follow(y)
    return y
