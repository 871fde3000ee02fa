"""From a name to images: the prepared form where there is one, else the source; in memory where they fit."""

import inspect
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from trickbag.data.encoded import printable
from trickbag.data.images import ImageSet
from trickbag.data.names import file_name, is_placed, kind_of, place_of
from trickbag.data.opening.cache import READERS, load_arrays, short_hash, store_arrays
from trickbag.data.opening.holding import hold
from trickbag.data.opening.indexed import indexed
from trickbag.data.opening.prepared import (
    is_form_of,
    is_prepared,
    made_with,
    open_prepared,
    prepared_home,
    read_meta,
)
from trickbag.data.progress import Patience, Tell
from trickbag.data.sources import DATASETS, Reader, find_source, source_files
from trickbag.data.view import View
from trickbag.errors import InputError, unknown


def open_images(
    name: str,
    root: Path | None,
    args: Mapping[str, Any],
    cache: Path,
    *,
    reader: Reader | None = None,
    memory_gib: float | None = None,
    tell: Tell | None = None,
) -> ImageSet:
    """The data set `name`: decoded and mapped into memory, copy on write, or encoded and streamed.

    `root` is the folder of the source or of its prepared form; without one, the form prepared in `cache` is
    taken. `reader` is the user's own, under a name that is not in the catalogue. Encoded images are held
    decoded where their squares take at most `memory_gib` (null: half of the free memory) and the cache's disk
    has room; how they are held changes no number. `tell` hears of long work (null: lines on stderr).
    """
    kind = kind_of(name)
    read = reader or DATASETS.get(kind)
    if read is None:
        raise unknown("data set", name, DATASETS)
    tell = tell or Patience()
    bound = _bind(name, read, root, args)
    if kind not in DATASETS or kind == "digits":
        return _arrays(name, read, root, bound, cache)
    if home := _prepared(name, root, cache):
        _check_fresh(home, name)
        return hold(open_prepared(home, name, bound), cache, memory_gib, tell)
    _check_place(name, root)
    source = find_source(name, root, bound)
    if source is None:
        return _arrays(name, read, root, bound, cache)
    view = View.of(bound)
    indices = indexed(source, cache, tell)
    images = ImageSet.encoded(source, *indices, view, origin=_origin(name, root, slow=source.slow))
    return replace(hold(images, cache, memory_gib, tell), left_out=source.left_out)


def _origin(name: str, root: Path | None, *, slow: bool) -> str:
    """Where images come from that are not prepared, and that they should be where it takes long to shuffle them."""
    place = printable(str(place_of(name, root)))
    if not slow:
        return place
    source = "" if place_of(name, None) else f" --from {place}"
    return f"{place}, which is slow in this form: trickbag data prepare {printable(name)}{source}"


def _prepared(name: str, root: Path | None, cache: Path) -> Path | None:
    """Where a prepared form of the data set is: `root`, or the one in the cache where `root` says nothing of it."""
    placed = is_placed(name)  # then `root` may be that of another data set
    if root and is_prepared(root) and (not placed or is_form_of(root, name)):
        return root
    home = prepared_home(name, cache)
    return home if (placed or root is None) and is_prepared(home) else None


def _check_fresh(home: Path, name: str) -> None:
    """InputError where a folder or Parquet files, named by their path, have changed since they were prepared.

    They may have been removed since. Where something else lies there, or it cannot be read, stderr hears of it.
    """
    place, made = place_of(name, None), read_meta(home)["provenance"]
    if place is None or not place.exists() or "source" not in made:
        return
    try:
        source = find_source(name, None, made_with(made))
        changed = source is not None and source.identity() != made["source"]
    except (InputError, OSError) as error:
        print(f"trickbag: data {name}: {error}; taken as it was prepared, from {home}", file=sys.stderr)
        return
    if changed:
        raise InputError(
            f"data {name}: has changed since it was prepared; remove {home}, then prepare it again or read it as it is"
        )


def _check_place(name: str, root: Path | None) -> None:
    """InputError where nothing says where the images are."""
    if place_of(name, root) is not None:
        return
    if kind_of(name) == "hub":
        raise InputError(f"data {name}: prepare it first: trickbag data prepare {name}")
    if name in ("folder", "parquet"):
        raise InputError(f"data {name}: where? write {name}:PATH, or set machine.data_root=PATH")
    raise InputError(
        f"data {name}: no images here; get them with trickbag data prepare {name}, or set "
        "machine.data_root=PATH to where they are"
    )


def _bind(name: str, read: Reader, root: Path | None, args: Mapping[str, Any]) -> dict[str, Any]:
    """All the arguments of a reader with their defaults; InputError for one that it does not have."""
    try:
        bound = inspect.signature(read).bind(root, **args)
    except TypeError as error:
        raise InputError(f"data set {name!r}: {error}") from error
    bound.apply_defaults()
    return {key: value for key, value in bound.arguments.items() if key != "root"}


def _arrays(name: str, read: Reader, root: Path | None, args: dict[str, Any], cache: Path) -> ImageSet:
    """What a reader of arrays returns, read once and kept in the cache."""
    entry = cache / f"{file_name(name)}-{_key(name, read, root, args)}"
    return load_arrays(entry, stamped=True) or store_arrays(
        entry, read(root, **args), _provenance(name, args, root)
    )


def _key(name: str, read: Reader, root: Path | None, args: Mapping[str, Any]) -> str:
    """What the decoded content depends on: reader, arguments, and path, size and time of every file."""
    files = [path.resolve() for path in source_files(name, root)]
    if name not in DATASETS:
        files.append(Path(inspect.getfile(read)).resolve())
    identity = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return short_hash([READERS, name, args, identity])


def _provenance(name: str, args: Mapping[str, Any], root: Path | None) -> dict[str, Any]:
    """What an entry of the cache was made of."""
    packages = {package: version(package) for package in ("numpy", "pillow", "pyarrow")}
    return {"data set": name, "arguments": dict(args), "root": str(root), "versions": packages}
