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
    def current(cls) -> "World":
        """The world that this process has joined; a world of one where it has joined none."""
        if not dist.is_initialized():
            return cls()
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def is_rank_zero(self) -> bool:
        """Whether this is the process that writes and speaks for all."""
        return self.rank == 0

    def own(self, stream: str) -> str:
        """The name of a random stream as this process draws from it: shards of a batch must not draw alike.

        Rank 0 draws as a process that is alone.
        """
        return stream if self.is_rank_zero else f"{stream}/device{self.rank}"

    def shard(self, x: Tensor, parts: int = 1) -> Tensor:
        """This process's shard of a batch [B, …], in the batch's order.

        A batch that is taken in `parts` equal parts, one after the other, is sharded part by part, so that all
        processes are at the same part at the same time. B is a multiple of parts and size.
        """
        if self.size == 1:
            return x
        pieces = x.reshape(parts, self.size, len(x) // (parts * self.size), *x.shape[1:])
        return pieces[:, self.rank].flatten(0, 1)

    def gather_batch(self, x: Tensor, parts: int = 1) -> Tensor:
        """The batch [B, …] of which each process has a `shard`."""
        if self.size == 1:
            return x
        pieces = self.all_gather(x).reshape(self.size, parts, len(x) // parts, *x.shape[1:])
        return pieces.transpose(0, 1).flatten(0, 2)

    def all_gather(self, x: Tensor) -> Tensor:
        """[size n, …]: every process's `x` [n, …], in order of rank."""
        if self.size == 1:
            return x
        parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(self.size)]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    def all_reduce(self, x: Tensor) -> Tensor:
        """The sum of every process's `x`, in order of rank, so that the last digits are always the same."""
        return x if self.size == 1 else self.all_gather(x[None]).sum(0)

    def any_rank(self, *flags: bool) -> list[bool]:
        """Each flag, true where it is true in any process; nobody goes on before all have said theirs.

        They are exchanged between CPUs, so that no device is waited for.
        """
        if self.size == 1:
            return list(flags)
        found = torch.tensor(flags, dtype=torch.uint8)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return [bool(flag) for flag in found.tolist()]

    def broadcast(self, data: bytes) -> bytes:
        """The bytes of rank 0; those of the others do not matter."""
        if self.size == 1:
            return data
        length = torch.tensor([len(data)])
        dist.broadcast(length, 0)
        held = bytearray(data) if self.is_rank_zero else bytearray(int(length))
        dist.broadcast(torch.frombuffer(held, dtype=torch.uint8), 0)
        return bytes(held)


@contextmanager
def joined(
    machine: Machine, device: torch.device, store: Store | None = None, rank: int = -1, size: int = -1
) -> Iterator[World]:
    """Join the world of `size` processes that share a store (by default: that torchrun speaks of), and leave it.

    Tensors on the CPU can be exchanged as well where the device is a GPU. An error leaves the world as it is: the
    others may be gone, and taking leave of them could take for ever.
    """
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"  # CPUs agree without the devices
    if device.type == "cuda":
        torch.cuda.set_device(device)
    patience = timedelta(seconds=machine.patience_seconds)
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=patience)
    try:
        yield World.current()
    except KeyboardInterrupt:  # upon which all have agreed
        dist.destroy_process_group()
        raise
    dist.destroy_process_group()
