"""Images in a zip archive, read in place."""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trickbag.data.encoded import MOST_BYTES, Names, Spans
from trickbag.data.sources.archives import check_single, is_safe
from trickbag.errors import InputError

_HEADER = struct.Struct(
    "<4s22xHH"
)  # of a member, in front of its data; then follow its name and extra fields
_ENCRYPTED = 1


@dataclass(frozen=True, eq=False)
class Zipped(Spans):
    """Members of a zip archive, stored or deflated: `starts` of their headers, `lengths` of the images."""

    packed: NDArray[np.int64]  # [N], bytes in the archive
    deflated: NDArray[np.bool_]  # [N]
    sums: NDArray[np.uint32]  # [N], CRC-32 of the images

    @classmethod
    def of(cls, path: Path, members: Sequence[zipfile.ZipInfo], names: Iterable[str]) -> "Zipped":
        """Some members of the archive, as `zip_members` gives them, under other names."""
        return cls(
            path,
            np.array([member.header_offset for member in members], np.int64),
            np.array([member.file_size for member in members], np.int64),
            Names.of(names),
            np.array([member.compress_size for member in members], np.int64),
            np.array([member.compress_type == zipfile.ZIP_DEFLATED for member in members], bool),
            np.array([member.CRC for member in members], np.uint32),
        )

    def read(self, i: int) -> bytes:
        """The bytes of image `i`; InputError where they are not what the archive's directory says.

        No more is ever unpacked than the directory says.
        """
        start, packed, length = int(self.starts[i]), int(self.packed[i]), int(self.lengths[i])
        header = os.pread(self._file, _HEADER.size, start)
        if len(header) < _HEADER.size or not header.startswith(b"PK\3\4"):
            raise InputError(f"{self.where(i)}: there is no header of a zip member at byte {start:,}")
        _, name, extra = _HEADER.unpack(header)
        data = os.pread(self._file, packed, start + _HEADER.size + name + extra)
        try:
            image = (
                zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, length + 1) if self.deflated[i] else data
            )
        except zlib.error as error:
            raise InputError(f"{self.where(i)}: cannot be decompressed: {error}") from None
        if len(image) != length or zlib.crc32(image) != self.sums[i]:
            raise InputError(
                f"{self.where(i)}: is not what the archive's directory says; take the archive again"
            )
        return image


def zip_members(path: Path) -> list[zipfile.ZipInfo]:
    """The files in a zip archive, checked: names, kinds, compression, sizes, and that none overlap."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.filename.endswith("/")]
    # All that zipfile raises for a damaged directory
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError, struct.error) as error:
        raise InputError(f"{path}: cannot be read as a zip archive: {error}; take it again") from None
    check_single((member.filename for member in members), str(path))
    for member in members:
        _check(member, f"{path}: member {member.filename!r}")
    spans = sorted((member.header_offset, member.compress_size, member.filename) for member in members)
    for (start, size, name), (end, _, _) in pairwise([*spans, (path.stat().st_size, 0, "")]):
        if start < 0 or start + _HEADER.size + size > end:
            raise InputError(f"{path}: member {name!r} overlaps what follows it; take the official archive")
    return members


def _check(member: zipfile.ZipInfo, where: str) -> None:
    """InputError for a member that is no plain file of a reasonable size."""
    if not is_safe(member.filename):
        raise InputError(f"{where} has a name that is not safe; take the official archive")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise InputError(f"{where}: is a link or a device, and only plain files are read")
    if member.flag_bits & _ENCRYPTED:
        raise InputError(f"{where}: is encrypted; take the official archive")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(
            f"{where}: has compression method {member.compress_type}; it can be stored or deflated"
        )
    if member.file_size > MOST_BYTES:
        raise InputError(
            f"{where}: {member.file_size:,} bytes are too many for an image: at most {MOST_BYTES:,}"
        )
