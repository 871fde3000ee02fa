"""Decoding less of a JPEG than all of it: only its upper rows, down to where a crop ends."""

_END = b"\xff\xd9"  # the marker that every whole file ends with
_SEQUENTIAL = (0xC0, 0xC1)  # baseline and extended frames: the rows lie one behind the other
_SCAN = 0xDA
_CONTEXT = 2  # more rows, from which the last one's colour is interpolated where colours are subsampled
_BLOCKS = 16  # rows that are decoded together at most


def upper_rows(data: bytes, rows: int) -> bytearray | None:
    """The file with a header that says its image ends soon after `rows`; None where that would spare nothing.

    A decoder then leaves the rest alone, and warns of it; the first `rows` rows have the pixels that they have in
    the whole image. None also for a file that is cut off, of which only the whole can tell, and for one whose
    rows do not lie one behind the other (progressive).
    """
    at = _frame(data) if data.endswith(_END) else None
    if at is None or rows + _CONTEXT + _BLOCKS > int.from_bytes(data[at + 5 : at + 7], "big"):
        return None
    shortened = bytearray(data)
    shortened[at + 5 : at + 7] = (rows + _CONTEXT).to_bytes(2, "big")
    return shortened


def _frame(data: bytes) -> int | None:
    """Where the header of a sequential frame begins whose components all lie in one scan; None for other files."""
    at, frame = 2, None
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _SEQUENTIAL:
            frame = at
        elif marker == _SCAN:
            return frame if frame is not None and data[at + 4] == data[frame + 9] else None
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
