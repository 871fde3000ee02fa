"""Patches: field path -> value, merged into plain data, then validated again; and the diff of two recipes."""

from collections.abc import Iterator, Mapping
from typing import Any

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
    plain, tree = recipe.plain(), dict[str, Any]()
    for path, value in patch.items():
        _merge(tree, _nested(path, thaw(value)))
    for section in ENTRIES.keys() & tree.keys():
        _drop_arguments(plain[section], tree[section], ENTRIES[section])
    _merge(plain, tree)
    return validate(Recipe, plain, where)


def _nested(path: str, value: Any) -> dict[str, Any]:
    """`a.b` and a value as {a: {b: value}}."""
    for key in reversed(_keys(path)):
        value = {key: value}
    return dict(value)


def _keys(path: str) -> list[str]:
    """The keys along a path; in a seam, `my_lab.py:blur` or `package.module:blur` is one of them."""
    section, _, rest = path.partition(".")
    own, colon, after = rest.partition(":")
    if not colon:
        return path.split(".")
    attribute, *arguments = after.split(".")
    return [section, f"{own}:{attribute}", *arguments]


def _merge(node: dict[str, Any], change: Mapping[str, Any]) -> None:
    """Merge nested plain data into `node`, in place; what is no mapping replaces."""
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(node.get(key), dict):
            _merge(node[key], value)
        else:
            node[key] = value


def _drop_arguments(section: dict[str, Any], change: Any, kind: type[Entry]) -> None:
    """Where a section comes to name another entry, the arguments of the old one go."""
    if isinstance(change, dict) and change.get("name", section["name"]) != section["name"]:
        for argument in section.keys() - kind.model_fields.keys():
            del section[argument]


def diff(old: Recipe, new: Recipe) -> dict[str, tuple[Any, Any]]:
    """What differs: path -> (old value, new value), None where a side lacks the path."""
    before, after = dict(leaves(old.plain())), dict(leaves(new.plain()))
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    changed -= {seam for seam in changed if {} in (before.get(seam), after.get(seam)) and "." not in seam}
    return {path: (before.get(path), after.get(path)) for path in sorted(changed)}
