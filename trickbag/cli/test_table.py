"""The test images, once opened: accuracy and effect of every confirmed arm, and how often they were opened."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trickbag.records.result import ArmResult, Results
from trickbag.report.wording import interval, number, points, share, times


def print_test(results: Results, console: Console) -> None:
    """Print the test table and the count of openings."""
    table = Table(
        title="On the test images", box=None, padding=(0, 1), header_style="bold", title_justify="left"
    )
    several = len(results.baselines) > 1
    for title in (["workload"] if several else []) + ["arm", "against"]:
        table.add_column(title, overflow="fold")
    for title in ("test %", f"effect, pp [{share(results.level)}]", "on validation"):
        table.add_column(title, justify="right", no_wrap=True)
    for arm in results.arms:
        if arm.test_mean is not None:
            table.add_row(*([escape(arm.workload)] if several else []), *_cells(arm))
    console.print(table)
    count = times(results.test_openings)
    console.print(
        f"The test images were opened {count}: {escape(', '.join(results.openings))}.", highlight=False
    )


def _cells(arm: ArmResult) -> list[str]:
    """An arm's row."""
    effect = f"{points(arm.test.effect)} {interval(arm.test.low, arm.test.high)}" if arm.test else "–"
    validation = points(arm.accuracy.effect) if arm.accuracy else "–"
    return [escape(arm.name), escape(arm.comparison), number(arm.test_mean), escape(effect), validation]
