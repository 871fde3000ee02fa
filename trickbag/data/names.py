"""Names of data sets: plain ones of the catalogue, and those that say where the images are."""

import hashlib
import os
from pathlib import Path

from trickbag.errors import InputError

PREFIXES = ("folder", "parquet", "hub")  # as in folder:PATH, parquet:PATH, hub:OWNER/NAME


def kind_of(name: str) -> str:
    """The catalogue name that reads a data set: `folder` for folder:PATH, a plain name itself."""
    prefix = name.partition(":")[0]
    return prefix if prefix in PREFIXES else name


def is_placed(name: str) -> bool:
    """Whether a name has one of the prefixes of trickbag, and is no one's own `file.py:attribute`."""
    return ":" in name and kind_of(name) in PREFIXES


def canonical(name: str) -> str:
    """The name with an absolute path, so that it means the same from every folder.

    Raises InputError where the prefix is followed by nothing, or hub: by no OWNER/NAME.
    """
    if name == "hub":
        raise InputError("data 'hub': a data set of the hub is named hub:OWNER/NAME")
    if not is_placed(name):
        return name
    prefix, _, place = name.partition(":")
    if prefix == "hub":
        parts = place.split("/")
        if len(parts) < 2 or not all(parts):
            raise InputError(f"data {name!r}: a data set of the hub is named hub:OWNER/NAME")
        return name
    if not place:
        raise InputError(f"data {name!r}: a place is missing; write {prefix}:PATH")
    return f"{prefix}:{os.path.abspath(Path(place).expanduser())}"


def place_of(name: str, root: Path | None) -> Path | None:
    """Where the source of a data set lies: the path in its name, else `root`."""
    prefix, _, place = canonical(name).partition(":")
    return Path(place) if prefix in ("folder", "parquet") and place else root


def file_name(name: str) -> str:
    """A name of a data set as the name of a file or folder, short and its own."""
    prefix, _, place = canonical(name).partition(":")
    if prefix in ("folder", "parquet") and place:
        real = os.path.realpath(place)
        return f"{prefix}--{Path(real).name[:40]}-{hashlib.sha256(os.fsencode(real)).hexdigest()[:12]}"
    return name.replace("/", "--").replace(":", "--")
