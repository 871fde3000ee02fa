"""A real HTTP server in a thread, whose answers the tests script: well-behaved, or broken in a chosen way."""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Asked(NamedTuple):
    """A request that has come."""

    path: str
    headers: Message


class Exchange:
    """One request and the answer to it."""

    def __init__(self, handler: BaseHTTPRequestHandler, server: "Server") -> None:
        self.handler, self.server, self.headers = handler, server, handler.headers

    def head(self, status: int, **headers: object) -> None:
        """Status and headers; an underscore in a name stands for a hyphen."""
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()

    def body(self, data: bytes) -> None:
        """Bytes of the body."""
        self.server.served += len(data)  # before, since a client may look as soon as it has them
        self.handler.wfile.write(data)

    @property
    def start(self) -> int:
        """The first byte that is asked for."""
        found = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        return int(found[1]) if found else 0


Answer = Callable[[Exchange], None]


class Server:
    """Answers by path: each path has a list of answers, of which the last one is repeated."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        self.served = 0  # bytes of bodies

    def put(self, path: str, *answers: Answer) -> str:
        """Script a path; its address."""
        self.answers[path] = list(answers)
        return f"{self.url}{path}"

    def ranges(self) -> list[str | None]:
        """What piece each request asked for."""
        return [asked.headers.get("Range") for asked in self.asked]


def answer(server: Server, handler: BaseHTTPRequestHandler) -> None:
    """Answer one request as scripted."""
    path = handler.path.partition("?")[0]
    server.asked.append(Asked(path, handler.headers))
    script = server.answers.get(path)
    if script is None:
        handler.send_error(404)
        return
    try:
        (script.pop(0) if len(script) > 1 else script[0])(Exchange(handler, server))
    except (BrokenPipeError, ConnectionResetError):  # the client has gone
        handler.close_connection = True


@contextmanager
def running() -> Iterator[Server]:
    """A server on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(server, self)

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{http.server_address[1]}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def file(data: bytes, *, stop: int | None = None, tag: str | None = "", ranges: bool = True) -> Answer:
    """A file as a good server gives it: ranges, If-Range, an ETag (its MD5 unless given; None: none at all).

    With `stop`, the connection breaks off before byte number `stop` of the file.
    """
    mark = f'"{hashlib.md5(data).hexdigest()}"' if tag == "" else tag

    def give(exchange: Exchange) -> None:
        marked = {"ETag": mark} if mark else {}
        start, same = exchange.start, exchange.headers.get("If-Range", mark) == mark
        if start and start >= len(data):
            exchange.head(416)
            return
        if start and ranges and same:
            exchange.head(
                206,
                Content_Length=len(data) - start,
                Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}",
                **marked,
            )
        else:
            start = 0
            exchange.head(200, Content_Length=len(data), **marked)
        exchange.body(data[start:stop])

    return give


def status(code: int, **headers: object) -> Answer:
    """An answer without a file."""
    return lambda exchange: exchange.head(code, Content_Length=0, **headers)
