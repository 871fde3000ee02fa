"""Damage to files as disks, networks and ill will do it; every draw comes from the generator that is given."""

import io
import os
import pickle
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

PNG = b"\x89PNG\r\n\x1a\n"
WIDTHS = {"B": 8, "H": 16, "I": 32, "Q": 64}  # struct's letters for unsigned numbers, and their bits


def mutated(data: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    """The data with one to four mutations; `others` are contents of other files, to be mixed with it."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        draw.choice(MUTATIONS)(changed, others, draw)
    if changed.startswith(PNG) and draw.random() < 0.7:
        changed[:] = with_right_checksums(bytes(changed))  # or nothing behind the checksums is ever reached
    return bytes(changed)


def _flip_bits(data: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    for _ in range(draw.choice((1, 1, 2, 8, 64)) if data else 0):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def _cut_off(data: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    del data[draw.randrange(len(data) + 1) :]


def _remove(data: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    start, length = _stretch(data, draw)
    del data[start : start + length]


def _repeat(data: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    start, length = _stretch(data, draw)
    data[start:start] = data[start : start + length] * draw.choice((1, 1, 2, 20))


def _zero(data: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    start, length = _stretch(data, draw)
    data[start : start + length] = bytes(len(data[start : start + length]))


def _noise(data: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    data[(start := draw.randrange(len(data) + 1)) : start] = draw.randbytes(draw.choice((1, 4, 100)))


def _extreme_number(data: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    """A field set to an extreme value: mostly in the header, at times at the very end, where Parquet's length is."""
    kind, order = draw.choice(list(WIDTHS)), draw.choice("<>")
    bits = WIDTHS[kind]
    value = draw.choice((0, 1, 2 ** (bits - 1) - 1, 2 ** (bits - 1), 2**bits - 1, 2 ** (bits // 2)))
    near = draw.choice((32, 200, len(data) + 1))
    start = draw.randrange(min(near, len(data) + 1)) if draw.random() < 0.8 else max(0, len(data) - near % 40)
    data[start : start + bits // 8] = struct.pack(order + kind, value)


def _splice(data: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    """A stretch of another file, in place of as many bytes or between them."""
    other = bytearray(draw.choice(others))
    (start, length), (place, _) = _stretch(other, draw), _stretch(data, draw)
    data[place : place + draw.choice((0, length))] = other[start : start + length]


def _swap(data: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    """Another file under this name, or its head on this body."""
    other = draw.choice(others)
    data[: draw.choice((len(data), 16, 64))] = other if draw.random() < 0.5 else other[:64]


def _stretch(data: bytearray, draw: random.Random) -> tuple[int, int]:
    """Start and length of a stretch of the data, mostly short."""
    return draw.randrange(len(data) + 1), draw.choice((1, 4, 16, 256, 4096, len(data) // 2 + 1))


MUTATIONS: Sequence[Callable[[bytearray, Sequence[bytes], random.Random], None]] = (
    _flip_bits, _flip_bits, _cut_off, _remove, _repeat, _zero, _noise, _extreme_number, _extreme_number,
    _extreme_number, _splice, _swap,
)  # fmt: skip


def with_right_checksums(png: bytes) -> bytes:
    """The PNG with the checksum of every chunk that is whole set right."""
    out, place = bytearray(png), len(PNG)
    while place + 12 <= len(out):
        end = place + 8 + int.from_bytes(out[place : place + 4], "big")
        if end + 4 > len(out):
            break
        out[end : end + 4] = zlib.crc32(out[place + 4 : end]).to_bytes(4, "big")
        place = end + 4
    return bytes(out)


class _Touch:
    """Pickles as a call that makes a file."""

    def __init__(self, how: Callable[..., object], *args: object) -> None:
        self.how, self.args = how, args

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.how, self.args


def payloads(marker: Path) -> list[bytes]:
    """Pickles, and arrays that hold one, which make the file `marker` when they are loaded without care."""
    touches = [
        _Touch(os.system, f"touch '{marker}'"),
        _Touch(open, str(marker), "w"),
        _Touch(Path.touch, marker),
    ]
    found = [pickle.dumps(touch, protocol) for touch in touches for protocol in (0, 2, 4)]
    found.append(f"cposix\nsystem\n(S\"touch '{marker}'\"\ntR.".encode())
    for touch in touches:
        buffer = io.BytesIO()
        np.save(buffer, np.array([touch], object), allow_pickle=True)
        found.append(buffer.getvalue())
    return found
