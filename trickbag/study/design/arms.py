"""Designs: which combinations of the factors a study trains, under which names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from trickbag.errors import InputError
from trickbag.recipe import Trick
from trickbag.rng import Streams
from trickbag.study.design.checks import check_fit
from trickbag.study.design.factors import Switch, tricks_at, unique
from trickbag.study.design.fraction import Matrix, describe, fraction
from trickbag.study.design.weights import ON, Cell, chains
from trickbag.study.schema import Study

BASELINE, TEACHER, STACK = "baseline", "teacher", "stack"
Named = tuple[str, Cell]


@dataclass(frozen=True)
class NamedArm:
    """An arm before it is resolved: a name, its tricks, and the level of each factor (None where it is off)."""

    name: str
    tricks: tuple[Trick, ...]
    levels: Mapping[str, str | None]

    @property
    def cell(self) -> Cell:
        """The levels in the order of the factors."""
        return tuple(self.levels.values())


def arms(study: Study, factors: Sequence[Switch]) -> list[NamedArm]:
    """The arms of the design, the baseline first. Raises InputError where the factors do not fit the design."""
    check_fit(study, factors)
    named = _LAYOUTS[study.design](study, factors)
    unique([name for name, _ in named] + [TEACHER])
    names = [switch.name for switch in factors]
    return [
        NamedArm(name, tricks_at(factors, cell), dict(zip(names, cell, strict=True))) for name, cell in named
    ]


def describe_design(study: Study, factors: Sequence[Switch]) -> str:
    """The design in words, where its arms do not say everything; empty otherwise."""
    names = [switch.name for switch in factors]
    count = len(arms(study, factors)) if study.design in ("full_factorial", "shapley") else 0
    if study.design == "full_factorial":
        return f"full factorial of {count} cells: {', '.join(names)}"
    if study.design == "fractional_factorial":
        extra = "" if any((matrix_of(study) == 1).all(axis=1)) else "; the whole stack as an arm of its own"
        return describe(matrix_of(study), names) + extra
    if study.design == "shapley" and study.orders:
        return f"{study.orders} random orders of {len(names)} factors, in pairs of reverses: {count} arms"
    return f"all {count} combinations of {len(names)} factors" if study.design == "shapley" else ""


def refuse_gaps(study: Study, dropped: Mapping[str, str]) -> None:
    """Raise InputError where the design cannot do without an arm that cannot be (name -> reason)."""
    for name, reason in dropped.items():
        if study.design in ("shapley", "fractional_factorial"):
            raise InputError(f"arm {name}: {reason}; a {study.design} design needs all of its arms")
        if study.design not in ("leave_one_out", "full_factorial") or name == STACK:
            raise InputError(f"arm {name}: {reason}")


def sampled_orders(study: Study) -> list[tuple[int, ...]]:
    """The orders of a shapley design, the same for every study of so many factors.

    Random permutations, each followed by its reverse: what the factors share is then counted once for the first
    and once for the last (Mitchell et al. 2022, "Sampling permutations for Shapley value estimation").
    """
    found: list[tuple[int, ...]] = []
    for i in range(study.orders or 0):
        drawn = Streams(0).numpy("shapley orders", i // 2).permutation(len(study.factors)).tolist()
        found.append(tuple(drawn if i % 2 == 0 else drawn[::-1]))
    return found


def matrix_of(study: Study) -> Matrix:
    """The cells of a fractional factorial, [cells, factors], -1 off and +1 on. InputError where there is none."""
    factors, matrix = len(study.factors), fraction(len(study.factors), study.resolution)
    if matrix is None:
        raise InputError(
            f"design: no fraction of {factors} factors has resolution {study.resolution}; "
            f"use full_factorial ({2**factors} cells)" + (" or a lower resolution" if factors > 3 else "")
        )
    return matrix


def cells_of(matrix: Matrix) -> list[Cell]:
    """The rows of a design matrix as cells."""
    return [tuple(ON if value > 0 else None for value in row) for row in matrix]


def _one_at_a_time(study: Study, factors: Sequence[Switch]) -> list[Named]:
    """Each factor alone on the baseline, at each of its levels."""
    alone = [_only(factors, {i: level}) for i, switch in enumerate(factors) for level in switch.levels]
    return [(BASELINE, _only(factors, {})), *((_joined(factors, cell), cell) for cell in alone)]


def _cumulative(study: Study, factors: Sequence[Switch]) -> list[Named]:
    """The factors stacked in the given order, as the paper's tables do."""
    stacks = [_only(factors, dict.fromkeys(range(n + 1), ON)) for n in range(len(factors))]
    steps = [(f"+{switch.name}", cell) for switch, cell in zip(factors, stacks, strict=True)]
    return [(BASELINE, _only(factors, {})), *steps]


def _leave_one_out(study: Study, factors: Sequence[Switch]) -> list[Named]:
    """The whole stack, and the stack without each factor."""
    every = dict.fromkeys(range(len(factors)), ON)
    without = [
        (f"without {switch.name}", _only(factors, {j: ON for j in every if j != i}))
        for i, switch in enumerate(factors)
    ]
    return [(BASELINE, _only(factors, {})), (STACK, _only(factors, every)), *without]


def _factorial(study: Study, factors: Sequence[Switch]) -> list[Named]:
    """All combinations in Yates' order: the first factor changes fastest, the whole stack comes last."""
    levels = [(None, *switch.levels) for switch in reversed(factors)]
    return [(_joined(factors, cell[::-1]), cell[::-1]) for cell in product(*levels)]


def _fraction(study: Study, factors: Sequence[Switch]) -> list[Named]:
    """The fraction's cells, and the whole stack where it is not one of them."""
    stack = _only(factors, dict.fromkeys(range(len(factors)), ON))
    return [(_joined(factors, cell), cell) for cell in _ordered({*cells_of(matrix_of(study)), stack})]


def _shapley(study: Study, factors: Sequence[Switch]) -> list[Named]:
    """All combinations, or those that the sampled orders pass through."""
    if study.orders is None:
        return _factorial(study, factors)
    return [(_joined(factors, cell), cell) for cell in _ordered(chains(sampled_orders(study)))]


_LAYOUTS: dict[str, Callable[[Study, Sequence[Switch]], list[Named]]] = {
    "one_at_a_time": _one_at_a_time,
    "cumulative": _cumulative,
    "leave_one_out": _leave_one_out,
    "full_factorial": _factorial,
    "fractional_factorial": _fraction,
    "shapley": _shapley,
}


def _ordered(cells: set[Cell]) -> list[Cell]:
    """Two-level cells in Yates' order."""
    return sorted(cells, key=lambda cell: [level is not None for level in reversed(cell)])


def _only(factors: Sequence[Switch], on: Mapping[int, str]) -> Cell:
    """The cell in which these factors are on."""
    return tuple(on.get(i) for i in range(len(factors)))


def _joined(factors: Sequence[Switch], cell: Cell) -> str:
    """The name of a cell: what is on, joined."""
    parts = [switch.at(level) for switch, level in zip(factors, cell, strict=True)]
    return "+".join(filter(None, parts)) or BASELINE
