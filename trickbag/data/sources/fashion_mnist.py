"""Fashion-MNIST (Xiao et al. 2017): the four official IDX files, compressed as they are delivered or unpacked."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trickbag.data.images import ImageSet
from trickbag.errors import InputError

CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_PAGE = "https://github.com/zalandoresearch/fashion-mnist"
_SIDE = 28
_PLACES = ("", "FashionMNIST/raw")  # the second is torchvision's


@dataclass(frozen=True)
class Idx:
    """An IDX file of bytes: the MD5 sum of its compressed form, and the shape of the array in it."""

    name: str
    md5: str
    shape: tuple[int, ...]

    @property
    def header(self) -> bytes:
        """Its first bytes: type 8 (bytes), the number of dimensions, and the dimensions, big endian."""
        return bytes((0, 0, 8, len(self.shape))) + np.array(self.shape, ">u4").tobytes()


# Sums as torchvision.datasets.FashionMNIST has them.
FILES = (
    Idx("train-images-idx3-ubyte", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", (60_000, _SIDE, _SIDE)),
    Idx("train-labels-idx1-ubyte", "25c81989df183df01b3e8a0aad5dffbe", (60_000,)),
    Idx("t10k-images-idx3-ubyte", "bef4ecab320f06d8554ea6380940ec79", (10_000, _SIDE, _SIDE)),
    Idx("t10k-labels-idx1-ubyte", "bb300cfdad3c16e7a12a480ee83cd310", (10_000,)),
)


def fashion_mnist(root: Path | None) -> ImageSet:
    """Fashion-MNIST, 28×28, one channel, from the official files in `root`."""
    images, labels, test_images, test_labels = (
        _read(path, file) for path, file in zip(fashion_mnist_files(root), FILES, strict=True)
    )
    for array, file in ((labels, FILES[1]), (test_labels, FILES[3])):
        if array.max() >= len(CLASSES):
            raise InputError(
                f"{root}: {file.name} has the label {array.max()}; labels are 0 … {len(CLASSES) - 1}"
            )
    return ImageSet.of(
        (images[:, None], labels.astype(np.int64)),
        (test_images[:, None], test_labels.astype(np.int64)),
        CLASSES,
    )


def fashion_mnist_files(root: Path | None) -> list[Path]:
    """The four files to read; InputError where one is missing."""
    if root is None or not root.is_dir():
        given = "machine.data_root is not set" if root is None else f"{root} is not a folder"
        raise InputError(
            f"fashion_mnist: {given}; give the folder of {FILES[0].name}.gz and so on from {_PAGE}"
        )
    return [_find(root, file.name) for file in FILES]


def _find(root: Path, name: str) -> Path:
    """An official file, compressed or not."""
    for place in _PLACES:
        for path in (root / place / f"{name}.gz", root / place / name):
            if path.is_file():
                return path
    raise InputError(f"{root}: {name}.gz is missing; the official files are at {_PAGE}")


def _read(path: Path, file: Idx) -> NDArray[np.uint8]:
    """The array in a file, checked; no more is read or unpacked than it should hold."""
    expected = len(file.header) + int(np.prod(file.shape))
    data = _unpacked(path, file, expected) if path.suffix == ".gz" else _first(path, expected)
    if not data.startswith(file.header) or len(data) != expected:
        shape = "×".join(map(str, file.shape))
        raise InputError(f"{path}: is not an IDX file of {shape} bytes; download it again from {_PAGE}")
    return np.frombuffer(bytearray(data), np.uint8, offset=len(file.header)).reshape(file.shape)


def _first(path: Path, expected: int) -> bytes:
    """The content of a file, up to one byte more than expected."""
    with path.open("rb") as stream:
        return stream.read(expected + 1)


def _unpacked(path: Path, file: Idx, expected: int) -> bytes:
    """The unpacked content, up to one byte more than expected; InputError unless the sum is the official one."""
    with path.open("rb") as stream:
        md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if md5 != file.md5:
        raise InputError(
            f"{path}: MD5 is {md5}, the official file has {file.md5} (incomplete or another file); "
            f"download it again from {_PAGE}"
        )
    try:
        with gzip.open(path) as stream:
            return stream.read(expected + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be unpacked: {error}; download it again from {_PAGE}") from None
