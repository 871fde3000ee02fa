"""Which Parquet files of a hub repository are the data set: by its card where that says so, else by their names."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from trickbag.errors import InputError

_PARTS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
}
_WORD = re.compile(r"[a-z]+")
_PARTIAL = re.compile(r"(^|/)partial-\w+/")  # the hub's mark of a conversion that stopped at a size
Parts = dict[str, list[str]]  # train, test, validation → paths in the repository, sorted


def choose(paths: Sequence[str], card: Any, wanted: str | None, where: str) -> Parts:
    """The files of each part of the configuration `wanted`, or of the only or default one.

    `paths`: the Parquet files of the repository; `card`: the field `configs` of its card, whatever it is;
    `where`: how the data set was named. Raises InputError where the choice is not clear, where there is no
    training part, and where the files are only a part of the data.
    """
    configurations = _by_card(card, paths) or _by_names(paths)
    name = _one(configurations, _default(card), wanted, where)
    parts = configurations[name]
    partial = next((path for files in parts.values() for path in files if _PARTIAL.search(path)), None)
    if partial:
        raise InputError(
            f"{where}: the hub has only a part of it as Parquet ({partial}); take another carrier"
        )
    if "train" not in parts:
        raise InputError(f"{where}: there is no training part among its Parquet files ({', '.join(parts)})")
    return parts


def _one(configurations: Mapping[str, Parts], default: str | None, wanted: str | None, where: str) -> str:
    """The name of the configuration to take."""
    listed = ", ".join(sorted(configurations))
    if not configurations:
        raise InputError(f"{where}: its Parquet files are not named after parts (as train, test, validation)")
    if wanted is not None and wanted not in configurations:
        raise InputError(f"{where}: there is no configuration {wanted!r}; there are {listed}")
    only = next(iter(configurations)) if len(configurations) == 1 else None
    for name in (wanted, default, "default", only):
        if name in configurations:
            return str(name)
    example = f"{where.partition('@')[0]}/{min(configurations)}"
    raise InputError(f"{where}: has the configurations {listed}; name one of them, as {example}")


def _by_card(card: Any, paths: Sequence[str]) -> dict[str, Parts]:
    """Configuration → part → files, as the card gives them."""
    found: dict[str, Parts] = {}
    for entry in _mappings(card):
        parts: Parts = {}
        for part, pattern in _patterns(entry):
            for path in sorted(path for path in paths if fnmatchcase(path, pattern)):
                named = _PARTS.get(part) if part else _part(path)
                if named and path not in parts.setdefault(named, []):
                    parts[named].append(path)
        parts = {part: files for part, files in parts.items() if files}
        if parts:
            found[str(entry.get("config_name", "default"))] = parts
    return found


def _patterns(entry: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
    """(part or None, pattern of paths) in a configuration of a card, which has many forms."""
    if isinstance(folder := entry.get("data_dir"), str):
        yield None, f"{folder.strip('/')}/*"
    files = entry.get("data_files")
    if isinstance(files, Mapping):
        files = [{"split": split, "path": path} for split, path in files.items()]
    for item in files if isinstance(files, list) else [files]:
        split, path = (item.get("split"), item.get("path")) if isinstance(item, Mapping) else (None, item)
        for pattern in path if isinstance(path, list) else [path]:
            if isinstance(pattern, str):
                yield (split if isinstance(split, str) else None), pattern.removeprefix("./")


def _by_names(paths: Sequence[str]) -> dict[str, Parts]:
    """Configuration → part → files, by the names of folders and files."""
    found: dict[str, Parts] = {}
    for path in sorted(paths):
        part, (first, *others) = _part(path), path.split("/")
        configuration = first if others and first != "data" and not _part(f"{first}/") else "default"
        if part:
            found.setdefault(configuration, {}).setdefault(part, []).append(path)
    return found


def _part(path: str) -> str | None:
    """The part that a path names: in the file's name, else in the nearest folder's."""
    for name in reversed(path.lower().removesuffix(".parquet").split("/")):
        words = [_PARTS[word] for word in _WORD.findall(name) if word in _PARTS]
        if words:
            return words[0]
    return None


def _default(card: Any) -> str | None:
    """The configuration that the card marks as the default."""
    return next((str(entry.get("config_name")) for entry in _mappings(card) if entry.get("default")), None)


def _mappings(card: Any) -> list[Mapping[str, Any]]:
    """The entries of a card's field that are mappings at all."""
    return [entry for entry in card if isinstance(entry, Mapping)] if isinstance(card, list) else []
