"""Which arms a study compares: one family of claims, frozen with the plan."""

from collections.abc import Collection, Sequence
from itertools import combinations

from trickbag.errors import InputError
from trickbag.study.design.arms import BASELINE, NamedArm
from trickbag.study.schema import Study

Pair = tuple[str, str]  # arm, comparison


def pairs(study: Study, found: Sequence[NamedArm], absent: Collection[str] = ()) -> list[Pair]:
    """The pairs that the study judges, of its arms that can be. InputError where `compare` does not fit them.

    `absent`: arms that mean nothing on this workload; a pair that names one is left out with it.
    """
    names, compare = [arm.name for arm in found], study.compare
    if isinstance(compare, tuple):
        given = _given(compare, [*names, *absent])
        return [pair for pair in given if not {*pair} & {*absent}]
    if compare == "all_pairs":
        return [(later, earlier) for earlier, later in combinations(names, 2)]
    if compare == "baseline" or (compare is None and study.design == "one_at_a_time"):
        return _against_baseline(names)
    if compare == "previous" or (compare is None and study.design == "cumulative"):
        return _steps(study, names)
    if compare == "stack" or (compare is None and study.design == "leave_one_out"):
        return _against_stack(study, found)
    return [(arm.name, BASELINE) for arm in _fullest(found)]


def _against_baseline(names: Sequence[str]) -> list[Pair]:
    """Every arm against the baseline."""
    return [(name, BASELINE) for name in names if name != BASELINE]


def _steps(study: Study, names: Sequence[str]) -> list[Pair]:
    """Each step against the one before, and both ends."""
    if study.design != "cumulative":
        raise InputError(f"compare: previous fits a cumulative design alone, not {study.design}")
    steps = list(zip(names[1:], names, strict=False))
    return steps if len(steps) < 2 else [*steps, (names[-1], BASELINE)]


def _against_stack(study: Study, found: Sequence[NamedArm]) -> list[Pair]:
    """Every arm against the one with all factors on, and that one against the baseline."""
    stacks = [arm.name for arm in found if None not in arm.cell]
    if study.design == "one_at_a_time" or len(stacks) != 1:
        raise InputError(
            f"compare: stack needs one arm with every factor on; this {study.design} design has {len(stacks)}; "
            "use baseline, or name the pairs"
        )
    others = [arm.name for arm in found if arm.name not in (BASELINE, stacks[0])]
    return [*((name, stacks[0]) for name in others), (stacks[0], BASELINE)]


def _fullest(found: Sequence[NamedArm]) -> list[NamedArm]:
    """The arms to which no factor can be added: the whole stack, or as near to it as can be."""
    return [arm for arm in found if not any(_extends(other, arm) for other in found)]


def _extends(more: NamedArm, less: NamedArm) -> bool:
    """Whether one arm has all that the other has on, at the same levels, and more."""
    both = list(zip(more.cell, less.cell, strict=True))
    return more.cell != less.cell and all(theirs is None or ours == theirs for ours, theirs in both)


def _given(compare: Sequence[Pair], names: Sequence[str]) -> list[Pair]:
    """The pairs that the study names, checked."""
    if not compare:
        raise InputError("compare: no pair is named; write [[arm, comparison], …], or leave it out")
    for pair in compare:
        if lost := [name for name in pair if name not in names]:
            raise InputError(f"compare: no arm is called {lost[0]!r}; the arms are {', '.join(names)}")
        if pair[0] == pair[1]:
            raise InputError(f"compare: {pair[0]} is compared with itself; name another comparison")
        if sum({*pair} == {*other} for other in compare) > 1:
            raise InputError(f"compare: {pair[0]} and {pair[1]} stand twice; each pair is one claim")
    return list(compare)
