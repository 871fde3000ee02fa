"""The test images, once opened: accuracy and effect of every confirmed arm, and how often they were opened."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trickbag.records.result import ArmResult, Results


def print_test(results: Results, console: Console) -> None:
    """Print the test table and the count of openings."""
    table = Table(
        title="On the test images", box=None, padding=(0, 2), header_style="bold", title_justify="left"
    )
    several = len(results.baselines) > 1
    for title in (["workload"] if several else []) + ["arm", "against"]:
        table.add_column(title, overflow="fold")
    for title in ("test %", f"effect, points [{results.level:.0%}]", "on validation"):
        table.add_column(title, justify="right", no_wrap=True)
    for arm in results.arms:
        if arm.test_mean is not None:
            table.add_row(*([escape(arm.workload)] if several else []), *_cells(arm))
    console.print(table)
    times = "once" if results.test_openings == 1 else f"{results.test_openings} times"
    console.print(f"The test images were opened {times}: {', '.join(results.openings)}.", highlight=False)


def _cells(arm: ArmResult) -> list[str]:
    """An arm's row."""
    effect, validation = (
        f"{a.effect:+.2f} [{a.low:+.2f}, {a.high:+.2f}]".replace("-", "−") if a else "–"
        for a in (arm.test, arm.accuracy)
    )
    return [
        escape(arm.name),
        escape(arm.comparison),
        f"{arm.test_mean:.2f}",
        escape(effect),
        escape(validation),
    ]
