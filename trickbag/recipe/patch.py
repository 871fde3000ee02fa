"""Patches: field path -> value, merged into plain data, then validated again; and the diff of two recipes."""

from collections.abc import Iterator, Mapping
from typing import Any

from trickbag.errors import InputError
from trickbag.recipe.schema import Data, Entry, Model, Optimizer, Recipe, Schedule, thaw
from trickbag.recipe.text import validate

# Sections that name a catalogue entry: naming another one drops the arguments of the old one.
ENTRIES: dict[str, type[Entry]] = {"data": Data, "model": Model, "optimizer": Optimizer, "schedule": Schedule}
Patch = Mapping[str, Any]


def leaves(plain: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of nested plain data as (dotted path, value); an empty mapping is a leaf."""
    for key, value in plain.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def apply(recipe: Recipe, patch: Patch, where: str = "") -> Recipe:
    """The recipe with the patch applied; raises InputError where the result is no recipe."""
    plain = recipe.plain()
    flat = dict(leaves({path: thaw(value) for path, value in patch.items()}))
    for path in sorted(flat, key=lambda path: not path.endswith(".name")):  # names first: they drop arguments
        _put(plain, path, flat[path], where)
    return validate(Recipe, plain, where)


def _put(plain: dict[str, Any], path: str, value: Any, where: str) -> None:
    """Set one leaf in place."""
    *parents, last = path.split(".")
    node = plain
    for key in parents:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            raise InputError(f"{where + ': ' if where else ''}{path}: {key!r} has no fields of its own")
    if last == "name" and len(parents) == 1 and parents[0] in ENTRIES and node.get("name") != value:
        declared = ENTRIES[parents[0]].model_fields
        for argument in [key for key in node if key not in declared]:
            del node[argument]
    node[last] = value


def diff(old: Recipe, new: Recipe) -> dict[str, tuple[Any, Any]]:
    """What differs: path -> (old value, new value), None where a side lacks the path."""
    before, after = dict(leaves(old.plain())), dict(leaves(new.plain()))
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    changed -= {seam for seam in changed if {} in (before.get(seam), after.get(seam)) and "." not in seam}
    return {path: (before.get(path), after.get(path)) for path in sorted(changed)}
