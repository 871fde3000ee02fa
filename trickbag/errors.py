"""What a person did wrong, in one clear line: what, where, and what would be right."""

import difflib
from collections.abc import Iterable

SHOWN = 80  # names in one message; every list of our own fits, the thousand models of timm do not


class InputError(ValueError):
    """The input is wrong. The command line prints the message, one printable line, and exits with code 2."""

    def __init__(self, message: str) -> None:
        """Say what is wrong; of libraries' messages line breaks become spaces, and control characters escapes."""
        super().__init__(_one_line(message))


class HaltedError(Exception):
    """A study, or a run, cannot go on for now. The command line prints the message and exits with code 1."""

    def __init__(self, message: str) -> None:
        """Say what is in the way, and what would help."""
        super().__init__(_one_line(message))


class DiskError(HaltedError, OSError):
    """A file that must be kept cannot be written.

    Whatever is running stops: nothing that follows could be kept either. What was written before stays whole.
    """


def _one_line(message: str) -> str:
    """A message as one printable line."""
    words = message.strip().translate(dict.fromkeys(b"\n\r\t", " "))
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)


def unknown(kind: str, name: str, options: Iterable[str], where: str = "") -> InputError:
    """An error for a name that is not among `options`, with the nearest one in the message."""
    known = sorted(options)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {_some(known)}"
    return InputError(f"{where + ': ' if where else ''}unknown {kind} {name!r}; {hint}")


def _some(known: list[str]) -> str:
    """The names, or how many there are where they do not fit into a message."""
    if len(known) > SHOWN:
        return f"{len(known)} names, none of them like it"
    return ", ".join(known) or "none"
