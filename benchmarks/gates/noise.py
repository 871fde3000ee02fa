"""Accuracies of studies whose truth is known: noise of every kind that a decision procedure must survive."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal

import numpy as np

from trickbag import stats
from trickbag.stats.family import Floats

BASE = 80.0  # accuracy of the baseline, percent
DIFFICULTY = (0.85, 0.7, 0.5, 0.4)  # chance of a right answer, of four equal groups of images

Shape = tuple[int, int, int]
Kind = Literal["normal", "t3", "bad seeds", "copies", "bits"]
Design = Literal["baseline", "previous", "disjoint", "all pairs"]


def _normal(rng: np.random.Generator, shape: Shape) -> Floats:
    """Standard normal noise."""
    return rng.standard_normal(shape)


def _t3(rng: np.random.Generator, shape: Shape) -> Floats:
    """Student t noise with three degrees of freedom, scaled to unit variance."""
    return np.asarray(rng.standard_t(3, shape) / np.sqrt(3))


def _bad_seeds(rng: np.random.Generator, shape: Shape) -> Floats:
    """One run in ten, independently, ends four SDs lower."""
    return rng.standard_normal(shape) - 4.0 * (rng.random(shape) < 0.1)


def _copies(rng: np.random.Generator, shape: Shape) -> Floats:
    """The first half of the arms repeats the baseline to the last digit."""
    noise = rng.standard_normal(shape)
    noise[:, 1 : 1 + shape[1] // 2] = noise[:, :1]
    return noise


NOISE: dict[str, Callable[[np.random.Generator, Shape], Floats]] = {
    "normal": _normal,
    "t3": _t3,
    "bad seeds": _bad_seeds,
    "copies": _copies,
}


@dataclass(frozen=True)
class Cell:
    """A kind of study: k contrasts at n seeds, and how the accuracies vary."""

    k: int = 10
    n: int = 5
    noise: Kind = "normal"
    sds: tuple[float, ...] | None = None  # of the arms, the baseline first; None: 1 each
    rho: float | Literal["mixed"] = 0.0  # same-seed correlation; mixed: .9, but none for the first arm
    lost: int = 0  # seeds that the first arm misses; the rest of the first third misses one each
    images: int | None = None  # accuracies are multiples of 1 / images; None: continuous
    unit: float = 1.0  # percentage points per SD
    design: Design = "baseline"

    @property
    def resolution(self) -> float:
        """What one evaluation image counts, in percentage points."""
        return 100.0 / self.images if self.images else 0.0

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """The contrasts (arm, comparison); arm 0 is the baseline."""
        if self.design == "all pairs":
            arms = next(a for a in range(2, self.k + 2) if a * (a - 1) // 2 == self.k)
            return [(b, a) for a, b in combinations(range(arms), 2)]
        firsts = {"baseline": (1, 0), "previous": (1, 1), "disjoint": (2, 2)}[self.design]
        step, other = firsts
        return [(step * i + 1, other * i) for i in range(self.k)]

    @property
    def arms(self) -> int:
        """How many arms there are, the baseline among them."""
        return max(arm for pair in self.pairs for arm in pair) + 1

    @property
    def correlation(self) -> Floats:
        """The design correlation of the contrasts [k, k]."""
        return stats.design_correlation(self.pairs)

    def truth(self, effects: Floats) -> Floats:
        """The true contrasts [R, k] of arms with these effects [R, arms]."""
        return np.stack([effects[:, arm] - effects[:, other] for arm, other in self.pairs], axis=1)

    def rows(self, effects: Floats, rng: np.random.Generator) -> list[Floats]:
        """One row [R, seeds] per contrast: arm minus comparison at the seeds that both finished."""
        table = accuracies(self, effects, rng)
        third = -(-self.k // 3)
        lost = [(self.lost if i == 0 else min(self.lost, 1)) if i < third else 0 for i in range(self.k)]
        return [
            (table[:, arm] - table[:, other])[:, : self.n - gone]
            for (arm, other), gone in zip(self.pairs, lost, strict=True)
        ]


def accuracies(cell: Cell, effects: Floats, rng: np.random.Generator) -> Floats:
    """Accuracies [R, arms, n] in percent of arms with these effects [R, arms] (percentage points)."""
    shape = (len(effects), cell.arms, cell.n)
    if cell.noise == "bits":
        return _from_bits(cell, effects[..., None], shape, rng)
    noise = NOISE[cell.noise](rng, shape) * np.reshape(cell.sds or (1.0,), (-1, 1))
    if cell.rho:
        rho = 0.9 if cell.rho == "mixed" else cell.rho
        shares = np.full((cell.arms, 1), rho)
        shares[1] = 0.0 if cell.rho == "mixed" else rho
        seed = rng.standard_normal((shape[0], 1, cell.n))
        noise = np.sqrt(shares) * seed + np.sqrt(1 - shares) * noise
    exact = np.asarray(BASE + effects[..., None] + cell.unit * noise)
    return exact if cell.images is None else np.round(exact / cell.resolution) * cell.resolution


def _from_bits(cell: Cell, shift: Floats, shape: Shape, rng: np.random.Generator) -> Floats:
    """Shares of right answers among images of four difficulties, each answered independently in each run."""
    assert cell.images is not None
    sizes = np.diff(np.linspace(0, cell.images, len(DIFFICULTY) + 1).astype(int))
    groups = zip(sizes, DIFFICULTY, strict=True)
    right = sum(rng.binomial(size, np.broadcast_to(p + shift / 100, shape)) for size, p in groups)
    return np.asarray(100.0 * right / cell.images)
