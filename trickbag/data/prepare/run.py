"""Preparing a data set: from its source, or from the net, to a folder that opens at once."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from trickbag.data.encoded import Files, Source, listed
from trickbag.data.names import file_name
from trickbag.data.opening.prepared import read_meta
from trickbag.data.prepare import target
from trickbag.data.prepare.request import Request
from trickbag.data.prepare.room import check_room, needed, present
from trickbag.data.prepare.write import write_arrays, write_encoded
from trickbag.data.progress import Tell, silent
from trickbag.data.sources import DATASETS, find_source
from trickbag.errors import InputError

Fetch = Callable[
    [str, Path, Tell], Path
]  # (name, folder to download into, whom to tell) -> folder of the source


@dataclass(frozen=True)
class Prepared:
    """A complete prepared form."""

    folder: Path
    meta: Mapping[str, Any]  # of `meta.json`
    fresh: bool  # whether it was made now; else it stood there already

    @property
    def counts(self) -> dict[str, int]:
        """How many images each part has."""
        joint = "_" if self.meta["kind"] == "arrays" else "."
        labels = {part: self.folder / f"{part}{joint}labels.npy" for part in ("train", "test")}
        return {part: len(np.load(path, mmap_mode="r")) for part, path in labels.items()}

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())


def prepare(
    request: Request,
    home: Path,
    cache: Path,
    *,
    fetch: Fetch,
    tell: Tell = silent,
    say: target.Say = lambda text: None,
) -> Prepared:
    """Make the prepared form of what is requested in the folder `home`, or find it complete there.

    An attempt that was ended at any moment is continued, and gives the same bytes. What is not downloaded yet is
    fetched to `cache/downloads`. Raises InputError for a folder that holds anything else, for too small a disk,
    and for a source that cannot be read; nothing but what an earlier attempt left is ever removed.
    """
    home = home.expanduser().absolute()
    made = target.complete(home)
    if made and request.root is None:
        target.check_same(home, made["provenance"], request.claim(home), root=False)
        if target.sound(home, made, say):
            return _tidy(home, made, say)
    target.check_free(home)
    root = request.root or fetch(request.name, cache / "downloads" / file_name(request.name), tell)
    source = find_source(request.name, root, request.arguments)
    _tell_left_out(source, say)
    _check_apart(home, source)
    claim = request.claim(root)
    state = {"source": request.identity(root, source), "versions": _versions(request)}
    if made and _is_done(home, made, claim, state, say):
        return _tidy(home, made, say)
    images = None if source else DATASETS[request.name](root, **request.arguments)
    check_room(home, needed(request, source, images) - present(home))
    with target.held(home, say):
        made = target.complete(home)  # by now, where another process was at it
        if made and _is_done(home, made, claim, state, say):
            return Prepared(home, made, False)
        target.begin(home, claim, state, say)
        if images is not None:
            write_arrays(home, images, {**claim, **state})
        elif source:
            write_encoded(home, source, request.reencoding, {**claim, **state}, tell)
        target.end(home)
    return Prepared(home, read_meta(home), True)


def _tidy(home: Path, made: Mapping[str, Any], say: target.Say) -> Prepared:
    """The form that stood complete; what an attempt left that was ended just then is removed."""
    if (home / target.STATE).exists():
        with target.held(home, say):
            target.end(home)
    return Prepared(home, made, False)


def _versions(request: Request) -> dict[str, str]:
    """The libraries that the bytes depend on, and this one."""
    again = request.reencoding.versions() if request.reencoding else {}
    return {"trickbag": version("trickbag"), **again}


def _is_done(
    home: Path, made: Mapping[str, Any], claim: Mapping[str, Any], state: Mapping[str, Any], say: target.Say
) -> bool:
    """Whether the complete form is of this claim, of the source as it is now, and undamaged."""
    provenance = made["provenance"]
    target.check_same(home, provenance, claim, root=True)
    if provenance.get("source") != state["source"]:
        raise InputError(
            f"{home}: holds {target.described(claim)} as it was, and that has changed since; "
            f"to have it as it is now, remove that one, as rm -r {shlex.quote(str(home))}, and say the same again; "
            "or choose another folder with --to"
        )
    return target.sound(home, made, say)


def _tell_left_out(source: Source | None, say: target.Say) -> None:
    """Say which files of a class folder are no images by their names."""
    if source and source.left_out:
        say(f"left out: {listed(source.left_out)}")


def _check_apart(home: Path, source: Source | None) -> None:
    """InputError where the prepared form would lie among the class folders that it is made of."""
    for part in source.parts.values() if source else ():
        images = part.images
        if isinstance(images, Files) and len(images) and home.resolve().is_relative_to(images.root.resolve()):
            raise InputError(
                f"{home}: lies among the class folders of {images.root}; choose another with --to"
            )
