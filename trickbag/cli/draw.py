"""A drawing in plain Unicode for the terminal: the area below a curve of values from 0 to 1."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

WIDTH, HEIGHT = 60, 12  # characters
BLOCKS = " ▁▂▃▄▅▆▇█"


def area(values: Sequence[float], width: int = WIDTH, height: int = HEIGHT) -> list[str]:
    """Rows of block characters, the top one first, filled below the values, of which there are at least `width`.

    A column is the mean of its share of the values; whatever is above zero leaves a mark.
    """
    ends = [len(values) * i // width for i in range(width + 1)]
    eighths = [math.ceil(8 * height * fmean(values[a:b]) - 1e-9) for a, b in pairwise(ends)]
    return [
        "".join(BLOCKS[min(max(level - 8 * row, 0), 8)] for level in eighths).rstrip()
        for row in reversed(range(height))
    ]


def with_axes(rows: Sequence[str], labels: Sequence[str], width: int = WIDTH) -> str:
    """The drawing between its axes: 0 to 1 upwards, `labels` spread evenly from end to end below."""
    marks = {0: "1.0 ┤", len(rows) // 2: "0.5 ┤"}
    body = [marks.get(i, "    │") + row for i, row in enumerate(rows)]
    below = "".join(label.ljust(width // (len(labels) - 1)) for label in labels).rstrip()
    return "\n".join([*body, "0.0 └" + "─" * width, "     " + below])
