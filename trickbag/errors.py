"""What a person did wrong, in one clear line: what, where, and what would be right."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """The input is wrong. The command line prints the message and exits with code 2."""


def unknown(kind: str, name: str, options: Iterable[str], where: str = "") -> InputError:
    """An error for a name that is not among `options`, with the nearest one in the message."""
    known = sorted(options)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
    return InputError(f"{where + ': ' if where else ''}unknown {kind} {name!r}; {hint}")
