"""What a design switches: tricks, groups and levels, from how the study file writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trickbag.errors import InputError, unknown
from trickbag.recipe import Card, Trick
from trickbag.study.design.weights import ON, Cell
from trickbag.study.schema import Factor, InlineTrick, Study, TrickSpec
from trickbag.train import find_own, is_own
from trickbag.tricks import CATALOGUE


@dataclass(frozen=True)
class Switch:
    """A factor: its levels besides off, each with the tricks that are on at it."""

    name: str
    levels: Mapping[str, tuple[Trick, ...]]

    @property
    def two_level(self) -> bool:
        """Whether it is either on or off."""
        return list(self.levels) == [ON]

    def at(self, level: str | None) -> str:
        """The factor at a level, in words: `mixup`, `schedule=cosine`, or nothing where it is off."""
        return "" if level is None else self.name if self.two_level else f"{self.name}={level}"


def switches(study: Study, base: Path) -> list[Switch]:
    """The factors of a study, in its order; own tricks lie relative to `base`. InputError where two have one name."""
    found = [_switch(factor, base) for factor in study.factors]
    unique([switch.name for switch in found])
    return found


def unique(names: Sequence[str]) -> None:
    """Raise InputError where a name stands twice."""
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"factors: two arms are called {twice!r}; give one of them a name of its own")


def tricks_at(factors: Sequence[Switch], cell: Cell) -> tuple[Trick, ...]:
    """The tricks that are on in a cell, in the order of the factors."""
    levels = [(switch, level) for switch, level in zip(factors, cell, strict=True) if level is not None]
    return tuple(trick for switch, level in levels for trick in switch.levels[level])


def tricks_of(specs: Sequence[TrickSpec], base: Path) -> tuple[Trick, ...]:
    """The tricks that a list of specs names."""
    return tuple(trick for spec in specs for trick in _tricks(spec, base))


def trick_named(name: str, base: Path) -> Trick:
    """A trick of the catalogue, or the user's own `file.py:NAME` or `package.module:NAME`."""
    if not is_own(name):
        if name not in CATALOGUE:
            raise unknown("trick", name, CATALOGUE, "factors")
        return CATALOGUE[name]
    trick = find_own(name, base, "factors")
    if not isinstance(trick, Trick):
        raise InputError(
            f"factors: {name} is no trick but of type {type(trick).__name__}; write NAME = Trick(name, patch, card)"
        )
    return trick


def _switch(factor: Factor, base: Path) -> Switch:
    """A factor from the study file."""
    if isinstance(factor, InlineTrick) and factor.levels:
        named = [_named(level, base) for level in factor.levels]
        if len(named) < 2:
            raise InputError(f"factors: {factor.name} has one level; name two, or write it as a trick")
        unique([name for name, _ in named])
        return Switch(factor.name or "", dict(named))
    name, tricks = _named(factor, base)
    return Switch(name, {ON: tricks})


def _named(factor: Factor, base: Path) -> tuple[str, tuple[Trick, ...]]:
    """A two-level factor, or one level of another: its name, and its tricks; a group is named after them."""
    tricks = tricks_of(factor, base) if isinstance(factor, tuple) else _tricks(factor, base)
    given = factor.name if isinstance(factor, InlineTrick) else None
    return given or "+".join(trick.name for trick in tricks), tricks


def _tricks(spec: TrickSpec, base: Path) -> tuple[Trick, ...]:
    """The tricks that one spec stands for."""
    if isinstance(spec, str):
        return (trick_named(spec, base),)
    if spec.levels:
        raise InputError(
            f"{spec.name}: `levels` stand in a factor of their own, not in a group, in levels or in a teacher"
        )
    if spec.tricks:
        return tricks_of(spec.tricks, base)
    if spec.trick:
        return (_changed(trick_named(spec.trick, base), spec),)
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
