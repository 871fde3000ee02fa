"""A study from its file: by path or embedded name, with `field=value` overrides, self-contained afterwards."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from trickbag.errors import InputError, unknown
from trickbag.recipe import (
    Patch,
    Recipe,
    apply,
    leaves,
    load_recipe,
    parse_overrides,
    parse_yaml,
    read_yaml,
    validate,
)
from trickbag.records.plan import Plan
from trickbag.study.schema import Study


def study_names() -> list[str]:
    """The names of the embedded studies."""
    return sorted(f.name.removesuffix(".yaml") for f in files("trickbag").joinpath("studies").iterdir())


def study_text(name: str) -> str:
    """The file of an embedded study."""
    return files("trickbag").joinpath("studies", f"{name}.yaml").read_text()


def load_study(name_or_path: str, overrides: Sequence[str] = ()) -> tuple[Study, Path]:
    """The study and the folder that its relative paths start from.

    Overrides that name a field of the study change the study (`seeds=3`, `machine.threads=2`); all others
    patch its baseline (`budget.epochs=2`), after the changes of every workload. An argument (`model.width=0.5`)
    also reaches the teacher and the study's own tricks where they name another network, optimizer, … and leave it
    open. Raises InputError where anything is wrong.
    """
    if name_or_path in study_names():
        plain, base = parse_yaml(study_text(name_or_path), name_or_path), Path()
    elif name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path:
        plain, base = read_yaml(Path(name_or_path)), Path(name_or_path).parent
    else:
        raise unknown("study", name_or_path, study_names())
    _override(plain, parse_overrides(overrides))
    return validate(Study, plain, Path(name_or_path).name), base


NESTED = ("machine", "cap", "tune", "screen")  # fields of a study whose own fields can be set from outside


def _override(plain: dict[str, Any], patch: Patch) -> None:
    """Apply overrides to the plain study, in place."""
    for path, value in patch.items():
        first, _, rest = path.partition(".")
        if first not in Study.model_fields:
            plain["set"] = {**_mapping(plain, "set"), path: value}
            for workload in _mappings(plain.get("workloads")):
                workload["set"] = {**_mapping(workload, "set"), path: value}
            for part in _mappings([plain.get("teacher"), plain.get("factors")]):
                _follow(part, path, value)
        elif first in NESTED and rest:
            plain[first] = {**_mapping(plain, first), rest: value}
        elif rest:
            raise InputError(f"{path}: {first} has no field {rest!r} that could be set from outside")
        else:
            plain[first] = value


def _follow(part: dict[str, Any], path: str, value: Any) -> None:
    """Add an argument to what names another entry, which would drop it, unless it states the argument itself."""
    section, _, argument = path.partition(".")
    stated = {key for key, _ in leaves(_mapping(part, "set"))}
    if f"{section}.name" in stated and argument and path not in stated:
        part["set"] = {**part["set"], path: value}


def _mappings(plain: Any) -> Iterator[dict[str, Any]]:
    """The mappings in lists, and those among the tricks and levels of each."""
    if isinstance(plain, list):
        yield from (found for item in plain for found in _mappings(item))
    elif isinstance(plain, dict):
        yield plain
        yield from _mappings([plain.get("tricks"), plain.get("levels")])


def _mapping(plain: dict[str, Any], field: str) -> dict[str, Any]:
    """A field of the plain study that holds fields of its own; an empty one counts as none."""
    value = plain.get(field) or {}
    if not isinstance(value, dict):
        raise InputError(f"{field}: a mapping of fields is expected, found {value!r}")
    return value


def baseline_of(study: Study, base: Path) -> Recipe:
    """The study's baseline with its changes."""
    if isinstance(study.baseline, str):
        recipe = load_recipe(study.baseline, base)
    else:
        recipe = validate(Recipe, study.baseline, "baseline")
    return apply(recipe, study.set, "baseline")


def self_contained(study: Study, base: Path) -> str:
    """The study as YAML that needs no other file: the baseline is written out."""
    plain = study.model_dump(mode="json", exclude_defaults=True)
    plain["baseline"] = {k: v for k, v in baseline_of(study, base).plain().items() if v != {}}
    plain.pop("set", None)
    return yaml.safe_dump(plain, sort_keys=False)


def copy_own_files(plan: Plan, base: Path, folder: Path) -> None:
    """Copy the user's own files, which study and recipes name relative to the study file, into its folder."""
    names = {name for arm in plan.arms for name in arm.recipe["sources"]} | set(_own_files(plan.study))
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:  # a text that looks like a file's name
            continue
        if (base / name).is_file() and not (folder / name).exists():  # a module's is installed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(base / name, folder / name)


def _own_files(plain: Any) -> Iterator[str]:
    """The Python files that plain data names, as `file.py:attribute`, in keys or values."""
    if isinstance(plain, str) and ".py:" in plain:
        yield plain.partition(".py:")[0] + ".py"
    elif isinstance(plain, Mapping):
        yield from (name for item in (*plain.keys(), *plain.values()) for name in _own_files(item))
    elif isinstance(plain, list | tuple):
        yield from (name for item in plain for name in _own_files(item))
