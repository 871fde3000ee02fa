"""What long work on data tells whoever watches."""

from collections.abc import Callable
from typing import Literal, NamedTuple


class Progress(NamedTuple):
    """How far a piece of work is."""

    what: str  # as "downloading cifar-10-python.tar.gz"
    done: int
    total: int | None  # None where nobody knows
    unit: Literal["bytes", "images"]


Tell = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Tell nobody."""
