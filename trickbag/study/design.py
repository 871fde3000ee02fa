"""Designs: which arms a study has, and which pairs of them it compares."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trickbag.errors import InputError
from trickbag.recipe import Card, Trick
from trickbag.study.schema import Factor, InlineTrick, Study, TrickSpec
from trickbag.tricks import get

BASELINE, TEACHER = "baseline", "teacher"


@dataclass(frozen=True)
class NamedArm:
    """An arm before it is resolved: a name and its tricks."""

    name: str
    tricks: tuple[Trick, ...]


def arms(study: Study) -> list[NamedArm]:
    """The arms of the design, the baseline first."""
    groups = [_named(factor) for factor in study.factors]
    switched = {"one_at_a_time": _one_at_a_time, "cumulative": _cumulative}[study.design](groups)
    found = [NamedArm(BASELINE, ()), *switched]
    names = [arm.name for arm in found] + [TEACHER]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"factors: two arms are called {twice!r}; give one of them a name of its own")
    return found


def pairs(study: Study, names: Sequence[str]) -> list[tuple[str, str]]:
    """The (arm, comparison) pairs that the study judges, as one family."""
    compare = study.compare or ("previous" if study.design == "cumulative" else "baseline")
    if compare == "baseline":
        return [(name, BASELINE) for name in names if name != BASELINE]
    if compare == "previous":
        steps = list(zip(names[1:], names, strict=False))
        return steps if len(steps) < 2 else [*steps, (names[-1], BASELINE)]
    if isinstance(compare, str):
        raise InputError(f"compare: {compare} does not fit a {study.design} design")
    for name in [name for pair in compare for name in pair]:
        if name not in names:
            raise InputError(f"compare: no arm is called {name!r}; the arms are {', '.join(names)}")
    return [(arm, comparison) for arm, comparison in compare]


def tricks_of(specs: Sequence[TrickSpec]) -> tuple[Trick, ...]:
    """The tricks that a list of specs names."""
    return tuple(trick for spec in specs for trick in _tricks(spec))


def _one_at_a_time(groups: Sequence[NamedArm]) -> list[NamedArm]:
    """Each factor alone on the baseline."""
    return list(groups)


def _cumulative(groups: Sequence[NamedArm]) -> list[NamedArm]:
    """The factors stacked in the given order, as the paper's tables do."""
    stack: tuple[Trick, ...] = ()
    found = []
    for group in groups:
        stack += group.tricks
        found.append(NamedArm(f"+{group.name}", stack))
    return found


def _named(factor: Factor) -> NamedArm:
    """A factor as an arm of its own."""
    if isinstance(factor, tuple):
        tricks = tricks_of(factor)
        return NamedArm("+".join(trick.name for trick in tricks), tricks)
    tricks = _tricks(factor)
    given = factor.name if isinstance(factor, InlineTrick) else None
    return NamedArm(given or "+".join(trick.name for trick in tricks), tricks)


def _tricks(spec: TrickSpec) -> tuple[Trick, ...]:
    """The tricks that one spec stands for."""
    if isinstance(spec, str):
        return (get(spec),)
    if spec.tricks:
        return tricks_of(spec.tricks)
    if spec.trick:
        return (_changed(get(spec.trick), spec),)
    patch: dict[str, Any] = {**spec.set, **({"replica": spec.replica} if spec.replica else {})}
    what = "An independent repeat of the baseline (A/A)." if spec.replica else "Defined in the study file."
    return (Trick(spec.name or "", patch, Card(summary=what, source="this study")),)


def _changed(trick: Trick, spec: InlineTrick) -> Trick:
    """A catalogue trick with other values."""
    if callable(trick.patch):
        raise InputError(
            f"factors: the values of trick {trick.name} depend on the recipe; they cannot be set"
        )
    return Trick(spec.name or trick.name, {**trick.patch, **spec.set}, trick.card)
