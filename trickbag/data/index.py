"""What is known of encoded images without decoding them, gathered once and kept in files."""

import hashlib
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trickbag.data.encoded import Labelled, Names
from trickbag.errors import InputError

_ORIENTATION = 0x0112  # the EXIF tag
_ARRAYS = ("labels", "sizes", "orientation", "sha256")


@dataclass(frozen=True, eq=False)
class Index:
    """Facts about the N encoded images of a part. Arrays may be mapped from files."""

    labels: NDArray[np.int64]  # [N]
    sizes: NDArray[np.int32]  # [N, 2]: height and width as stored; 0 where the header cannot be read
    orientation: NDArray[np.uint8]  # [N]: EXIF orientation 1 … 8; 1 where none is given
    sha256: NDArray[np.uint8]  # [N, 32]: of the encoded bytes
    names: Names

    def __len__(self) -> int:
        """How many images."""
        return len(self.labels)


def survey(part: Labelled, tell: Callable[[int], None] = lambda done: None) -> Index:
    """Read every image once, with threads: its digest and what its header says.

    `tell` is called with the number of images done. A file that cannot be read as an image has size 0 × 0.
    """
    count = len(part.images)
    sizes, orientation = np.zeros((count, 2), np.int32), np.ones(count, np.uint8)
    sha256 = np.zeros((count, 32), np.uint8)

    def look(i: int) -> None:
        data = part.images.read(i)
        sha256[i] = np.frombuffer(hashlib.sha256(data).digest(), np.uint8)
        sizes[i], orientation[i] = header(data)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(look, range(count), chunksize=1), 1):
            tell(done)
    return Index(part.labels, sizes, orientation, sha256, part.images.names)


def header(data: bytes) -> tuple[tuple[int, int], int]:
    """(height, width) and EXIF orientation of an encoded image; ((0, 0), 1) where it is none."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            orientation = image.getexif().get(_ORIENTATION, 1)
            valid = isinstance(orientation, int) and 1 <= orientation <= 8
            return (image.height, image.width), orientation if valid else 1
    except Exception:  # PIL's parsers raise nearly everything on broken input; decoding will name the file
        return (0, 0), 1


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
    for name in _ARRAYS:
        np.save(folder / f"{part}.{name}.npy", getattr(index, name))
    np.save(folder / f"{part}.names.npy", index.names.text)
    np.save(folder / f"{part}.name_ends.npy", index.names.ends)


def load_index(folder: Path, part: str) -> Index:
    """The index in `folder/part.*.npy`, mapped from the files; InputError where they do not fit together."""

    def load(name: str) -> NDArray[np.generic]:
        array: NDArray[np.generic] = np.load(folder / f"{part}.{name}.npy", mmap_mode="r", allow_pickle=False)
        return array

    try:
        arrays = {name: load(name) for name in _ARRAYS}
        names = Names(load("names"), load("name_ends"))  # type: ignore[arg-type]
        index = Index(**arrays, names=names)  # type: ignore[arg-type]
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{folder}: the index of the {part} images cannot be read: {error}") from None
    count = len(index)
    shapes = ((count,), (count, 2), (count,), (count, 32))
    if tuple(array.shape for array in arrays.values()) != shapes or len(names) != count:
        raise InputError(f"{folder}: the index of the {part} images is damaged; prepare it again")
    return index
