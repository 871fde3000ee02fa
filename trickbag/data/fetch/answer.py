"""What an answer over HTTP offers: which bytes of which file, or something that is not the file at all."""

import re
from http.client import HTTPResponse

from trickbag.data.fetch.part import Note
from trickbag.data.fetch.web import Again
from trickbag.errors import InputError

_LENGTH = re.compile(r"\d{1,18}$")
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})$")
_PAGE = re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE)


class OtherPiece(Again):
    """The server sends bytes from another place than it was asked for."""


class OtherFile(Again):
    """The file on the server is no longer the one that the bytes so far are of."""


def length_of(url: str, response: HTTPResponse, expected: int | None) -> int:
    """Bytes of the whole file; InputError where the server does not say, or says another number."""
    if response.status == 206:
        found = _RANGE.match(response.headers.get("Content-Range", ""))
        total = int(found[2]) if found else None
    else:
        length = response.headers.get("Content-Length", "")
        total = int(length) if _LENGTH.match(length) else expected
    if total is None:
        raise InputError(f"{url}: the server does not say how long the file is")
    if expected not in (None, total):
        raise InputError(f"{url}: is {total:,} bytes long, expected are {expected:,}: it is another file")
    return total


def check_piece(response: HTTPResponse, start: int, note: Note | None) -> None:
    """Raises Again unless the answer, of status 206, goes on with the noted file at byte `start`."""
    found = _RANGE.match(response.headers.get("Content-Range", ""))
    if not (found and note and int(found[1]) == start > 0):
        raise OtherPiece("the server sends another piece of the file than it was asked for")
    if int(found[2]) != note.size or validator(response) not in (None, note.validator):
        raise OtherFile("the file has changed on the server")


def validator(response: HTTPResponse) -> str | None:
    """What tells whether a file is still the same: a strong ETag, else the date of its last change."""
    tag: str | None = response.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def refuse_page(url: str, response: HTTPResponse, first: bytes) -> None:
    """InputError for a web page, which a network that wants a login puts in the place of every file."""
    if response.headers.get_content_type() == "text/html" or _PAGE.match(first):
        raise InputError(
            f"{url}: answers with a web page instead of the file; does the network want a login?"
        )
