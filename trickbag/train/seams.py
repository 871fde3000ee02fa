"""The seams of a training step: the value that operations see, and what they are built from.

An operation is built once, as `build(context, …, **arguments)`, then called with small frozen values. Order
inside a seam is the operation's declared `rank`, else its place in the catalogue, never the order of tricks.
A seam without operations leaves no code in the step and draws nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from trickbag.rng import Streams
from trickbag.train.world import World


class Batch(NamedTuple):
    """What the operations of one step see: all images of the step at the batch seam, later a process's share."""

    x: Tensor  # float32 [B, C, H, W], augmented and normalised
    y: Tensor  # int64 [B], or float32 [B, K] once mixed or smoothed
    step: int  # counted over the whole run
    outputs: Tensor | None = None  # logits [B, K], once the network has run
    auxiliary: tuple[Tensor, ...] = ()  # logits [B, K] of auxiliary heads
    part: int = 0  # which part of the batch this is, where it is taken in parts


Loss = Callable[[Batch], Tensor]
"""batch with outputs → scalar loss."""
BatchOperation = Callable[[Batch], Batch]
Order = Callable[[int, Tensor], Tensor]
"""(epoch, image ids int64 [N] in random order) → image ids int64 [M], which may repeat."""
Network = Callable[[Tensor], Tensor]
"""x float32 [B, C, H, W] → logits [B, K], at evaluation."""


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
    steps_per_epoch: int
    total_steps: int
    world: World = field(default_factory=World)

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = lr
