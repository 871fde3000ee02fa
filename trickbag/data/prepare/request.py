"""What a person asks to have prepared: a name, where its source is, and in which form."""

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trickbag.data.encoded import Source
from trickbag.data.prepare.reencode import Reencoding
from trickbag.data.prepared import prepared_home
from trickbag.data.sources import DATASETS, FINDERS, PREFIXES, source_files
from trickbag.errors import InputError, unknown


@dataclass(frozen=True)
class Request:
    """A data set to prepare, checked as far as it can be without looking at files."""

    written: str  # as the person named it
    dataset: str  # the name that a recipe gives it
    reader: str  # the catalogue name of what reads its source
    root: Path | None  # where its source is; None: it is downloaded
    arguments: Mapping[str, Any]  # all those of a reader of arrays; none of one of encoded images
    reencoding: Reencoding | None = None

    @classmethod
    def of(
        cls,
        name: str,
        root: Path | None = None,
        arguments: Mapping[str, Any] | None = None,
        reencoding: Reencoding | None = None,
    ) -> "Request":
        """The request for a name: of the catalogue, `folder:PATH`, `parquet:PATH` or `hub:OWNER/NAME`."""
        prefix, colon, rest = name.partition(":")
        dataset = reader = name
        if colon:
            if prefix not in PREFIXES or not rest:
                raise unknown("data set", name, _preparable())
            reader = "parquet" if prefix == "hub" else prefix
            if prefix != "hub":
                if root is not None:
                    raise InputError(
                        f"{name}: says where the images are, and so does --from {root}; give one"
                    )
                dataset, root = prefix, Path(rest)
        if reader not in DATASETS:
            raise unknown("data set", name, _preparable())
        root = root.expanduser().resolve() if root else None
        if root and not root.exists():
            raise InputError(f"{root}: there is no such folder or file to prepare {name} from")
        bound = _bound(reader, dict(arguments or {}))
        if reencoding and reader not in FINDERS:
            raise InputError(f"{name}: holds no encoded images, so there is no short side to choose")
        return cls(name, dataset, reader, root, bound, reencoding)

    def home(self, cache: Path) -> Path:
        """Where the prepared form lies unless another place is chosen."""
        name = self.dataset
        if ":" in self.written and self.root:
            name = f"{self.dataset}:{self.root}"
        return prepared_home(name, cache)

    def claim(self, root: Path) -> dict[str, Any]:
        """What a form prepared on this request says of itself, read from `root`."""
        return {
            "data set": self.dataset,
            "arguments": dict(self.arguments),
            "root": str(root),
            "re-encoded": self.reencoding.plain() if self.reencoding else None,
        }

    def identity(self, root: Path, source: Source | None) -> str:
        """A digest of what tells, without reading images, whether the source is still the same."""
        if source is None:
            stats = [(str(path), path.stat()) for path in source_files(self.reader, root)]
            files = [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]
            return hashlib.sha256(json.dumps(files).encode()).hexdigest()
        digest = hashlib.sha256(repr(source.classes).encode())
        for part in source.parts.values():
            digest.update(part.images.identity().encode())
            digest.update(part.labels.tobytes())
        return digest.hexdigest()


def _preparable() -> list[str]:
    """What can be named."""
    return [*DATASETS, "folder:PATH", "parquet:PATH", "hub:OWNER/NAME"]


def _bound(reader: str, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments that the prepared form depends on, with their defaults.

    Encoded images stay encoded, so the arguments of their readers are left to each recipe.
    """
    if reader in FINDERS:
        if given:
            raise InputError(
                f"{next(iter(given))}: is of no effect on preparing {reader}; say it in the recipe"
            )
        return {}
    try:
        bound = inspect.signature(DATASETS[reader]).bind(None, **given)
    except TypeError as error:
        raise InputError(f"data set {reader!r}: {error}") from None
    bound.apply_defaults()
    return {key: value for key, value in bound.arguments.items() if key != "root"}
