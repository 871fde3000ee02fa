"""The bits of a run: whether each evaluation image was classified correctly."""

from math import prod
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from numpy.typing import NDArray

from trickbag.errors import InputError
from trickbag.records.files import write_whole


def write_bits(path: Path, ids: NDArray[np.int64], top1: NDArray[np.bool_], top5: NDArray[np.bool_]) -> None:
    """Write one top-1 and one top-5 bit per evaluation image, with the image ids."""
    packed1, packed5 = np.packbits(top1), np.packbits(top5)
    write_whole(path, lambda temporary: np.savez(temporary, ids=ids, top1=packed1, top5=packed5))


def read_bits(path: Path) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Image ids, top-1 bits and top-5 bits; InputError where the file is missing, damaged or none of ours."""
    try:
        _check_archive(path)
        with np.load(path, allow_pickle=False) as file:
            ids = file["ids"]
            top1, top5 = (_unpacked(file[key], ids) for key in ("top1", "top5"))
    except Exception as error:  # a damaged or hostile file may raise anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"{path}: the bits of this run cannot be read: {reason}") from None
    return ids, top1, top5


def _check_archive(path: Path) -> None:
    """ValueError where the file holds anything but uncompressed arrays, whose size its own size bounds."""
    if path.exists() and not path.is_file():
        raise ValueError("a regular file is expected")
    with ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != ZIP_STORED or member.file_size > path.stat().st_size:
                raise ValueError(f"{member.filename!r} is compressed, which trickbag never writes")
            with archive.open(member) as file:
                if np.lib.format.read_magic(file) != (1, 0):
                    raise ValueError(f"{member.filename!r} is no array that trickbag writes")
                shape, _, kind = np.lib.format.read_array_header_1_0(file)
                if prod(shape) * kind.itemsize != member.file_size - file.tell():
                    raise ValueError(f"{member.filename!r} has another size than it says")


def _unpacked(packed: NDArray[np.uint8], ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """A bit per image; ValueError where there are not as many."""
    if ids.dtype != np.int64 or packed.dtype != np.uint8 or ids.ndim != 1 or len(packed) != -(-len(ids) // 8):
        raise ValueError("a bit is expected for every image id")
    return np.unpackbits(packed, count=len(ids)).astype(bool)
