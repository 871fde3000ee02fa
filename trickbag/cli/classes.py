"""Accuracy within the classes, worst first, for one run on an imbalanced data set."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trickbag.records.run import ClassAccuracy, RunRecord

MOST = 10  # lines; a thousand classes stand in the record


def print_classes(record: RunRecord, console: Console) -> None:
    """Print balanced accuracy and the worst classes; nothing where the record has none of it."""
    if record.balanced is None:
        return
    console.print(f"balanced accuracy {record.balanced:.2f} % (mean over the classes)", highlight=False)
    judged = [each for each in record.class_accuracy if each.top1 is not None]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(f"worst of {len(judged)} classes" if len(judged) > MOST else "class", overflow="fold")
    for name in ("top-1", "images"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in sorted(judged, key=_top1)[:MOST]:
        table.add_row(Text(each.name), f"{each.top1:.2f} %", f"{each.images:,}")
    console.print(table)


def _top1(each: ClassAccuracy) -> float:
    """What the classes are sorted by; percent."""
    return each.top1 or 0.0
