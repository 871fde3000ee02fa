"""What is known of encoded images without decoding them, gathered once and kept in files."""

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trickbag.data.decoding.header import header
from trickbag.data.encoded import Labelled, Names
from trickbag.data.threads import each
from trickbag.errors import InputError

_ARRAYS = {  # name -> (type, shape of one entry)
    "labels": ("int64", ()),
    "sizes": ("int32", (2,)),
    "orientation": ("uint8", ()),
    "sha256": ("uint8", (32,)),
}


@dataclass(frozen=True, eq=False)
class Index:
    """Facts about the N encoded images of a part. Arrays may be mapped from files."""

    labels: NDArray[np.int64]  # [N]
    sizes: NDArray[np.int32]  # [N, 2]: height and width as stored; 0 where the header cannot be read
    orientation: NDArray[np.uint8]  # [N]: EXIF orientation 1 … 8; 1 where none is given
    sha256: NDArray[np.uint8]  # [N, 32]: of the encoded bytes; 0 where they could not be had
    names: Names

    def __len__(self) -> int:
        """How many images."""
        return len(self.labels)

    @property
    def complete(self) -> bool:
        """Whether the bytes of every image could be read."""
        return bool(self.sha256.any(axis=1).all())

    def checksum(self) -> str:
        """SHA-256 over everything in it."""
        digest = hashlib.sha256()
        for array in (*(getattr(self, name) for name in _ARRAYS), self.names.text, self.names.ends):
            digest.update(repr((str(array.dtype), array.shape)).encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def survey(part: Labelled, tell: Callable[[int], None] = lambda done: None) -> Index:
    """Read every image once, with threads: its digest and what its header says.

    `tell` is called with the number of images done. A file that cannot be read as an image has size 0 × 0.
    """
    count = len(part.images)
    sizes, orientation = np.zeros((count, 2), np.int32), np.ones(count, np.uint8)
    sha256 = np.zeros((count, 32), np.uint8)

    def look(i: int) -> None:
        with contextlib.suppress(OSError, InputError):  # whoever decodes it will say what is wrong
            data = part.images.read(i)
            sha256[i] = np.frombuffer(hashlib.sha256(data).digest(), np.uint8)
            sizes[i], orientation[i] = header(data)

    each(look, count, tell)
    return Index(part.labels, sizes, orientation, sha256, part.images.names)


def digest_of(train: Index, test: Index, classes: tuple[str, ...]) -> str:
    """SHA-256 over classes, labels and the digest of every image, in order."""
    digest = hashlib.sha256(repr(classes).encode())
    for part in (train, test):
        digest.update(repr(len(part)).encode())
        digest.update(np.ascontiguousarray(part.labels).data)
        digest.update(np.ascontiguousarray(part.sha256).data)
    return digest.hexdigest()


def save_index(index: Index, folder: Path, part: str) -> None:
    """Write an index as `folder/part.*.npy`."""
    for name, (kind, _) in _ARRAYS.items():
        np.save(folder / f"{part}.{name}.npy", getattr(index, name).astype(kind, copy=False))
    np.save(folder / f"{part}.names.npy", index.names.text)
    np.save(folder / f"{part}.name_ends.npy", index.names.ends)


def load_index(folder: Path, part: str, classes: int | None = None) -> Index:
    """The index in `folder/part.*.npy`, mapped from the files; InputError where they do not fit together.

    Checked are types, shapes, and all values that others are found by: labels (below `classes`), ends of names.
    """
    labels = mapped(folder / f"{part}.labels.npy", "int64", ())
    known = not len(labels) or bool(labels.min() >= 0 and (classes is None or labels.max() < classes))
    arrays = {
        name: mapped(folder / f"{part}.{name}.npy", kind, shape, len(labels))
        for name, (kind, shape) in _ARRAYS.items()
    }
    text = mapped(folder / f"{part}.names.npy", "uint8", ())
    ends = mapped(folder / f"{part}.name_ends.npy", "int64", (), len(labels))
    for ok, name in (
        (known, "labels"),
        (not (arrays["sizes"] < 0).any(), "sizes"),
        (rises(ends, len(text)), "name_ends"),
    ):
        if not ok:
            raise InputError(
                f"{folder / f'{part}.{name}.npy'}: has values that cannot be; prepare the data set again"
            )
    return Index(**arrays, names=Names(text, ends))


def rises(ends: NDArray[np.int64], last: int) -> bool:
    """Whether places in a file never go back, start at 0 or later, and end at `last`."""
    if not len(ends):
        return last == 0
    return bool(ends[0] >= 0 and ends[-1] == last and (ends[1:] >= ends[:-1]).all())


def mapped(path: Path, kind: str, shape: tuple[int, ...], count: int | None = None) -> NDArray[Any]:
    """An array file, mapped, read only; InputError unless it is `count` (null: any number) entries of a shape."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # numpy's parser raises nearly everything on broken input
        said = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read ({said}); prepare the data set again") from None
    counted = array.shape[:1] if count is None else (count,)
    if str(array.dtype) != kind or array.shape != (*counted, *shape) or not array.ndim:
        raise InputError(
            f"{path}: is not what belongs there ({array.dtype} {list(array.shape)}); prepare the data set again"
        )
    return np.asarray(array)
