"""The images in the rows of Parquet shards: a row group is read when one of its rows is asked for."""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
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

from trickbag.data.encoded import Names, file_size, printable
from trickbag.data.sources.parquet import from_file
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
    _kept: OrderedDict[int, Future[pa.ChunkedArray]] = field(default_factory=OrderedDict)
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
        for path in self._shards:
            stat = path.stat()
            digest.update(os.fsencode(f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}\n"))
        return digest.hexdigest()

    @property
    def nbytes(self) -> int:
        """The bytes of the shards."""
        return sum(map(file_size, self._shards))

    @property
    def _shards(self) -> list[Path]:
        """The shards in order."""
        return list(dict.fromkeys(group.path for group in self.groups))

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """Where each group ends, counted in rows of the part."""
        return np.cumsum([group.rows for group in self.groups], dtype=np.int64)

    def _place(self, i: int) -> tuple[int, int]:
        """The group of a row, and the row's number in it."""
        number = int(np.searchsorted(self._ends, i, side="right"))
        return number, i - int(self._ends[number]) + self.groups[number].rows

    def _group(self, number: int) -> pa.ChunkedArray:
        """The bytes of a group; threads that want the same one wait for a single reading, others for none."""
        with self._lock:
            known = number in self._kept
            group = self._kept.setdefault(number, Future())
            self._kept.move_to_end(number)
        if not known:
            self._read_into(group, number)
        return group.result()

    def _read_into(self, group: Future[pa.ChunkedArray], number: int) -> None:
        """Read a group, and let go of those that were not asked for the longest; a failure is not kept."""
        try:
            group.set_result(self._load(self.groups[number]))
        except BaseException as error:
            with self._lock:
                self._kept.pop(number)
            group.set_exception(error)
            return
        with self._lock:
            here = {key: kept.result().nbytes for key, kept in self._kept.items() if kept.done()}
            for key in list(here):
                if sum(here.values()) > HELD and len(here) > 1:
                    del here[key], self._kept[key]

    def _load(self, group: Group) -> pa.ChunkedArray:
        """Read the bytes of a group."""

        def read(file: pq.ParquetFile) -> pa.ChunkedArray:
            table = file.read_row_group(group.number, columns=[f"{self.column}.bytes"])
            return pc.struct_field(table[self.column], "bytes")

        found = from_file(group.path, read)
        if len(found) != group.rows:
            raise InputError(f"{printable(group.path)}: has changed since it was opened")
        return found
