"""The seams of a training step: the value that operations see, and what they are built from.

An operation is built once, as `build(context, **arguments)`, then called with a small frozen `Batch`. Order
inside a seam is the operation's declared `rank`, never the order of tricks. A seam without operations leaves
no code in the step and draws nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from trickbag.rng import Streams


class Batch(NamedTuple):
    """What the operations of one step see."""

    x: Tensor  # float32 [B, C, H, W], augmented and normalised
    y: Tensor  # int64 [B], or float32 [B, K] once mixed or smoothed
    step: int  # counted over the whole run
    outputs: Tensor | None = None  # logits [B, K], once the network has run


Loss = Callable[[Batch], Tensor]
BatchOperation = Callable[[Batch], Batch]


@dataclass(frozen=True)
class Context:
    """What an operation may know when it is built."""

    streams: Streams
    classes: tuple[str, ...]
    in_channels: int
    mean: Tensor  # of the training images per channel, on the scale 0..255
    sd: Tensor
    device: torch.device
    base: Path  # relative paths in a recipe start here
    find_model: Callable[[str], Callable[..., nn.Module]]  # the factory that a model's name stands for

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def plain_step(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """The step seam without operations: backward, update, clear."""
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


@dataclass(frozen=True)
class ScaledStep:
    """The step of fp16 training: the loss is scaled so that small gradients survive (paper, Section 3.2)."""

    scaler: torch.amp.GradScaler

    def __call__(self, loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
        """Backward through the scaled loss; the update is skipped where gradients overflowed."""
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(optimizer)
        self.scaler.update()
        optimizer.zero_grad(set_to_none=True)


Step = Callable[[Tensor, torch.optim.Optimizer], None]
Network = Callable[[Tensor], Tensor]
Surgery = Callable[[nn.Module], nn.Module]
