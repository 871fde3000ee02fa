"""Images as they lie on disk: encoded bytes, read one by one, in any order and from any thread."""

import hashlib
import os
import stat
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Protocol, overload

import numpy as np
from numpy.typing import NDArray

from trickbag.errors import InputError

MOST_BYTES = 256 * 2**20  # of one encoded image: far above any of ImageNet's
_AT_ONCE = 4096  # names unpacked at a time
_OPENING = Lock()


def printable(path: str | Path) -> str:
    """A path as it can be printed anywhere, in one line: control characters and bytes that are no UTF-8 escaped."""
    text = os.fspath(path)
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(c: str) -> str:
    """A character, or how Python writes it where it cannot be printed."""
    if "\udc80" <= c <= "\udcff":  # os.fsdecode's sign for a byte
        return f"\\x{ord(c) - 0xDC00:02x}"
    return c if c.isprintable() else ascii(c)[1:-1]


class Names(Sequence[str]):
    """Many strings as two arrays: a million names in a few tens of megabytes, or mapped from a file."""

    def __init__(self, text: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        """`text` holds the UTF-8 of all names, one behind the other; `ends` where each one ends."""
        self.text, self.ends = text, ends

    @classmethod
    def of(cls, names: Iterable[str]) -> "Names":
        """The packed form of some strings."""
        text, ends = bytearray(), array("q")
        for name in names:
            text += os.fsencode(name)
            ends.append(len(text))
        return cls(np.frombuffer(text, np.uint8), np.frombuffer(ends, np.int64))

    def __len__(self) -> int:
        """How many names."""
        return len(self.ends)

    def __iter__(self) -> Iterator[str]:
        """All names in turn, faster than one by one."""
        for first in range(0, len(self), _AT_ONCE):
            ends = self.ends[first : first + _AT_ONCE].tolist()
            base = int(self.ends[first - 1]) if first else 0
            text = self.text[base : ends[-1]].tobytes()
            for start, end in zip([base, *ends], ends, strict=False):
                yield os.fsdecode(text[start - base : end - base])

    @overload
    def __getitem__(self, i: int) -> str: ...
    @overload
    def __getitem__(self, i: slice) -> list[str]: ...
    def __getitem__(self, i: int | slice) -> str | list[str]:
        """Name number `i`, or several."""
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        i %= len(self)
        start = int(self.ends[i - 1]) if i else 0
        return os.fsdecode(self.text[start : int(self.ends[i])].tobytes())


class Encoded(Protocol):
    """Random access to encoded images."""

    @property
    def names(self) -> Names:
        """The name of every image below the place where they all lie."""

    def __len__(self) -> int:
        """How many images."""

    def read(self, i: int) -> bytes:
        """The bytes of image `i`; may be called from several threads. Raises OSError or InputError."""

    def where(self, i: int) -> str:
        """Where image `i` lies, for messages."""

    def identity(self) -> str:
        """A digest of what tells, without reading the images, whether they changed: paths, sizes, times."""

    @property
    def nbytes(self) -> int:
        """The bytes of all images as they lie, or of the files that hold them; 0 for what cannot be looked at."""


@dataclass(frozen=True, eq=False)
class Files:
    """A file for each image; `names` are paths below `root`."""

    root: Path
    names: Names

    def __len__(self) -> int:
        """How many images."""
        return len(self.names)

    def read(self, i: int) -> bytes:
        """The content of file `i`."""
        path = os.path.join(self.root, self.names[i])
        # opening a pipe would wait for whoever writes into it
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise InputError(f"{printable(path)}: is no regular file; remove it")
            if found.st_size > MOST_BYTES:
                size = f"{found.st_size:,} bytes"
                raise InputError(
                    f"{printable(path)}: {size} are too many for an image: at most {MOST_BYTES:,}"
                )
            return file.read()

    def where(self, i: int) -> str:
        """The path of file `i`."""
        return printable(os.path.join(self.root, self.names[i]))

    def identity(self) -> str:
        """A digest of all paths, sizes and times of change."""
        root = os.path.realpath(self.root)
        digest = hashlib.sha256(os.fsencode(root))
        for name in self.names:
            path = f"{root}/{name}"
            try:
                found = os.stat(path)
            except OSError:  # a link to nothing; reading it will say so
                found = os.lstat(path)
            digest.update(os.fsencode(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\n"))
        return digest.hexdigest()

    @property
    def nbytes(self) -> int:
        """The bytes of all files."""
        return sum(file_size(os.path.join(self.root, name)) for name in self.names)


@dataclass(frozen=True, eq=False)
class Spans:
    """Images as stretches of one file: the members of an uncompressed archive, or a prepared file."""

    path: Path
    starts: NDArray[np.int64]  # [N], bytes
    lengths: NDArray[np.int64]  # [N], bytes
    names: Names

    def __len__(self) -> int:
        """How many images."""
        return len(self.starts)

    def read(self, i: int) -> bytes:
        """The bytes of image `i`; InputError where the file is shorter than it was."""
        length = int(self.lengths[i])
        data = os.pread(self._file, length, int(self.starts[i]))
        if len(data) < length:
            raise InputError(f"{self.where(i)}: the file is cut off; prepare it again")
        return data

    def where(self, i: int) -> str:
        """The file and the name in it."""
        return printable(f"{self.path}: {self.names[i]}")

    def identity(self) -> str:
        """A digest of the file's path, size and time of change."""
        found = self.path.stat()
        text = f"{self.path.resolve()}\0{found.st_size}\0{found.st_mtime_ns}"
        return hashlib.sha256(os.fsencode(text)).hexdigest()

    @property
    def nbytes(self) -> int:
        """The bytes of all images."""
        return int(np.sum(self.lengths))

    @cached_property
    def _file(self) -> int:
        """The open file, until the process ends; of threads that come at once the first opens it."""
        with _OPENING:
            if "_file" not in vars(self):
                vars(self)["_file"] = os.open(self.path, os.O_RDONLY)
            return int(vars(self)["_file"])


@dataclass(frozen=True, eq=False)
class Labelled:
    """The encoded images of one part of a data set, training or test, with their labels int64 [N]."""

    images: Encoded
    labels: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Source:
    """An encoded data set as a reader finds it; files are sorted by class, then by name."""

    train: Labelled
    test: Labelled
    classes: tuple[str, ...]
    slow: bool = False  # whether reading the images in another order than theirs takes many times as long
    left_out: Mapping[str, int] = field(
        default_factory=dict
    )  # ending -> files beside the images that are none

    @property
    def parts(self) -> dict[str, Labelled]:
        """The parts by name."""
        return {"train": self.train, "test": self.test}

    def identity(self) -> str:
        """A digest of what tells, without reading the images, whether they or their labels changed."""
        digest = hashlib.sha256(repr(self.classes).encode())
        for part in self.parts.values():
            digest.update(part.images.identity().encode())
            digest.update(np.ascontiguousarray(part.labels).data)
        return digest.hexdigest()


def listed(left_out: Mapping[str, int]) -> str:
    """Files that are no images by their names, in words: 3 other files (.heic 2, .txt 1)."""
    count = sum(left_out.values())
    kinds = ", ".join(
        f"{printable(ending) or 'no ending'} {number:,}" for ending, number in sorted(left_out.items())
    )
    return f"{count:,} other file{'s' if count > 1 else ''} ({kinds})"


def file_size(path: str | Path) -> int:
    """The bytes of a file; 0 where it cannot be looked at, as a link to nothing."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def no_images() -> Labelled:
    """A part without images."""
    return Labelled(Files(Path(), Names.of([])), np.empty(0, np.int64))
