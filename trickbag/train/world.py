"""The processes that train one run together, one per device: who one of them is, and how they exchange.

After every step all of them hold the same weights, statistics and optimizer state, bit for bit. A run in a single
process exchanges nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import Store

from trickbag.recipe import Machine


@dataclass(frozen=True)
class World:
    """One process among `size`, which share every batch."""

    rank: int = 0
    size: int = 1

    @classmethod
    def here(cls) -> "World":
        """The world that this process has joined; a world of one where it has joined none."""
        if not dist.is_initialized():
            return cls()
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and speaks for all."""
        return self.rank == 0

    def share(self, x: Tensor) -> Tensor:
        """This process's part of a batch [B, …]: the parts of all, in order of rank, make the whole."""
        return x.tensor_split(self.size)[self.rank] if self.size > 1 else x

    def gathered(self, x: Tensor) -> Tensor:
        """The whole [B, …] of which each process has a part, all of one size."""
        if self.size == 1:
            return x
        parts = [torch.empty_like(x) for _ in range(self.size)]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    def summed(self, x: Tensor) -> Tensor:
        """The sum of every process's `x`, in order of rank, so that the last digits are always the same."""
        return x if self.size == 1 else self.gathered(x[None]).sum(0)


@contextmanager
def joined(
    machine: Machine, device: torch.device, store: Store, rank: int, size: int
) -> Iterator[World]:
    """Join the world of `size` processes that share a store, and leave it at the end.

    Tensors on the CPU can be exchanged as well where the device is a GPU. An error leaves the world as it is: the
    others may be gone, and taking leave of them could take for ever.
    """
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    patience = timedelta(seconds=machine.patience_seconds)
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=patience)
    try:
        yield World.here()
    except KeyboardInterrupt:  # upon which all have agreed
        dist.destroy_process_group()
        raise
    dist.destroy_process_group()
