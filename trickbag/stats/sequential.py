"""Interim looks: how much of the error each look may spend, and what every look decided."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import pairwise

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from trickbag.errors import InputError
from trickbag.stats.family import Floats
from trickbag.stats.moderated import Bools, Effects, effects
from trickbag.stats.verdict import Verdict, fragile, verdicts

NODES = 128  # Gauss-Legendre nodes per look; 64 and 256 give the same eight digits
DIGITS = 6  # of the nominal p-values, so that a plan holds the same numbers on every machine
CLAIMS = ("better", "better but small", "worse", "equivalent")


@dataclass(frozen=True)
class Looks:
    """What a sequence of looks at k contrasts decided; each contrast as it stood when it stopped."""

    effects: Effects  # the look's own intervals; p-values are of that look alone; `alpha` is the last look's
    verdicts: list[Verdict]
    seeds: NDArray[np.int64]  # [k] seeds run when it stopped, or so far, those that diverged included
    look: NDArray[np.int64]  # [k] the look, counted from 0, whose interval stands; see `settled`
    settled: Bools  # [k] no more seeds are to come: a claim, futility, or the last look


def look_levels(looks: Sequence[int], level: float = 0.95) -> tuple[float, ...]:
    """The level of the (simultaneous) intervals at each look, so that all looks together keep 1 - level.

    O'Brien-Fleming-type spending (Lan and DeMets 1983, Biometrika 70:659): by the share t of all seeds the looks
    have spent 2 - 2 Φ(z / √t) of the error, z = Φ⁻¹(1 - (1 - level) / 2). `looks` are seeds per arm. Stopping for
    futility is not counted, so it can only lower the error. InputError: looks that do not rise, or below 2.
    """
    if not looks or looks[0] < 2 or any(b <= a for a, b in pairwise(looks)):
        raise InputError(f"looks: {list(looks)}: rising numbers of seeds are expected, the first at least 2")
    return _levels(tuple(looks), level)


@lru_cache(maxsize=16)
def _levels(looks: tuple[int, ...], level: float) -> tuple[float, ...]:
    """`look_levels`, once per process."""
    share = np.array(looks) / looks[-1]
    spent = 2 * ndtr(ndtri((1 - level) / 2) / np.sqrt(share))
    bounds: list[float] = []
    for j, to_spend in enumerate(np.diff(spent, prepend=0.0)):
        before = tuple(bounds)

        def excess(z: float, before: tuple[float, ...] = before, j: int = j, due: float = to_spend) -> float:
            return crossing(share[: j + 1], (*before, z))[-1] - due

        bounds.append(float(scipy.optimize.brentq(excess, 0.0, 38.0, xtol=1e-10)))
    return tuple(round(float(1 - 2 * ndtr(-z)), DIGITS) for z in bounds)


def crossing(share: ArrayLike, bounds: Sequence[float]) -> list[float]:
    """The chance that |Z| first exceeds its bound at each look, Z_j = B(t_j) / √t_j of a Brownian motion B.

    `share` [looks]: information t_j; by the recursion of Armitage, McPherson and Rowe (1969, JRSS A 132:235).
    """
    t = np.asarray(share, dtype=np.float64)
    limits = np.asarray(bounds) * np.sqrt(t)
    x, weight = np.zeros(1), np.ones(1)  # nodes and masses of what has not crossed yet; B(0) = 0
    unit, unit_weight = np.polynomial.legendre.leggauss(NODES)
    found = []
    for step, limit in zip(np.diff(t, prepend=0.0), limits, strict=True):
        sd = np.sqrt(step)
        found.append(float(weight @ (ndtr((x - limit) / sd) + ndtr((-limit - x) / sd))))
        nodes = unit * limit
        density = np.exp(-0.5 * ((nodes[:, None] - x) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
        x, weight = nodes, (density @ weight) * unit_weight * limit
    return found


def judge_looks(
    rows: Sequence[ArrayLike],
    looks: Sequence[int],
    levels: Sequence[float],
    margin: float,
    correlation: ArrayLike | None = None,
    resolution: float = 0.0,
) -> Looks:
    """Replay the looks at k contrasts.

    `rows`: one per contrast, arm minus comparison (percentage points) at the study's seeds in their order, as far
    as both were run, NaN where one of the two did not finish; at least two finite values within the first look.
    At each look all contrasts are judged as one family, at that look's level. A claim (better, worse, equivalent)
    stops a contrast, and before the last look so does an estimate below zero (futility: it stays undecided). What
    has stopped stays in the family with the seeds that it stopped with. Where seeds of a contrast that goes on are
    still missing, the look under way is judged with those there are, and nothing stops; where it has none yet,
    the look before stands. Other arguments as for `effects`.
    """
    full = [np.asarray(row, dtype=np.float64) for row in rows]
    k = len(full)
    seeds = np.zeros(k, dtype=np.int64)
    look, settled = np.zeros(k, dtype=np.int64), np.zeros(k, dtype=bool)
    words: list[Verdict] = ["undecided"] * k
    parts: list[Effects] = []
    for j, (limit, level) in enumerate(zip(looks, levels, strict=True)):
        sizes = [row.size for row, done in zip(full, settled, strict=True) if not done]
        if j and max(sizes) <= looks[j - 1]:
            break
        complete = min(sizes) >= limit
        for i in np.nonzero(~settled)[0]:
            seeds[i], look[i] = min(limit, full[i].size), j
        found = effects(_seen(full, seeds), level, correlation, resolution)
        parts.append(found)
        now = verdicts(found, margin)
        last = j == len(looks) - 1
        for i in np.nonzero(~settled)[0]:
            words[i] = now[i]
            settled[i] = complete and (last or now[i] in CLAIMS or found.effect[i] < 0)
        if not complete or settled.all():
            break
    return Looks(_composite(parts, look), words, seeds, look, settled)


def fragile_looks(
    rows: Sequence[ArrayLike],
    judged: Looks,
    looks: Sequence[int],
    levels: Sequence[float],
    margin: float,
    correlation: ArrayLike | None = None,
    resolution: float = 0.0,
) -> Bools:
    """Which verdicts [k] of `judged` are fragile (see `fragile`), each at the look that it stopped at."""
    full = [np.asarray(row, dtype=np.float64) for row in rows]
    flags = np.zeros(len(full), dtype=bool)
    for j in np.unique(judged.look):
        then = _seen(full, np.minimum(judged.seeds, looks[j]))
        found = fragile(then, judged.verdicts, margin, levels[j], correlation, resolution)
        flags[judged.look == j] = found[judged.look == j]
    return flags


def _seen(rows: Sequence[Floats], seeds: NDArray[np.int64]) -> list[Floats]:
    """The finite differences among the first so many seeds of each row."""
    parts = [row[:n] for row, n in zip(rows, seeds, strict=True)]
    return [part[np.isfinite(part)] for part in parts]


def _composite(parts: Sequence[Effects], look: NDArray[np.int64]) -> Effects:
    """Every contrast's numbers from its own look."""
    last = parts[-1]
    arrays = {
        field.name: np.array([getattr(parts[j], field.name)[i] for i, j in enumerate(look)])
        for field in fields(Effects)
        if field.name != "alpha"
    }
    return Effects(**arrays, alpha=last.alpha)
