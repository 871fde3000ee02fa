"""One request over HTTP, and what its failures mean: worth another try, or a line for the person."""

import errno
import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from importlib.metadata import version
from socket import gaierror
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from trickbag.errors import InputError

_PASSING = {408, 425, 429, 500, 502, 503, 504}  # states of a server that may be over in a moment
_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}
_PIECE = 2**20  # bytes


class Again(Exception):
    """A failure that may be over when it is tried again."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        """`wait`: the seconds that the server asks for."""
        super().__init__(reason)
        self.wait = wait


class Unreachable(Again):
    """The server does not even answer: the network is down, or the name is wrong."""


class Refused(InputError):
    """The server refuses the file."""

    def __init__(self, message: str, status: int) -> None:
        """`status`: the number of the HTTP answer."""
        super().__init__(message)
        self.status = status


class _Redirects(HTTPRedirectHandler):
    """Goes only where a download may come from, and shows credentials to nobody else."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        """The request at the new address; InputError for another protocol, or one that is no longer secret."""
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme not in ("http", "https") or (old.scheme, new.scheme) == ("https", "http"):
            fp.close()
            raise InputError(f"{req.full_url}: sends on to {newurl}, which is not safe; nothing was taken")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        if request and (old.scheme, old.netloc) != (new.scheme, new.netloc):
            request.remove_header("Authorization")
        return request


def ask(url: str, headers: Mapping[str, str], timeout: float) -> HTTPResponse:
    """The answer to a GET, its body still to be read; to be closed by the caller.

    `timeout`: seconds without a byte. Raises Again for what may pass, InputError for what will not.
    """
    if not url.startswith(("http://", "https://")):
        raise InputError(f"{url}: is no address of a download; it begins with http:// or https://")
    identity = {"User-Agent": f"trickbag/{version('trickbag')}", "Accept-Encoding": "identity"}
    try:
        request = Request(url, headers={**identity, **headers})
        response: HTTPResponse = build_opener(_Redirects).open(request, timeout=timeout)
        return response
    except HTTPError as error:
        with error:
            raise _answered(url, error) from None
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{url}: is no address of a download ({error})") from None
    except (OSError, HTTPException) as error:
        raise _unanswered(url, error, timeout) from None


def pieces(response: HTTPResponse, timeout: float) -> Iterator[bytes]:
    """The body as it arrives; Again where it breaks off noisily (a silent end is for the caller to see)."""
    try:
        while piece := response.read1(_PIECE):
            yield piece
    except TimeoutError:
        raise Again(f"no byte came for {timeout:g} seconds") from None
    except (OSError, HTTPException) as error:
        raise Again(f"the connection broke ({_said(error)})") from None


def _answered(url: str, error: HTTPError) -> Exception:
    """What an answer other than a file means."""
    if error.code in _PASSING:
        return Again(f"the server answers {error.code} {error.reason}", _retry_after(error.headers))
    if 300 <= error.code < 400:
        return InputError(
            f"{url}: sends on to where no download may come from, or in circles ({_said(error)})"
        )
    return Refused(f"{url}: the server answers {error.code} {error.reason}", error.code)


def _unanswered(url: str, error: Exception, timeout: float) -> Exception:
    """What no answer, or one that is not HTTP, means."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return InputError(f"{url}: the server's certificate is not valid ({reason.verify_message})")
    if isinstance(error, URLError) and _no_way(reason):
        return Unreachable(f"cannot be reached ({_said(reason)}); is there a network?")
    if isinstance(reason, TimeoutError):
        return Again(f"no answer came for {timeout:g} seconds")
    return Again(f"the connection broke ({_said(reason)})")


def _no_way(reason: object) -> bool:
    """Whether a connection failed before there was one."""
    if isinstance(reason, gaierror | ConnectionRefusedError | TimeoutError):
        return True
    return isinstance(reason, OSError) and reason.errno in _NO_WAY


def _said(error: object) -> str:
    """An error in one line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return re.sub(r"\s+", " ", str(text)) or type(error).__name__


def _retry_after(headers: Message) -> float | None:
    """The seconds that a server asks to be left alone, given as such or as a date."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
