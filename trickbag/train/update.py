"""The update: gradients of a batch, optimizer step, clear; what the step seam changes.

A step operation maps one `Update` to another, as `build(context, update, **arguments)`. It may wrap `backward`
(two passes, parts of a batch), look at the gradients before the optimizer does, or at the weights after it.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from trickbag.train.seams import Batch, Loss

Backward = Callable[[Loss, Batch], Tensor]
"""(batch → loss, forward pass included; batch) → the loss; leaves gradients in the parameters."""


def plain_backward(loss_of: Loss, batch: Batch) -> Tensor:
    """The gradients of a batch in one pass."""
    loss = loss_of(batch)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


@dataclass(frozen=True)
class ScaledBackward:
    """fp16 training: the loss is scaled so that small gradients survive (He et al. 2018, section 3.2)."""

    scaler: torch.amp.GradScaler

    def __call__(self, loss_of: Loss, batch: Batch) -> Tensor:
        """Leave scaled gradients behind, and return the loss as it is."""
        loss = loss_of(batch)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach()


@dataclass(frozen=True)
class Update:
    """One optimizer step on a batch."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    backward: Backward = plain_backward
    scaler: torch.amp.GradScaler | None = None
    before: tuple[Callable[[], object], ...] = ()  # change the gradients, in order
    after: tuple[Callable[[int], object], ...] = ()  # given the step, change the weights, in order
    no_sync: Callable[[], AbstractContextManager[None]] = (
        nullcontext  # gradients are not yet those of all processes
    )
    state: Mapping[str, Tensor] = field(default_factory=dict)  # what operations keep between steps

    def __call__(self, loss_of: Loss, batch: Batch) -> Tensor:
        """Take the gradients, step, clear; returns the loss. fp16 skips a step whose gradients overflowed."""
        loss = self.backward(loss_of, batch)
        if self.scaler and self.before:
            self.scaler.unscale_(self.optimizer)
        for change in self.before:
            change()
        if self.scaler:  # all processes leave out the same steps: an overflow is there after the exchange too
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        for follow in self.after:
            follow(batch.step)
        return loss
