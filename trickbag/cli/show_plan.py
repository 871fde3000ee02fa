"""A plan on the terminal: every arm's difference from the baseline, the runs, the test that will judge."""

import json

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trickbag.records.plan import Arm, Phase, Plan, Rule


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
        for arm in (a for a in plan.arms if a.workload == workload.name and a.role != "candidate"):
            for row in _rows(arm):
                table.add_row(*map(escape, row))
        console.print(table)
        for factor, reason in plan.not_applicable.get(workload.name, {}).items():
            console.print(f"  not applicable: {escape(factor)}: {escape(reason)}", highlight=False)
    if plan.design:
        console.print(f"design: {escape(plan.design)}")
    for name, reason in plan.dropped.items():
        console.print(f"left out: {escape(name)}: {escape(reason)}")
    for phase in plan.phases:
        console.print(escape(_phase(phase)), highlight=False)
    for line in to_come(plan):
        console.print(f"to come: {line}", highlight=False)
    judge, pairs = plan.judgement, len(plan.comparisons)
    console.print(
        f"judged by: {escape(judge.method)}; {pairs} comparison{'s' * (pairs != 1)}, {judge.level:.0%} simultaneous, "
        f"margin {judge.margin:g} points"
    )
    if "retries" in plan.machine:  # not in plans of before it was noted there
        console.print(escape(_retries(plan.machine["retries"])), highlight=False)


def _retries(times: int) -> str:
    """What is tried again, and how often."""
    often = f"up to {times} time{'s' * (times != 1)}" if times else "not at all"
    return (
        f"retries: a run whose worker dies is taken up again from its checkpoint {often} (machine.retries), one whose "
        "node is lost or taken away always; what ended as died, failed or out of memory all the same, by the next "
        "`trickbag run`; a diverged run is an outcome and stays"
    )


def show_held(lines: list[str], console: Console) -> None:
    """Print how the images of every workload are held."""
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def to_come(plan: Plan) -> list[str]:
    """The phases to come, a line each."""
    return [_rule(rule, sum(phase.name == rule.phase for phase in plan.phases)) for rule in plan.later]


def _rule(rule: Rule, looked: int) -> str:
    """How a later phase will choose its runs; so many of its looks are listed already."""
    who = "all arms" if rule.keep is None else f"the best {rule.keep} arms and what they are compared with"
    if looked:
        who = "the arms whose comparisons are still open"
    left = rule.looks[looked:]
    looks = f", looks at {', '.join(map(str, left))} seeds" if left else ""
    return f"phase {rule.phase}: {who}, seeds {', '.join(map(str, rule.seeds))}{looks}"


def _phase(phase: Phase) -> str:
    """A listed phase: how many runs, with which seeds, and by what rule they were chosen."""
    seeds = ", ".join(map(str, sorted({run.seed for run in phase.runs})))
    look = f", look {phase.look}" if phase.look else ""
    rule = f" ({phase.rule})" if phase.reasons or phase.name == "tune" or not phase.runs else ""
    return f"phase {phase.name}{look}: {len(phase.runs)} runs{', seeds ' if seeds else ''}{seeds}{rule}"


def _rows(arm: Arm) -> list[tuple[str, str, str, str]]:
    """One row per changed field of an arm."""
    rows = [(path, _plain(old), _plain(new)) for path, (old, new) in arm.diff.items()]
    if not rows:
        return [(arm.name, "" if arm.name == "baseline" else "(as its own baseline)", "", "")]
    return [(arm.name if i == 0 else "", *row) for i, row in enumerate(rows)]


def _plain(value: object) -> str:
    """A value as it would be written; a dash where there is none."""
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value)
