"""Regular fractions of two-level factorials: the smallest of a resolution, and what is aliased with what."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from itertools import combinations
from string import ascii_lowercase

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]  # [cells, factors], -1 off and +1 on
Effect = tuple[int, ...]  # one factor, or the two of an interaction
LETTERS = "ABCDEFGHJKL"  # textbooks leave out I, which stands for the identity
MOST_FACTORS = len(LETTERS)  # more make the search for generators slow, and more than 128 cells
ROMAN = {3: "III", 4: "IV", 5: "V", 6: "VI", 7: "VII", 8: "VIII", 9: "IX", 10: "X", 11: "XI"}


@lru_cache
def fraction(factors: int, resolution: int) -> Matrix | None:
    """The smallest regular fraction of at least this resolution, all factors off among its cells.

    Of the designs of that size, one of minimum aberration (Fries and Hunter 1980, "Minimum aberration 2^(k-p)
    designs": fewest words of the shortest length, then of the next). None where no fraction smaller than the
    whole has the resolution. (pyDOE3's own `fracfact_by_res` overstates it: 7 factors at V come out as IV.)
    """
    for base in range(resolution - 1, factors):
        found = list(_relations(base, factors - base, resolution))
        if found:
            best = min(found, key=lambda words: _pattern(words, factors))
            generators = [_generator(best[2**i], base) for i in range(factors - base)]
            library = import_module("pyDOE3")  # a second, which only fractions pay
            matrix = np.asarray(library.fracfact(" ".join([*ascii_lowercase[:base], *generators])))
            matrix.setflags(write=False)  # the cache hands it to everybody
            return matrix
    return None


def defining_words(matrix: Matrix) -> dict[Effect, int]:
    """The products of columns that are constant over the design, shortest first, each with its sign."""
    cells, factors = matrix.shape
    sums = {
        word: int(np.prod(matrix[:, word], axis=1).sum())
        for length in range(1, factors + 1)
        for word in combinations(range(factors), length)
    }
    return {word: total // cells for word, total in sums.items() if abs(total) == cells}


def resolution_of(matrix: Matrix) -> int | None:
    """The length of the shortest defining word; None for a full factorial, in which nothing is aliased."""
    return min(map(len, defining_words(matrix)), default=None)


def aliases(matrix: Matrix, effects: Iterable[Effect]) -> list[dict[Effect, int]]:
    """Those of the effects that the design cannot tell apart: groups of two or more, with signs to the first."""
    groups: list[tuple[Matrix, dict[Effect, int]]] = []
    for effect in effects:
        column = np.prod(matrix[:, effect], axis=1)
        for first, group in groups:
            if abs(column @ first) == len(matrix):
                group[effect] = int(np.sign(column @ first))
                break
        else:
            groups.append((column, {effect: 1}))
    return [group for _, group in groups if len(group) > 1]


def describe(matrix: Matrix, names: Sequence[str]) -> str:
    """The design in a sentence: size, resolution, defining relation, aliases up to two-factor interactions."""
    cells, factors = matrix.shape
    base, words = int(np.log2(cells)), defining_words(matrix)
    generating = [word for word in words if sum(i >= base for i in word) == 1]  # the first factors are free
    relation = " = ".join(["I", *(_lettered(word, words[word]) for word in generating)])
    rest = " and products" if len(generating) > 1 else ""
    legend = ", ".join(f"{letter} {name}" for letter, name in zip(LETTERS, names, strict=False))
    groups = aliases(matrix, [*combinations(range(factors), 1), *combinations(range(factors), 2)])
    chains = [" = ".join(_lettered(effect, sign) for effect, sign in group.items()) for group in groups]
    confounded = (
        f"aliased: {', '.join(chains)}" if chains else "main effects and two-factor interactions clear"
    )
    return (
        f"2^({factors}-{factors - base}) fractional factorial of {cells} cells, resolution "
        f"{ROMAN[min(map(len, words))]}, {relation}{rest}; {confounded}; {legend}"
    )


def _lettered(effect: Effect, sign: int = 1) -> str:
    """An effect as in textbooks, like -AB."""
    return ("-" if sign < 0 else "") + "".join(LETTERS[i] for i in effect)


def _relations(base: int, added: int, resolution: int) -> Iterator[list[int]]:
    """Every defining relation with all words at least that long, as bit masks over the factors.

    Word 2^i of the list is the i-th generator: a product of base factors, and the factor that it defines.
    """
    masks = [mask for mask in range(2**base) if mask.bit_count() >= resolution - 1]

    def grow(words: list[int], start: int, added_yet: int) -> Iterator[list[int]]:
        """All ways to go on from these words with generators from `start` on."""
        if added_yet == added:
            yield words
            return
        for i in range(start, len(masks)):
            new = [word ^ masks[i] ^ 1 << base + added_yet for word in words]
            if all(word.bit_count() >= resolution for word in new):
                yield from grow(words + new, i + 1, added_yet + 1)

    yield from grow([0], 0, 0)


def _pattern(words: Sequence[int], factors: int) -> list[int]:
    """How many words there are of each length, the shortest first."""
    lengths = [word.bit_count() for word in words]
    return [lengths.count(length) for length in range(1, factors + 1)]


def _generator(word: int, base: int) -> str:
    """A generator in pyDOE3's letters; its sign puts the cell with all factors off into the fraction."""
    letters = "".join(ascii_lowercase[i] for i in range(base) if word >> i & 1)
    return letters if len(letters) % 2 else f"-{letters}"
