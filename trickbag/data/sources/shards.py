"""Rows of Parquet shards as encoded images: a row group is read when one of its rows is asked for."""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from trickbag.data.encoded import Labelled, Names, Source, no_images, printable
from trickbag.data.sources.parquet import class_labels, from_file, schema_of
from trickbag.errors import InputError

HELD = 2**29  # bytes of row groups that are kept: small sets as a whole; in order each group is read once


class Group(NamedTuple):
    """One row group of a shard."""

    path: Path
    number: int
    rows: int
    before: int  # rows of the shard before it


@dataclass(frozen=True, eq=False)
class Rows:
    """The images of a part in the order of their rows; of the row groups read, the last few are kept."""

    groups: Sequence[Group]
    column: str
    _kept: OrderedDict[int, pa.ChunkedArray] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def __len__(self) -> int:
        """How many images."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def read(self, i: int) -> bytes:
        """The bytes of row `i`; InputError where there are none."""
        number, row = self._place(i)
        data = self._group(number)[row].as_py()
        if not isinstance(data, bytes):
            raise InputError(f"{self.where(i)}: the row holds no bytes of an image")
        return data

    def where(self, i: int) -> str:
        """The shard and the row in it."""
        number, row = self._place(i)
        group = self.groups[number]
        return f"{printable(group.path)}, row {group.before + row}"

    @cached_property
    def names(self) -> Names:
        """The names of the shards with the number of the row: train-00000-of-00005.parquet/17."""
        return Names.of(f"{g.path.name}/{g.before + row}" for g in self.groups for row in range(g.rows))

    def identity(self) -> str:
        """A digest of the shards' paths, sizes and times of change."""
        digest = hashlib.sha256(self.column.encode())
        for path in dict.fromkeys(group.path for group in self.groups):
            stat = path.stat()
            digest.update(os.fsencode(f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}\n"))
        return digest.hexdigest()

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """Where each group ends, counted in rows of the part."""
        return np.cumsum([group.rows for group in self.groups], dtype=np.int64)

    def _place(self, i: int) -> tuple[int, int]:
        """The group of a row, and the row's number in it."""
        number = int(np.searchsorted(self._ends, i, side="right"))
        return number, i - int(self._ends[number]) + self.groups[number].rows

    def _group(self, number: int) -> pa.ChunkedArray:
        """The bytes of a group; threads that want the same one wait for a single reading."""
        with self._lock:
            if number not in self._kept:
                self._kept[number] = self._load(self.groups[number])
            self._kept.move_to_end(number)
            while len(self._kept) > 1 and sum(group.nbytes for group in self._kept.values()) > HELD:
                self._kept.popitem(last=False)
            return self._kept[number]

    def _load(self, group: Group) -> pa.ChunkedArray:
        """Read the bytes of a group."""

        def read(file: pq.ParquetFile) -> pa.ChunkedArray:
            table = file.read_row_group(group.number, columns=[f"{self.column}.bytes"])
            return pc.struct_field(table[self.column], "bytes")

        found = from_file(group.path, read)
        if len(found) != group.rows:
            raise InputError(f"{printable(group.path)}: has changed since it was opened")
        return found


def parquet_rows(root: Path | None) -> Source:
    """The rows of the shards train*.parquet, and of test* or, where those have no labels, validation*, at `root`.

    Rows stay in their order, since reading them in another would read every group many times. Raises
    InputError for missing shards or columns and for labels outside the classes.
    """
    train = _shards(root, "train")
    image, label = _columns(train[0])
    parts = _part(train, image, label), _test_part(root, image, label)
    most = max((int(part.labels.max()) for part in parts if len(part.labels)), default=-1)
    classes = class_labels(train[0]).get(label) or tuple(map(str, range(most + 1)))
    for part in parts:
        wrong = np.flatnonzero((part.labels < 0) | (part.labels >= len(classes)))
        if len(wrong):
            i = int(wrong[0])
            raise InputError(
                f"{part.images.where(i)}: {label} is {part.labels[i]}, outside 0 … {len(classes) - 1}"
            )
    return Source(*parts, classes)


def _shards(root: Path | None, part: str) -> list[Path]:
    """The files of a part, sorted; InputError where there are none of the training part."""
    if root is None or not root.exists():
        given = "machine.data_root is not set" if root is None else f"{printable(root)} does not exist"
        raise InputError(f"parquet: {given}; give a folder with train*.parquet")
    if root.is_file():
        return [root] if part == "train" else []
    layouts = (f"{part}*.parquet", f"{part}/*.parquet", f"*/{part}*.parquet", f"*/{part}/*.parquet")
    found = next((files for layout in layouts if (files := sorted(root.glob(layout)))), [])
    homes = sorted({printable(path.parent) for path in found})
    if len(homes) > 1:
        raise InputError(
            f"{printable(root)}: Parquet files in several folders ({', '.join(homes)}); name one of them"
        )
    if not found and part == "train":
        raise InputError(f"{printable(root)}: holds no train*.parquet")
    return found


def _test_part(root: Path | None, image: str, label: str) -> Labelled:
    """The test images; those of the validation part where there are none, or the hub keeps their labels back."""
    for name in ("test", "validation"):
        part = _part(_shards(root, name), image, label)
        if (part.labels != -1).any():
            return part
    return no_images()


def _part(files: Sequence[Path], image: str, label: str) -> Labelled:
    """The rows of some shards."""
    found = [(group, labels) for path in files for group, labels in _groups(path, image, label)]
    labels = np.concatenate([np.empty(0, np.int64), *(labels for _, labels in found)])
    return Labelled(Rows([group for group, _ in found], image), labels)


def _groups(path: Path, image: str, label: str) -> Iterator[tuple[Group, NDArray[np.int64]]]:
    """The row groups of a shard with their labels."""
    schema = schema_of(path)
    if image not in schema.names or label not in schema.names:
        known = ", ".join(schema.names)
        raise InputError(f"{printable(path)}: has the columns {known}; the first shard has {image}, {label}")
    labels = from_file(path, lambda file: file.read(columns=[label])[label])
    if labels.null_count or not pa.types.is_integer(labels.type):
        raise InputError(f"{printable(path)}: {label} must be an integer in every row")
    values = labels.to_numpy().astype(np.int64)
    sizes = from_file(path, lambda file: _sizes(file.metadata))
    if sum(sizes) != len(values) or min(sizes, default=0) < 0:
        raise InputError(f"{printable(path)}: is not a readable Parquet file: rows are missing")
    before = 0
    for number, rows in enumerate(sizes):
        yield Group(path, number, rows, before), values[before : before + rows]
        before += rows


def _sizes(metadata: pq.FileMetaData) -> list[int]:
    """The rows of every row group."""
    return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]


def _columns(path: Path) -> tuple[str, str]:
    """The columns of images and labels; InputError where they cannot be told."""
    schema, classes = schema_of(path), class_labels(path)
    images = [name for name in ("img", "image") if name in schema.names and _holds_bytes(schema.field(name))]
    images = images[:1] or [column.name for column in schema if _holds_bytes(column)]
    labels = ["label"] if "label" in schema.names else [name for name in classes if name in schema.names]
    if len(images) == len(labels) == 1:
        return images[0], labels[0]
    raise InputError(
        f"{printable(path)}: has the columns {', '.join(schema.names)}; needed are one of images (struct with "
        "bytes) and one of labels, 'label' or the only one of type ClassLabel"
    )


def _holds_bytes(column: pa.Field) -> bool:
    """Whether a column is a struct with bytes."""
    return pa.types.is_struct(column.type) and "bytes" in [inner.name for inner in column.type]
