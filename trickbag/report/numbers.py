"""Every number: the tables at the end of the page, with the columns that a study's results fill."""

from collections.abc import Callable
from typing import Any

from trickbag.records.result import ArmResult, Interval, Results, Summary
from trickbag.report.groups import Group, label
from trickbag.report.wording import interval, leaves, measured, number

Table = tuple[list[str], list[list[str]]]  # titles, rows
MISSING = "–"


def _p(value: float | None) -> str:
    """A p-value to four decimals."""
    return number(value, 4)


def _interval(value: Interval | None) -> str:
    """An estimate with its interval."""
    return measured(value) if value else MISSING


COLUMNS: dict[str, Callable[[Any], str]] = {  # of an arm against its comparison
    "90 % interval, pp": lambda a: interval(a.accuracy.low_90, a.accuracy.high_90) if a.accuracy else MISSING,
    "Adjusted p": lambda a: _p(a.p_adjusted),
    "Paired seeds": lambda a: str(a.paired_seeds),
    "Error rate, change in % [simultaneous]": lambda a: _interval(a.relative_error),
    "New images, pp [simultaneous]": lambda a: _interval(a.new_images),
    "Test, 90 % interval, pp": lambda a: interval(a.test.low_90, a.test.high_90) if a.test else MISSING,
    "SD ratio": lambda a: number(a.spread.sd_ratio) if a.spread else MISSING,
    "Divergence p": lambda a: _p(a.spread.diverged_p) if a.spread else MISSING,
    "Time to target p (uncorrected)": lambda a: _p(a.to_target.p) if a.to_target else MISSING,
}


def arm_table(group: Group) -> Table:
    """The baseline and the arms; columns that nothing fills are left out."""
    columns = {title: [cell(arm) for arm in group.arms] for title, cell in COLUMNS.items()}
    filled = {title: cells for title, cells in columns.items() if set(cells) - {MISSING}}
    rows = [[group.baseline.name, *_alone(group.baseline), *[MISSING] * len(filled)]]
    for i, arm in enumerate(group.arms):
        rows.append([label(arm, group), *_alone(arm), *(cells[i] for cells in filled.values())])
    return ["Arm", "SD, pp", "Top-5, %", *filled], rows


def _alone(arm: Summary | ArmResult) -> list[str]:
    """What an arm has by itself."""
    return [number(arm.sd), number(arm.top5_mean)]


def contrast_table(group: Group) -> Table:
    """The factors' contrasts."""
    rows = [
        [
            f"{part.name} ({part.kind.replace('_', ' ')})",
            interval(part.accuracy.low_90, part.accuracy.high_90),
            _p(part.p_adjusted),
        ]
        for shares in group.attributions
        for part in shares.parts
    ]
    return ["Factor", "90 % interval, pp", "Adjusted p"], rows


def provenance(results: Results) -> dict[str, str]:
    """Plan, machines and versions, as dotted names and plain values."""
    timing = results.timing
    tree = {
        "plan": results.plan_hash,
        "planned": results.planned,
        "method": results.method or "as in the plan",
        "margin, pp": results.margin,
        "time margin, %": results.time_margin,
        "level": results.level,
        "test openings": results.test_openings,
        "machine": results.machine,
        **({"timing session": {"written": timing.written, "machine": timing.machine}} if timing else {}),
        "provenance": results.provenance,
    }
    return leaves(tree)
