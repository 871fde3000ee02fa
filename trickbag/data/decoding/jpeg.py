"""Decoding less of a JPEG than all of it: only the rows between the top and the bottom of a crop."""

import re
from typing import NamedTuple

_END = b"\xff\xd9"  # the marker that every whole file ends with
_SEQUENTIAL = (0xC0, 0xC1)  # baseline and extended frames: the rows lie one behind the other
_SCAN, _INTERVAL = 0xDA, 0xDD
_RESTART = re.compile(b"\xff[\xd0-\xd7]")
_CONTEXT = 2  # more rows, from which the outermost one's colour is interpolated where colours are subsampled
_BLOCKS = 16  # rows that are decoded together at most


class Strip(NamedTuple):
    """A JPEG that holds some rows of another, with the very pixels that they have there."""

    data: bytearray
    top: int  # its first row's place in the whole image
    whole: bool  # whether nothing follows that its header does not speak of, so that a decoder has nothing to warn of


class _Head(NamedTuple):
    """What the segments before a scan say."""

    frame: int  # where the frame's segment begins
    height: int
    width: int
    block: tuple[int, int]  # height and width in pixels of what is encoded together
    interval: int  # so many of these lie between two restart markers; 0: there are none
    scan: int  # where the encoded pixels begin


def strip(data: bytes, top: int, bottom: int) -> Strip | None:
    """The rows from `top` to before `bottom` and a few more; None where that would spare nothing.

    Where a restart marker stands behind each row of blocks (as in prepared images that were made smaller), the
    rows above and below are left out. In other files a header that says that the image ends soon after `bottom`
    spares the rows below. None also for a file that is cut off, of which only the whole can tell, and for one
    whose rows do not lie one behind the other (progressive).
    """
    head = _head(data) if data.endswith(_END) else None
    if head is None or bottom > head.height:
        return None
    if head.interval and head.interval == -(-head.width // head.block[1]):
        return _between(data, head, top, bottom)
    if bottom + _CONTEXT + _BLOCKS > head.height:
        return None
    return Strip(_of_height(bytearray(data), head, bottom + _CONTEXT), 0, False)


def _between(data: bytes, head: _Head, top: int, bottom: int) -> Strip | None:
    """The rows of blocks that hold the rows asked for, cut out at the restart markers and numbered anew."""
    side, count = head.block[0], -(-head.height // head.block[0])
    first, last = max(0, (top - _CONTEXT) // side), min(-(-(bottom + _CONTEXT) // side), count)
    marks = [mark.start() for mark in _RESTART.finditer(data, head.scan)]
    if len(marks) != count - 1 or last - first == count:  # damaged, or nothing to spare
        return None
    starts = [head.scan, *(mark + 2 for mark in marks)]
    begin, end = starts[first], marks[last - 1] if last < count else len(data) - len(_END)
    rows = bytearray(data[begin:end])
    for number, mark in enumerate(marks[first : last - 1]):
        rows[mark - begin + 1] = 0xD0 + number % 8
    height = min(head.height, last * side) - first * side
    return Strip(_of_height(bytearray(data[: head.scan]), head, height) + rows + _END, first * side, True)


def _of_height(data: bytearray, head: _Head, height: int) -> bytearray:
    """The file, its header speaking of another height."""
    data[head.frame + 5 : head.frame + 7] = height.to_bytes(2, "big")
    return data


def _head(data: bytes) -> _Head | None:
    """The head of a file with a sequential frame whose components all lie in one scan; None for other files."""
    at, frame, interval = 2, None, 0
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _SEQUENTIAL:
            frame = at
        elif marker == _INTERVAL:
            interval = int.from_bytes(data[at + 4 : at + 6], "big")
        elif marker == _SCAN:
            if frame is None or data[at + 4] != data[frame + 9]:
                return None
            height, width = (int.from_bytes(data[frame + i : frame + i + 2], "big") for i in (5, 7))
            return _Head(frame, height, width, _block(data, frame), interval, at + 2 + length)
        at += 2 + length
    return None


def _block(data: bytes, frame: int) -> tuple[int, int]:
    """Height and width of what is encoded together: 8 pixels, times the largest sampling factors of several colours."""
    factors = data[frame + 11 : frame + 10 + 3 * data[frame + 9] : 3]
    if len(factors) < 2:
        return 8, 8
    return 8 * max(1, *(f & 15 for f in factors)), 8 * max(1, *(f >> 4 for f in factors))
