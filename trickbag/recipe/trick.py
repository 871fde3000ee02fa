"""A trick is a named patch on a recipe, with a card; an arm is a baseline with some tricks on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trickbag.errors import InputError
from trickbag.recipe.patch import Patch, apply, diff, leaves
from trickbag.recipe.schema import Recipe, thaw


class IncompatibleTricks(InputError):
    """These tricks cannot be on together; other combinations of them may be."""


class NotApplicable(InputError):
    """A trick means nothing on this network or these images; on others it may."""


@dataclass(frozen=True)
class Claim:
    """A published effect: `points` of top-1 accuracy (None where only words are printed) in a setting."""

    source: str
    setting: str
    points: float | None = None


@dataclass(frozen=True)
class Card:
    """What one should know before switching a trick on."""

    summary: str
    source: str
    claims: tuple[Claim, ...] = ()
    follows: str = ""  # where paper and released code differ, and which one we follow
    hurts: str = ""  # when it hurts or does nothing
    cost: str = ""  # time, memory, tuning
    needs: str = ""  # what a network or its images must have, as in "it needs …": residual blocks
    requires: tuple[str, ...] = ()  # tricks that must be on as well
    conflicts: tuple[str, ...] = ()  # tricks that must be off
    suggests: tuple[tuple[str, ...], ...] = ()  # groups in which it is usually studied


@dataclass(frozen=True)
class Trick:
    """A named patch: field path -> value, or a pure function of the recipe with the other patches on.

    `space` is where fair tuning looks around it: field path -> range of factors on the trick's own value,
    searched on a log scale; empty means the study's own space.
    """

    name: str
    patch: Patch | Callable[[Recipe], Patch]
    card: Card
    space: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def patch_on(self, recipe: Recipe) -> Patch:
        """The patch as data, for this recipe."""
        return self.patch(recipe) if callable(self.patch) else self.patch


def compose(baseline: Recipe, tricks: Sequence[Trick]) -> Recipe:
    """The baseline with all tricks on, whatever their order.

    Data patches go first, functions of the recipe see their result, those that require another trick last.
    Raises IncompatibleTricks where two tricks set one field, or a trick lacks what it requires or meets what
    it excludes; InputError where a trick stands twice or a patch changes nothing.
    """
    _check_company(tricks)
    recipe, owners = baseline, dict[str, str]()
    for trick in in_turn(tricks):
        patch = trick.patch_on(recipe)
        _claim(owners, trick.name, patch)
        changed = apply(recipe, patch, f"trick {trick.name}")
        if not diff(recipe, changed):
            already = ", ".join(f"{path} is already {thaw(value)!r}" for path, value in patch.items())
            raise InputError(f"trick {trick.name} changes nothing here: {already or 'its patch is empty'}")
        recipe = changed
    return recipe


def in_turn(tricks: Iterable[Trick]) -> list[Trick]:
    """Tricks in the order in which `compose` applies them."""
    return sorted(tricks, key=_turn)


def _turn(trick: Trick) -> tuple[bool, bool, bool]:
    """Who goes first: what names another entry (its old arguments go), then data, then functions."""
    if callable(trick.patch):
        return True, True, bool(trick.card.requires)
    names = any(path.endswith(".name") for path, _ in leaves(trick.patch))
    return False, not names, False


def _check_company(tricks: Sequence[Trick]) -> None:
    """Raise where a trick stands twice, lacks what it requires, or meets what it excludes."""
    names = [trick.name for trick in tricks]
    for trick in tricks:
        if names.count(trick.name) > 1:
            raise InputError(f"trick {trick.name} stands twice in one arm")
        if missing := [name for name in trick.card.requires if name not in names]:
            together = ", ".join([*missing, trick.name])
            raise IncompatibleTricks(
                f"trick {trick.name} requires {', '.join(missing)}: group them as [{together}]"
            )
        if met := [name for name in trick.card.conflicts if name in names]:
            raise IncompatibleTricks(f"tricks {trick.name} and {met[0]} exclude each other")


def _claim(owners: dict[str, str], name: str, patch: Mapping[str, Any]) -> None:
    """Note which trick sets which leaf; IncompatibleTricks where two set the same one."""
    for path, _ in leaves({path: thaw(value) for path, value in patch.items()}):
        for owned, owner in owners.items():
            nested = owned == path or owned.startswith(path + ".") or path.startswith(owned + ".")
            if nested and owner != name:
                raise IncompatibleTricks(
                    f"tricks {owner} and {name} both set {path}: they cannot be on together"
                )
        owners[path] = name


def arm_name(tricks: Iterable[Trick]) -> str:
    """The plain name of an arm: its tricks joined, or `baseline`."""
    return "+".join(trick.name for trick in tricks) or "baseline"
