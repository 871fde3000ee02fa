"""What a person asks to have prepared: a name, where its source is, and in which form."""

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trickbag.data.encoded import Source
from trickbag.data.names import canonical, kind_of, place_of
from trickbag.data.prepare.reencode import Reencoding
from trickbag.data.sources import DATASETS, FINDERS, deciding, source_files
from trickbag.errors import InputError, unknown


@dataclass(frozen=True)
class Request:
    """A data set to prepare, checked as far as it can be without looking at files."""

    name: str  # as a recipe gives it: of the catalogue, folder:PATH, parquet:PATH or hub:OWNER/NAME
    root: Path | None  # where its source is; None: it is downloaded
    arguments: Mapping[
        str, Any
    ]  # all of a reader of arrays; of encoded images those that decide what is found
    reencoding: Reencoding | None = None

    @classmethod
    def of(
        cls,
        name: str,
        root: Path | None = None,
        arguments: Mapping[str, Any] | None = None,
        reencoding: Reencoding | None = None,
    ) -> "Request":
        """The request for a name, from what lies at `root`; InputError for what cannot be prepared."""
        if kind_of(name) not in DATASETS:
            raise unknown("data set", name, [*DATASETS, "folder:PATH", "parquet:PATH", "hub:OWNER/NAME"])
        name = canonical(name)
        place = place_of(name, root)
        if root is not None and place != root:
            raise InputError(f"{name}: says where the images are, and so does --from {root}; give one")
        if place is None and name in ("folder", "parquet"):
            raise InputError(f"{name}: where? write {name}:PATH, or give --from PATH")
        place = place.expanduser().resolve() if place else None
        if place and not place.exists():
            raise InputError(f"{place}: there is no such folder or file to prepare {name} from")
        if reencoding and kind_of(name) not in FINDERS:
            raise InputError(f"{name}: holds no encoded images, so there is no short side to choose")
        return cls(name, place, _bound(kind_of(name), dict(arguments or {})), reencoding)

    @property
    def by_place(self) -> bool:
        """Whether the name says where the images are."""
        return place_of(self.name, None) is not None

    def claim(self, root: Path) -> dict[str, Any]:
        """What a form prepared on this request says of itself, read from `root`."""
        return {
            "data set": kind_of(self.name) if self.by_place else self.name,
            "arguments": dict(self.arguments),
            "root": str(root),
            "re-encoded": self.reencoding.plain() if self.reencoding else None,
        }

    def identity(self, root: Path, source: Source | None) -> str:
        """A digest of what tells, without reading images, whether the source is still the same."""
        if source:
            return source.identity()
        stats = [(str(path), path.stat()) for path in source_files(self.name, root)]
        files = [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]
        return hashlib.sha256(json.dumps(files).encode()).hexdigest()


def _bound(reader: str, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments that the prepared form depends on, with their defaults where it is one of arrays.

    Encoded images stay encoded, so most arguments of their readers are left to each recipe.
    """
    if reader in FINDERS:
        own = deciding(reader, given)
        for key in given.keys() - own.keys():
            raise InputError(f"{key}: is of no effect on preparing {reader}; say it in the recipe")
        return own
    try:
        bound = inspect.signature(DATASETS[reader]).bind(None, **given)
    except TypeError as error:
        raise InputError(f"data set {reader!r}: {error}") from None
    bound.apply_defaults()
    return {key: value for key, value in bound.arguments.items() if key != "root"}
