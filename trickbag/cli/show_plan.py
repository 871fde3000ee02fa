"""A plan on the terminal: every arm's difference from the baseline, the runs, the test that will judge."""

import json

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trickbag.records.plan import Arm, Plan


def show_plan(plan: Plan, console: Console) -> None:
    """Print a plan."""
    for workload in plan.workloads:
        console.print(
            f"[bold]{escape(workload.name)}[/]: {workload.train_images} training, "
            f"{len(workload.validation_ids)} validation, {workload.test_images} sealed test images, "
            f"{len(workload.classes)} classes"
        )
        table = Table(box=None, padding=(0, 2), header_style="dim")
        for title in ("arm", "field", "baseline", "this arm"):
            table.add_column(title)
        for arm in (arm for arm in plan.arms if arm.workload == workload.name):
            for row in _rows(arm):
                table.add_row(*map(escape, row))
        console.print(table)
    if plan.design:
        console.print(f"design: {escape(plan.design)}")
    for name, reason in plan.dropped.items():
        console.print(f"left out: {escape(name)}: {escape(reason)}")
    for phase in plan.phases:
        seeds = sorted({run.seed for run in phase.runs})
        console.print(f"phase {phase.name}: {len(phase.runs)} runs, seeds {', '.join(map(str, seeds))}")
    judge = plan.judgement
    console.print(
        f"judged by: {judge.method}; {len(plan.comparisons)} comparisons, {judge.level:.0%} simultaneous, "
        f"margin {judge.margin:g} points"
    )


def _rows(arm: Arm) -> list[tuple[str, str, str, str]]:
    """One row per changed field of an arm."""
    rows = [(path, _plain(old), _plain(new)) for path, (old, new) in arm.diff.items()]
    if not rows:
        return [(arm.name, "" if arm.name == "baseline" else "(as its own baseline)", "", "")]
    return [(arm.name if i == 0 else "", *row) for i, row in enumerate(rows)]


def _plain(value: object) -> str:
    """A value as it would be written; a dash where there is none."""
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value)
