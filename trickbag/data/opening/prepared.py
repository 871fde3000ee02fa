"""The prepared form of a data set: a folder that opens without any image being read or listed.

Arrays (CIFAR and the like): an entry as `opening.cache` writes it. Encoded images: for each part one flat file
`part.bin` with the images one behind the other, `part.offsets.npy` (int64 [N + 1], bytes), and the index
(`data.index`); `meta.json` is written last, so its presence means that the form is complete.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trickbag.data.encoded import Labelled, Source, Spans, printable
from trickbag.data.images import ImageSet
from trickbag.data.index import Index, load_index, mapped, rises
from trickbag.data.names import file_name, kind_of, place_of
from trickbag.data.opening.cache import load_arrays
from trickbag.data.sources import deciding
from trickbag.data.view import View
from trickbag.errors import InputError

FORMAT = 1
META = "meta.json"
_BESIDE = ("train.bin", "train_images.npy")  # one of them tells our META from somebody else's


def prepared_home(name: str, cache: Path) -> Path:
    """Where the prepared form of `name` lies unless another place was chosen."""
    return cache / "prepared" / file_name(name)


def is_prepared(folder: Path) -> bool:
    """Whether a folder holds a complete prepared form."""
    return (folder / META).is_file() and any((folder / name).is_file() for name in _BESIDE)


def read_meta(folder: Path) -> dict[str, Any]:
    """What `meta.json` says: format, kind (`arrays` or `encoded`), classes, digest, provenance."""
    try:
        meta: dict[str, Any] = json.loads((folder / META).read_text())
        known = meta["format"] == FORMAT and meta["kind"] in ("arrays", "encoded")
        whole = (
            all(isinstance(name, str) for name in [*meta["classes"], meta["provenance"]["data set"]])
            and isinstance(meta["classes"], list)
            and re.fullmatch("[0-9a-f]{64}", meta["digest"]) is not None
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        said = f"{type(error).__name__}: {error}"
        raise InputError(f"{folder / META}: damaged ({said}); prepare the data set again") from None
    if not known:
        raise InputError(f"{folder / META}: of another version of trickbag; prepare the data set again")
    if not whole:
        raise InputError(f"{folder / META}: damaged; prepare the data set again")
    return meta


def is_form_of(folder: Path, name: str) -> bool:
    """Whether a prepared form is of a data set, which may be given as folder:PATH or parquet:PATH."""
    made, place = read_meta(folder)["provenance"], place_of(name, None)
    if place is None:
        return bool(made["data set"] == name)
    same_place = os.path.realpath(str(made.get("root"))) == os.path.realpath(place)
    return bool(made["data set"] == kind_of(name) and same_place)


def open_prepared(folder: Path, name: str, args: Mapping[str, Any]) -> ImageSet:
    """The data set prepared in `folder`, with the bound arguments of its reader.

    Raises InputError where the form is damaged, of another data set, or prepared with other arguments. Whether
    the images themselves are whole is not looked at: that takes reading them all.
    """
    meta = read_meta(folder)
    made = meta["provenance"]
    if not is_form_of(folder, name):
        raise InputError(f"{folder}: holds {made['data set']}, and the recipe names {name}")
    if meta["kind"] == "encoded":
        _check_found(folder, name, made, args)
        source, indices = open_flat(folder, tuple(meta["classes"]))
        again = _reencoded(made)
        origin = f"{printable(folder)}{again and f', {again}'}"
        view = View.of(args)
        return ImageSet.encoded(source, *indices, view, digest=meta["digest"], origin=origin, reencoded=again)
    if made.get("arguments") != dict(args):
        given = made.get("arguments")
        raise InputError(f"{folder}: was prepared with {given}, and the recipe has {dict(args)}")
    images = load_arrays(folder, stamped=True)
    if images is None:
        raise InputError(f"{folder}: damaged; prepare the data set again")
    return images


def made_with(made: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments that a form was prepared with."""
    arguments = made.get("arguments")
    return arguments if isinstance(arguments, Mapping) else {}


def _check_found(folder: Path, name: str, made: Mapping[str, Any], args: Mapping[str, Any]) -> None:
    """InputError where other images or labels were found for a form of encoded images than `args` ask for."""
    found, asked = (deciding(name, given) for given in (made_with(made), args))
    if found != asked:
        said = " and ".join(
            ", ".join(f"data.{key}={value}" for key, value in given.items()) or "none of them"
            for given in (found, asked)
        )
        raise InputError(f"{folder}: was prepared with other arguments than the recipe has: {said}")


def _reencoded(made: Mapping[str, Any]) -> str:
    """What was done to the images when they were prepared; empty where they are the originals."""
    again = made.get("re-encoded")
    side = again.get("short side") if isinstance(again, dict) else None
    return f"re-encoded at short side {side}" if side else ""


def open_flat(folder: Path, classes: tuple[str, ...]) -> tuple[Source, tuple[Index, Index]]:
    """The source in a prepared folder of encoded images, and the indices of its parts (training, test)."""
    train, test = (load_index(folder, part, len(classes)) for part in ("train", "test"))
    parts = _spans(folder, "train", train), _spans(folder, "test", test)
    return Source(*parts, classes), (train, test)


def _spans(folder: Path, part: str, index: Index) -> Labelled:
    """The images of a part in its flat file."""
    path = folder / f"{part}.bin"
    offsets = mapped(folder / f"{part}.offsets.npy", "int64", (), len(index) + 1)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; prepare the data set again") from None
    if offsets[0] != 0 or not rises(offsets, size):
        raise InputError(f"{path}: is not as long as its index says; prepare the data set again")
    return Labelled(Spans(path, offsets[:-1], np.diff(offsets), index.names), index.labels)
