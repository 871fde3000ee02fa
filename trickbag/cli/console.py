"""The terminal: what others wrote, as names and messages, cannot command it."""

import sys
from collections.abc import Iterable
from typing import TextIO

from rich import console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from trickbag.report.wording import visible


class Console(console.Console):
    """Rich's console, on which control characters of what is shown are made visible and `:name:` is no picture."""

    def __init__(self, *, stderr: bool = False) -> None:
        """Show on stdout, or on stderr."""
        super().__init__(stderr=stderr, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of what is shown; colours are added to them later."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))

    def on_broken_pipe(self) -> None:
        """Whoever read what is shown, as `head`, has left: for the command to hear of."""
        raise BrokenPipeError


def say(words: str, file: TextIO | None = None) -> None:
    """Print lines that hold words from outside, as a file's name."""
    print(visible(words), file=file or sys.stdout)
