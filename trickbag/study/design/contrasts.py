"""What a factorial or shapley design says about each factor, as weighted sums of its arms."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Literal

from trickbag.errors import InputError, unknown
from trickbag.records.plan import Contrast
from trickbag.study.design.arms import NamedArm, cells_of, matrix_of, sampled_orders
from trickbag.study.design.factors import Switch
from trickbag.study.design.fraction import Effect, aliases, fraction
from trickbag.study.design.weights import (
    Cell,
    Setting,
    Weights,
    fraction_effect,
    interaction,
    main_effect,
    sampled_shapley,
    shapley,
)
from trickbag.study.schema import Study

Part = tuple[Literal["main_effect", "interaction", "shapley"], str, Weights]


def contrasts(
    study: Study,
    factors: Sequence[Switch],
    workload: str,
    found: Sequence[NamedArm],
    dropped: Mapping[str, str],
) -> list[Contrast]:
    """The contrasts of a workload from its arms; `dropped`: the cells that cannot be, and why.

    Raises InputError where a factor's effect, or an interaction that was asked for, cannot be estimated.
    """
    names = {arm.cell: arm.name for arm in found}
    return [
        Contrast(
            workload=workload,
            kind=kind,
            name=name,
            weights={names[cell]: float(weight) for cell, weight in weights.items()},
        )
        for kind, name, weights in _parts(study, factors, list(names), dropped)
    ]


def _parts(
    study: Study, factors: Sequence[Switch], cells: Sequence[Cell], dropped: Mapping[str, str]
) -> Iterator[Part]:
    """The contrasts over these cells."""
    if study.design == "full_factorial":
        yield from _main_effects(factors, cells, dropped)
        yield from _interactions(study, factors, cells)
    elif study.design == "fractional_factorial":
        yield from _fractional(study, factors)
    whole = not dropped and all(switch.two_level for switch in factors)
    if study.design == "shapley" or (study.design == "full_factorial" and whole):
        yield from _shapley(study, factors)


def _main_effects(
    factors: Sequence[Switch], cells: Sequence[Cell], dropped: Mapping[str, str]
) -> Iterator[Part]:
    """Each level of each factor against off."""
    for i, level in _settings(factors, range(len(factors))):
        name, weights = factors[i].at(level), main_effect(cells, (i, level))
        if not weights:  # then not even the factor alone can be
            raise InputError(f"factors: no two arms differ in {name} alone: {dropped[name]}")
        yield "main_effect", name, weights


def _interactions(study: Study, factors: Sequence[Switch], cells: Sequence[Cell]) -> Iterator[Part]:
    """The interactions asked for, at every pair of levels; of all, those that the cells allow."""
    for i, j in _asked(study, factors):
        for one, other in product(_settings(factors, [i]), _settings(factors, [j])):
            name = f"{factors[i].at(one[1])} x {factors[j].at(other[1])}"
            weights = interaction(cells, one, other)
            if weights:
                yield "interaction", name, weights
            elif study.interactions != "all":
                raise InputError(
                    f"interactions: {name} cannot be estimated: not all four of their combinations can be"
                )


def _fractional(study: Study, factors: Sequence[Switch]) -> Iterator[Part]:
    """Main effects and the interactions asked for, from a fraction that keeps them apart."""
    asked, cells = _asked(study, factors), cells_of(matrix_of(study))
    _refuse_aliases(study, factors, asked)
    for i, switch in enumerate(factors):
        yield "main_effect", switch.name, fraction_effect(cells, (i,))
    for i, j in asked:
        yield "interaction", f"{factors[i].name} x {factors[j].name}", fraction_effect(cells, (i, j))


def _shapley(study: Study, factors: Sequence[Switch]) -> Iterator[Part]:
    """Each factor's share of the stack."""
    orders = sampled_orders(study)
    for i, switch in enumerate(factors):
        yield "shapley", switch.name, sampled_shapley(orders, i) if orders else shapley(len(factors), i)


def _refuse_aliases(study: Study, factors: Sequence[Switch], asked: Sequence[tuple[int, int]]) -> None:
    """Raise InputError where the fraction confounds what the study asks for, naming the smallest that would do."""
    wanted: list[Effect] = [*((i,) for i in range(len(factors))), *asked]
    groups = aliases(matrix_of(study), wanted)
    if not groups:
        return
    one, other = (" x ".join(factors[i].name for i in effect) for effect in list(groups[0])[:2])
    enough = f"design: full_factorial ({2 ** len(factors)} cells)"
    for resolution in range(study.resolution + 1, 6):
        matrix = fraction(len(factors), resolution)
        if matrix is not None and not aliases(matrix, wanted):
            enough = f"resolution: {resolution} ({len(matrix)} cells)"
            break
    raise InputError(
        f"interactions: {other} is aliased with {one} at resolution {study.resolution}; the smallest design that "
        f"tells them apart: {enough}"
    )


def _asked(study: Study, factors: Sequence[Switch]) -> list[tuple[int, int]]:
    """The pairs of factors whose interaction the study asks for, by position."""
    if study.interactions == "all":
        return list(combinations(range(len(factors)), 2))
    names, found = [switch.name for switch in factors], list[tuple[int, int]]()
    for pair in study.interactions:
        for name in pair:
            if name not in names:
                raise unknown("factor", name, names, "interactions")
        i, j = sorted(names.index(name) for name in pair)
        if i == j or (i, j) in found:
            raise InputError(f"interactions: {' x '.join(pair)}: name two different factors, each pair once")
        found.append((i, j))
    return found


def _settings(factors: Sequence[Switch], positions: Iterable[int]) -> list[Setting]:
    """These factors at each of their levels."""
    return [(i, level) for i in positions for level in factors[i].levels]
