"""Named random streams: every random number of a run is a pure function of (seed, name, position).

A trick that draws more numbers therefore shifts nobody else's draws, a resumed run continues exactly
where it was, and a change of batch size, thread count or device leaves each image's draws as they were.
"""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

MAX_DRAWS = 64  # per image, name and epoch: the counter of image i covers [64 i, 64 i + 63]

_COPY = 1 << 40  # more than there are images: copy c of image i draws as image i + c * _COPY

# SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"), as signed int64.
_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_MIX_1 = 0xBF58476D1CE4E5B9 - 2**64
_MIX_2 = 0x94D049BB133111EB - 2**64


@dataclass(frozen=True)
class Streams:
    """All the random streams of one run; `replica` salts every one of them (an independent repeat)."""

    seed: int
    replica: int = 0

    def key(self, name: str, index: int = 0) -> int:
        """The 64-bit key of a stream at a position (a step, an epoch)."""
        text = f"{self.seed}/{self.replica}/{name}/{index}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")

    def numpy(self, name: str, index: int = 0) -> np.random.Generator:
        """A numpy generator (Philox) for draws per batch or per epoch."""
        return np.random.Generator(np.random.Philox(key=self.key(name, index)))

    def torch(self, name: str, index: int = 0) -> torch.Generator:
        """A CPU torch generator, for initial weights."""
        return torch.Generator().manual_seed(self.key(name, index))

    def images(self, epoch: int, ids: Tensor) -> "ImageDraws":
        """The draws of the images `ids` (int64 [B], numbered by `numbered` where some repeat) in an epoch."""
        return ImageDraws(self, epoch, ids)


@dataclass(frozen=True)
class ImageDraws:
    """Draws per image, a pure function of (seed, name, epoch, image id), on the device of `ids`."""

    streams: Streams
    epoch: int
    ids: Tensor

    def bits(self, name: str, k: int = 1) -> Tensor:
        """Random int64 [B, k], uniform over all 64-bit patterns."""
        if not 1 <= k <= MAX_DRAWS:
            raise ValueError(f"{k} draws per image asked for; 1 to {MAX_DRAWS} can be had")
        counter = self.ids[:, None] * MAX_DRAWS + torch.arange(1, k + 1, device=self.ids.device)
        key = self.streams.key(name, self.epoch)
        return _splitmix64(counter * _GOLDEN + (key - 2**64 if key >= 2**63 else key))

    def at_epoch(self, epoch: int) -> "ImageDraws":
        """The draws of the same images in another epoch."""
        return replace(self, epoch=epoch)

    def noise(self, name: str, count: int) -> Tensor:
        """Random uint8 [B, count], uniform on 0 … 255, however many: a stream of its own for each image."""
        counter = torch.arange(1, -(-count // 8) + 1, device=self.ids.device)
        return _splitmix64(self.bits(name) + counter * _GOLDEN).view(torch.uint8)[:, :count]

    def uniform(self, name: str, k: int = 1) -> Tensor:
        """float32 [B, k], uniform on [0, 1)."""
        return (self.bits(name, k) >> 40 & 0xFFFFFF).float() * 2.0**-24

    def normal(self, name: str, k: int = 1) -> Tensor:
        """float32 [B, k], standard normal (inverse distribution function of a centred 24-bit uniform)."""
        centred = (self.bits(name, k) >> 40 & 0xFFFFFF).double() * 2.0**-24 + 2.0**-25
        deviates: Tensor = torch.special.ndtri(centred)
        return deviates.float()

    def integers(self, name: str, high: int, k: int = 1) -> Tensor:
        """int64 [B, k], uniform on 0 … high - 1 (`high` well below 2^24)."""
        return (self.uniform(name, k).double() * high).long()


def numbered(ids: Tensor) -> Tensor:
    """Image ids (int64 [N]) in which each further occurrence of an image has a number of its own to draw with."""
    order = ids.argsort(stable=True)
    ranked = ids[order]
    places = torch.arange(len(ids), device=ids.device)
    first = torch.searchsorted(ranked, ranked)
    copies = torch.empty_like(ids)
    copies[order] = places - first
    return ids + copies * _COPY


def images_of(ids: Tensor) -> Tensor:
    """The image ids behind `numbered` ones."""
    return ids % _COPY


def _splitmix64(z: Tensor) -> Tensor:
    """The output function of SplitMix64; int64 arithmetic wraps, the masks make the shifts logical."""
    z = (z ^ (z >> 30 & (1 << 34) - 1)) * _MIX_1
    z = (z ^ (z >> 27 & (1 << 37) - 1)) * _MIX_2
    result: Tensor = z ^ (z >> 31 & (1 << 33) - 1)
    return result
