"""The prepared form of a data set: a folder that opens at once, whatever its size.

Arrays (CIFAR and the like): an entry as `data.cache` writes it. Encoded images: for each part one flat file
`part.bin` with the images one behind the other, `part.offsets.npy` (int64 [N + 1], bytes), and the index
(`data.index`); `meta.json` is written last, so its presence means that the form is complete.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trickbag.data.cache import load_arrays
from trickbag.data.encoded import Labelled, Source, Spans
from trickbag.data.images import ImageSet
from trickbag.data.index import load_index
from trickbag.data.view import View
from trickbag.errors import InputError

FORMAT = 1
META = "meta.json"


def prepared_home(name: str, cache: Path) -> Path:
    """Where the prepared form of `name` lies unless another place was chosen."""
    return cache / "prepared" / name.replace("/", "--").replace(":", "--")


def is_prepared(folder: Path) -> bool:
    """Whether a folder holds a complete prepared form."""
    return (folder / META).is_file()


def read_meta(folder: Path) -> dict[str, Any]:
    """What `meta.json` says: format, kind (`arrays` or `encoded`), classes, digest, provenance."""
    try:
        meta: dict[str, Any] = json.loads((folder / META).read_text())
        known = meta["format"] == FORMAT and meta["kind"] in ("arrays", "encoded")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / META}: damaged: {error}; prepare the data set again") from None
    if not known:
        raise InputError(f"{folder / META}: of another version of trickbag; prepare the data set again")
    return meta


def open_prepared(folder: Path, name: str, args: Mapping[str, Any]) -> ImageSet:
    """The data set prepared in `folder`, with the bound arguments of its reader.

    Raises InputError where the form is damaged, of another data set, or prepared with other arguments.
    """
    meta = read_meta(folder)
    made = meta["provenance"]
    if made["data set"] != name:
        raise InputError(f"{folder}: holds {made['data set']}, and the recipe names {name}")
    if meta["kind"] == "encoded":
        source, indices = open_flat(folder, tuple(meta["classes"]))
        return ImageSet.encoded(source, *indices, View(**args))
    if made["arguments"] != dict(args):
        raise InputError(f"{folder}: was prepared with {made['arguments']}, and the recipe has {dict(args)}")
    images = load_arrays(folder)
    if images is None:
        raise InputError(f"{folder}: damaged; prepare the data set again")
    return images


def open_flat(folder: Path, classes: tuple[str, ...]) -> tuple[Source, tuple[Any, Any]]:
    """The source in a prepared folder of encoded images, and the indices of its parts (training, test)."""
    indices = load_index(folder, "train"), load_index(folder, "test")
    parts = []
    for part, index in zip(("train", "test"), indices, strict=True):
        path = folder / f"{part}.bin"
        try:
            offsets = np.load(folder / f"{part}.offsets.npy", mmap_mode="r", allow_pickle=False)
            whole = len(offsets) == len(index) + 1 and path.stat().st_size == offsets[-1]
        except (OSError, ValueError, EOFError, IndexError) as error:
            raise InputError(f"{folder}: damaged: {error}; prepare the data set again") from None
        if not whole:
            raise InputError(f"{path}: is not as long as its index says; prepare the data set again")
        parts.append(Labelled(Spans(path, offsets[:-1], np.diff(offsets), index.names), index.labels))
    return Source(parts[0], parts[1], classes), indices
