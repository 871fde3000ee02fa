"""Decoding less of a JPEG than all of it: the blocks that hold a box, where they can be told apart."""

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_END = b"\xff\xd9"  # the marker that every whole file ends with
_SEQUENTIAL = (0xC0, 0xC1)  # baseline and extended frames: the rows lie one behind the other
_COLOURS = (1, 3)  # components: grey, or three colours
_SCAN, _INTERVAL, _RESTARTS = 0xDA, 0xDD, bytes(range(0xD0, 0xD8))
_APPLICATION, _OURS, _KEPT_AS = (
    0xEF,
    b"trickbag\0",
    "<u2",
)  # a segment that no standard defines, and what it holds
_LONGEST = 65_535  # bytes of a segment
_SEGMENT = struct.Struct(">BBH")  # 0xFF, what it is, and its length but for these two bytes
# So many more rows and columns on each side: subsampled colours are interpolated from the next ones, except in images
# of no more than 4 columns, which nothing that is cut out may become.
_ROWS, _COLUMNS = 2, 4
_BLOCKS = 16  # rows that are decoded together at most

Box = tuple[int, int, int, int]  # top, left, height, width


class Cutout(NamedTuple):
    """A JPEG that holds a part of another, with the very pixels that it has there."""

    data: bytearray
    top: int  # the place of its first pixel in the whole image
    left: int
    size: tuple[int, int]  # height and width of the whole image
    whole: bool  # whether nothing follows that its header does not speak of, so that a decoder has nothing to warn of


class _Head(NamedTuple):
    """What the segments before a scan say."""

    frame: int  # where the frame's segment begins
    height: int
    width: int
    block: tuple[int, int]  # height and width in pixels of what is encoded together
    interval: int  # so many of these lie between two restart markers; 0: there are none
    scan: int  # where the encoded pixels begin
    borders: slice | None  # where it is told where the pieces between restart markers lie


def cutout(data: bytes, box: Box) -> Cutout | None:
    """The pixels of a box and some around it; None where that would spare nothing.

    Where each row of blocks is cut in equal pieces by restart markers (prepared images that were made smaller have
    one behind every block), those beside the box are left out. In other files a header that says that the image
    ends soon after the box spares the rows below. None also for a file that is cut off, of which only the whole
    can tell, for one whose rows do not lie one behind the other (progressive), and for a box that is not inside.
    """
    head = _head(data) if data.endswith(_END) else None
    top, left, height, width = box
    if head is None or top + height > head.height or left + width > head.width:
        return None
    if head.interval and -(-head.width // head.block[1]) % head.interval == 0:
        return _pieces(data, head, box)
    rows = top + height + _ROWS
    if rows + _BLOCKS > head.height:
        return None
    parts = _resized(data, head, rows, head.width), memoryview(data)[head.scan :]
    return Cutout(bytearray().join(parts), 0, 0, (head.height, head.width), False)


def _pieces(data: bytes, head: _Head, box: Box) -> Cutout | None:
    """The pieces between restart markers that hold the box, one row behind the other and numbered anew."""
    high, wide = head.block[0], head.block[1] * head.interval
    grid = -(-head.height // high), -(-head.width // wide)
    first, last = _span(box[0] - _ROWS, box[0] + box[2] + _ROWS, high, grid[0])
    begin, end = _span(box[1] - _COLUMNS, box[1] + box[3] + _COLUMNS, wide, grid[1])
    borders = None if (last - first, end - begin) == grid else _borders(data, head, grid[0] * grid[1])
    if borders is None:
        return None
    starts = borders[:-1].reshape(grid)[first:last, begin].tolist()
    ends = borders[1:].reshape(grid)[first:last, begin:end]
    size = min(head.height, last * high) - first * high, min(head.width, end * wide) - begin * wide
    begins, encoded = _resized(data, head, *size), memoryview(data)[head.scan :]
    parts: list[bytes | memoryview] = [begins]
    moved, at = [], len(begins) - 1
    for start, stop in zip(starts, ends[:, -1].tolist(), strict=True):
        parts.append(encoded[start:stop])
        moved.append(at - start)
        at += stop - start
    cut = bytearray().join(parts)
    codes = np.frombuffer(_numbered(ends.size), np.uint8)
    np.frombuffer(cut, np.uint8).put(ends + np.array(moved)[:, None], codes, mode="clip")
    return Cutout(cut, first * high, begin * wide, (head.height, head.width), True)


def _span(start: int, end: int, side: int, count: int) -> tuple[int, int]:
    """The first of `count` pieces that hold some of the pixels from `start` to `end`, and the one behind the last."""
    return max(0, start // side), min(-(-end // side), count)


def _borders(data: bytes, head: _Head, count: int) -> NDArray[np.integer] | None:
    """Where each of `count` pieces begins, counted from the scan, and the last one ends, behind its marker.

    None where they are not so many, or where there is no such marker behind each.
    """
    encoded = np.frombuffer(data, np.uint8, offset=head.scan)
    if head.borders:
        told = (head.borders.stop - head.borders.start) // 2
        borders = np.frombuffer(data, _KEPT_AS, told, head.borders.start)
    else:
        markers = (encoded[:-1] == 0xFF) & (encoded[1:] != 0)  # before a 0, 0xFF is none
        borders = np.append(0, markers.nonzero()[0] + 2)
    if len(borders) != count + 1 or borders[0] or borders[-1] != len(encoded):
        return None
    codes = encoded.take(borders[1:] - 1, mode="clip")  # only what is told wrongly lies outside
    return borders if codes.tobytes() == _numbered(count) else None


def _numbered(count: int) -> bytes:
    """The second bytes of the markers behind all of so many pieces: restarts 0 … 7 over and over, and the end."""
    return (_RESTARTS * (count // 8 + 1))[: count - 1] + _END[1:]


def with_borders(data: bytes) -> bytes:
    """The JPEG, in a segment of which it is told where the pieces between restart markers lie, so that none searches.

    As it is where it has no such markers, and where the numbers are too large or too many.
    """
    head = _head(data)
    if head is None or not head.interval or len(data) - head.scan >= _LONGEST:
        return data
    count = -(-head.height // head.block[0]) * (-(-head.width // head.block[1]) // head.interval)
    borders = _borders(data, head, count)
    if borders is None or 2 * count > _LONGEST // 2:
        return data
    told = _OURS + borders.astype(_KEPT_AS).tobytes()
    return data[: head.frame] + _SEGMENT.pack(0xFF, _APPLICATION, 2 + len(told)) + told + data[head.frame :]


def _resized(data: bytes, head: _Head, height: int, width: int) -> bytes:
    """What stands before the encoded pixels, speaking of another size."""
    at = head.frame + 5
    return data[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + data[at + 4 : head.scan]


def _head(data: bytes) -> _Head | None:
    """The head of a file with a sequential frame whose components all lie in one scan; None for other files."""
    at, frame, interval, borders = 2, None, 0, None
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], data[at + 2] << 8 | data[at + 3]
        if marker in _SEQUENTIAL:
            frame = at
        elif marker == _INTERVAL:
            interval = int.from_bytes(data[at + 4 : at + 6], "big")
        elif marker == _APPLICATION and data.startswith(_OURS, at + 4):
            borders = slice(at + 4 + len(_OURS), at + 2 + length)
        elif marker == _SCAN:
            if frame is None or data[frame + 9] not in _COLOURS or data[at + 4] != data[frame + 9]:
                return None
            height, width = data[frame + 5] << 8 | data[frame + 6], data[frame + 7] << 8 | data[frame + 8]
            return _Head(frame, height, width, _block(data, frame), interval, at + 2 + length, borders)
        at += 2 + length
    return None


def _block(data: bytes, frame: int) -> tuple[int, int]:
    """Height and width of what is encoded together: 8 pixels, times the largest sampling factors of several colours."""
    factors = data[frame + 11 : frame + 10 + 3 * data[frame + 9] : 3]
    if len(factors) < 2:
        return 8, 8
    return 8 * max(1, *(f & 15 for f in factors)), 8 * max(1, *(f >> 4 for f in factors))
