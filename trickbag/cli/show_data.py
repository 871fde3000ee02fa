"""A data set in numbers, for a person."""

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from trickbag.data.check import Summary
    from trickbag.data.check.summary import PartSummary, Sizes

LISTED = 20  # classes on the terminal; of more, the smallest and the largest


def show_data(
    name: str, summary: "Summary", size: tuple[int, int], statistics: dict[str, Any], console: Console
) -> None:
    """The numbers, for a person; `size` is the height and width of an image that is seen whole."""
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column(escape(name))
    table.add_column("train", justify="right")
    table.add_column("test", justify="right")
    parts = summary.train, summary.test
    table.add_row("images", *(f"{part.images:,}" for part in parts))
    table.add_row("images of a class", *map(_range, parts))
    table.add_row("width", *(_span(part.sizes, 0) for part in parts))
    table.add_row("height", *(_span(part.sizes, 1) for part in parts))
    if any(part.sizes and part.sizes.share < 1 for part in parts):
        table.add_row("most common", *(_common(part.sizes) for part in parts))
    table.add_row("bytes", *(_bytes(part.bytes) for part in parts))
    if summary.train.bytes != summary.train.decoded:
        height, width = size
        table.add_row(f"decoded, {width}×{height}", *(_bytes(part.decoded) for part in parts))
    if summary.train.endings:
        table.add_row("files", *map(_endings, parts))
    console.print(table)
    if summary.imbalance is None or summary.imbalance > 1.005:
        ratio = "endless" if summary.imbalance is None else f"{summary.imbalance:.2f}"
        console.print(f" imbalance: {ratio} (largest training class : smallest)", highlight=False)
    _show_classes(summary, console)
    _show_statistics(statistics, console)
    console.print(f" digest: {summary.digest}", highlight=False, soft_wrap=True)


def _range(part: "PartSummary") -> str:
    """Images of the smallest and of the largest class."""
    low, high = min(part.counts), max(part.counts)
    return f"{low:,}" if low == high else f"{low:,} … {high:,}"


def _span(sizes: "Sizes | None", side: int) -> str:
    """Smallest, largest and median of the widths (`side` 0) or the heights (1)."""
    if sizes is None:
        return "–"
    low, high = sizes.smallest[side], sizes.largest[side]
    return f"{low:,}" if low == high else f"{low:,} … {high:,}, median {sizes.median[side]:g}"


def _common(sizes: "Sizes | None") -> str:
    """The most common size and its share."""
    return "–" if sizes is None else "{}×{} ({:.0%})".format(*sizes.common, sizes.share)


def _bytes(count: int) -> str:
    """Bytes as people say them."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} B"


def _endings(part: "PartSummary") -> str:
    """File names by their endings."""
    return "\n".join(f"{ending} {count:,}" for ending, count in part.endings.items())


def _show_classes(summary: "Summary", console: Console) -> None:
    """The classes with their counts; of many, those with the fewest and those with the most images."""
    rows = list(zip(summary.classes, summary.train.counts, summary.test.counts, strict=True))
    title = f"{len(rows):,} classes"
    if len(rows) > LISTED:
        rows = sorted(rows, key=lambda row: row[1])
        half = LISTED // 2
        title += f" (the {half} smallest and the {half} largest)"
        rows = rows[:half] + rows[-half:]
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column(title, overflow="fold")
    table.add_column("train", justify="right")
    table.add_column("test", justify="right")
    for label, train, test in rows:
        table.add_row(escape(label), f"{train:,}", f"{test:,}")
    console.print(table)


def _show_statistics(statistics: dict[str, Any], console: Console) -> None:
    """Mean and sd on both scales."""
    for what, title in (("mean", "mean"), ("sd", "standard deviation")):
        values = statistics[what]
        if values is not None:
            shown = ", ".join(f"{value:.2f}" for value in values)
            unit = ", ".join(f"{value / 255:.4f}" for value in values)
            line = f" {title} of the training images: {shown} (of 1: {unit})"
            console.print(line, highlight=False, soft_wrap=True)
    if why := statistics.get("no_statistics"):
        console.print(f" no mean and standard deviation: {escape(why)}", highlight=False, soft_wrap=True)
