"""Images that stand twice: equal bytes by their SHA-256, and images that look alike by their perceptual hash."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NEAR = 4  # bits of 64: up to here what pHash calls alike is, for the eye, nearly always the same photo
_CANDIDATES = 2**20  # pairs compared at once, about 50 bytes each

Hashes = NDArray[np.uint64]
Ids = NDArray[np.int64]


class Alike(NamedTuple):
    """For each image of one set that has some near it in another: which, the nearest, how near, how many. All [M]."""

    ids: Ids
    nearest: Ids
    distance: Ids  # bits that differ
    total: Ids


def equal(digests: NDArray[np.uint8]) -> list[Ids]:
    """The groups, of two and more, of equal rows of uint8 [N, 32], each in ascending order."""
    words = np.ascontiguousarray(digests).view(np.uint64)
    order = np.lexsort(words.T)
    begins = np.flatnonzero(np.r_[True, (words[order][1:] != words[order][:-1]).any(1)])
    ends = np.r_[begins[1:], len(order)]
    several = np.flatnonzero(ends - begins > 1)
    groups = [np.sort(order[begins[i] : ends[i]]) for i in several]
    return sorted(groups, key=lambda group: int(group[0]))


def alike(hashes: Hashes, others: Hashes, distance: int = NEAR) -> Alike:
    """Which of `hashes` differ in at most `distance` bits from some of `others`."""
    known, of_known = np.unique(hashes, return_inverse=True)
    there, first, times = np.unique(others, return_index=True, return_counts=True)
    mine, theirs = near_pairs(known, there, distance)
    apart = np.bitwise_count(known[mine] ^ there[theirs]).astype(np.int64)
    count = np.bincount(mine, times[theirs], len(known)).astype(np.int64)
    order = np.lexsort((first[theirs], apart, mine))
    having, best = np.unique(mine[order], return_index=True)
    nearest, nearness = np.zeros((2, len(known)), np.int64)
    nearest[having], nearness[having] = first[theirs[order[best]]], apart[order[best]]
    ids = np.flatnonzero(count[of_known])
    which = of_known[ids]
    return Alike(ids, nearest[which], nearness[which], count[which])


def near_pairs(a: Hashes, b: Hashes, distance: int) -> tuple[Ids, Ids]:
    """All pairs of places (in `a`, in `b`) whose hashes differ in at most `distance` bits.

    Exact: of `distance` + 1 bands of bits at least one is the same in such a pair, so only those with an equal
    band are compared (Manku, Jain and Das Sarma 2007 search near-duplicates of web pages in this way).
    """
    found = [np.empty(0, np.int64)]
    for low, high in _bands(distance + 1):
        mask = np.uint64((1 << high) - (1 << low))
        for mine, theirs in _candidates(a & mask, b & mask):
            near = np.bitwise_count(a[mine] ^ b[theirs]) <= distance
            found.append(mine[near] * len(b) + theirs[near])
    pairs = np.unique(np.concatenate(found))
    return pairs // max(len(b), 1), pairs % max(len(b), 1)


def _bands(count: int) -> list[tuple[int, int]]:
    """64 bits in bands of about the same width: first bit and the one after the last."""
    edges = [64 * i // count for i in range(count + 1)]
    return list(pairwise(edges))


def _candidates(a: Hashes, b: Hashes) -> Iterator[tuple[Ids, Ids]]:
    """The pairs of places with equal values, not too many at a time."""
    order = b.argsort(kind="stable")
    first, last = (np.searchsorted(b, a, side, order) for side in ("left", "right"))
    counts = last - first
    total = np.concatenate([[0], counts.cumsum()])
    start = 0
    while start < len(a):
        stop = max(start + 1, int(np.searchsorted(total, total[start] + _CANDIDATES, "right")) - 1)
        mine = np.repeat(np.arange(start, stop), counts[start:stop])
        within = np.arange(len(mine)) - (total[mine] - total[start])
        yield mine, order[first[mine] + within]
        start = stop
