"""Structures in MATLAB's files of format 5, as far as ImageNet's devkit needs them: scalars and texts.

`scipy.io.loadmat` reads all of the format, and ends the process with a segmentation fault on damaged files.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from trickbag.errors import InputError

MOST_BYTES = 16 * 2**20  # of a file's content, unpacked
_HEADER = 128  # bytes
_ORDERS = {b"IM": "<", b"MI": ">"}  # how the file's "MI" looks in its byte order
_MATRIX, _COMPRESSED = 14, 15  # types of elements
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_ENCODINGS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16"}
_STRUCT, _CHAR, _NUMERIC = 2, 4, range(6, 16)  # classes of matrices


class _Matrix(NamedTuple):
    """A matrix whose content is not yet read."""

    kind: int
    shape: tuple[int, ...]
    name: bytes
    content: list[tuple[int, bytes]]  # (type, bytes) of each element


def read_structures(data: bytes, name: str, where: str) -> list[dict[str, Any]]:
    """The structures in the array `name`, in MATLAB's order (columns first).

    Numbers are lists of float, texts str, anything else None. Raises InputError with `where` for all that is no
    such file, or damaged, or unpacks to more than `MOST_BYTES`.
    """
    order = _ORDERS.get(data[_HEADER - 2 : _HEADER])
    if not data.startswith(b"MATLAB 5.0") or order is None:
        raise InputError(f"{where}: is not a MATLAB file of format 5; take the official one")
    try:
        for kind, content in _elements(data[_HEADER:], order):
            if kind == _COMPRESSED:
                ((kind, content),) = _elements(_unpacked(content), order)
            matrix = _matrix(content, order) if kind == _MATRIX else None
            if matrix and matrix.name == name.encode():
                return _structures(matrix, order)
    except (ValueError, IndexError, struct.error, zlib.error, ArithmeticError) as error:
        raise InputError(f"{where}: damaged, or no array of structures {name!r}: {error}") from None
    raise InputError(f"{where}: has no array {name!r}; take the official one")


def _unpacked(packed: bytes) -> bytes:
    """The content of a compressed element."""
    data = zlib.decompressobj().decompress(packed, MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"unpacks to more than {MOST_BYTES:,} bytes")
    return data


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Type and content of the elements that lie one behind the other; up to 4 bytes share the tag's 8."""
    position = 0
    while position < len(data):
        kind, size = struct.unpack_from(f"{order}II", data, position)
        start, short = position + 8, kind >> 16
        if short:
            kind, size, start = kind & 0xFFFF, short, position + 4
        content = data[start : start + size]
        if len(content) < size or short > 4:
            raise ValueError("an element is cut off")
        yield kind, content
        position = start + size if kind == _COMPRESSED else -(-(start + size) // 8) * 8


def _matrix(data: bytes, order: str) -> _Matrix:
    """The parts of a matrix; an empty element stands for an empty one."""
    if not data:
        return _Matrix(0, (0,), b"", [])
    (_, flags), (_, shape), (_, name), *content = _elements(data, order)
    (kind,) = struct.unpack_from(f"{order}I", flags)
    return _Matrix(kind & 0xFF, struct.unpack(f"{order}{len(shape) // 4}i", shape), name, content)


def _structures(matrix: _Matrix, order: str) -> list[dict[str, Any]]:
    """The structures of an array of them: field names of one length, then the values, one by one."""
    if matrix.kind != _STRUCT:
        raise ValueError("it is another kind of array")
    (_, length), (_, names), *values = matrix.content
    (step,) = struct.unpack(f"{order}i", length)
    fields = [names[i : i + step].rstrip(b"\0").decode("ascii") for i in range(0, len(names), step)]
    if any(kind != _MATRIX for kind, _ in values):
        raise ValueError("a value is no matrix")
    read = [_value(_matrix(content, order), order) for _, content in values]
    if len(read) != len(fields) * int(np.prod(matrix.shape, dtype=object)):
        raise ValueError(f"{len(read)} values for {len(fields)} fields")
    return [
        dict(zip(fields, read[i : i + len(fields)], strict=True)) for i in range(0, len(read), len(fields))
    ]


def _value(matrix: _Matrix, order: str) -> Any:
    """A text, a list of numbers, or None for what is neither."""
    if not matrix.content or (matrix.kind != _CHAR and matrix.kind not in _NUMERIC):
        return None
    kind, data = matrix.content[0]
    if matrix.kind == _CHAR:
        if kind not in _ENCODINGS:
            raise ValueError(f"a text of type {kind}")
        encoding = _ENCODINGS[kind].replace("utf-16", "utf-16-le" if order == "<" else "utf-16-be")
        return data.decode(encoding, errors="replace")
    if kind not in _NUMBERS:
        raise ValueError(f"numbers of type {kind}")
    return np.frombuffer(data, order + _NUMBERS[kind]).astype(float).tolist()
