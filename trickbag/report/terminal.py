"""The verdict table and the bottom line in the terminal."""

import re
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trickbag.records.result import ArmResult, Results, Summary
from trickbag.report.facts import (
    BALANCED,
    FRAGILE,
    INTERIM,
    has_balanced,
    marks,
    published,
    published_sources,
    short_price,
)
from trickbag.report.groups import Axis, Group, axis, context, groups
from trickbag.report.terminal_findings import effect_text, findings, flags, text
from trickbag.report.wording import SIGNS, TIME_SIGNS, number, ratio, share

FULL = 86  # columns that the words take; what is left goes to the drawing, up to WIDEST
TIME = 17  # columns that time verdicts take, where time was measured and there is room
VERDICT = 21  # columns of a verdict
TIGHT = 66  # columns below which the mean and the number of seeds are left out
WIDEST, SMALLEST = 31, 11


def print_verdicts(results: Results, console: Console | None = None) -> None:
    """Print the verdict table, the bottom line and what is not claimed."""
    console = console or Console()
    console.print(verdict_table(results, console.width))
    console.print(
        f"The band ░ is the margin, ±{number(results.margin)} pp; │ is zero.", style="dim", highlight=False
    )
    if sources := published_sources((*results.baselines, *results.arms)):
        console.print(text(f"Published: {sources}.", "dim"))
    if has_balanced(results):
        console.print(text(BALANCED, "dim"))
    for finding in findings(results):
        console.print(finding)
    console.print(bottom_line(results))
    console.print(text(f"Not claimed: {results.not_claimed}", "dim"))


def bottom_line(results: Results) -> Text:
    """The answer, as the analysis words it."""
    return Text("Bottom line: ", "bold").append_text(text(results.bottom_line, "not bold"))


def verdict_table(results: Results, width: int = 100) -> Table:
    """One row per arm, laid out for a terminal of `width` columns."""
    table = Table(
        title=text(results.study, "bold"),
        box=None,
        padding=(0, 1),
        header_style="bold",
        title_justify="left",
    )
    timed = TIME if width >= FULL + TIME + SMALLEST and any(group.timed for group in groups(results)) else 0
    spare = width - FULL - timed
    layout = Layout(width >= TIGHT, min(WIDEST, spare) if spare >= SMALLEST else 0, bool(timed))
    layout = replace(layout, name=_room(results, width, layout))
    for name, options in _columns(results, layout).items():
        table.add_column(name, **options)
    for group in groups(results):
        if len(results.baselines) > 1:
            table.add_section()
            table.add_row(text(group.workload, "bold underline"))
        table.add_row(*_baseline_row(group, layout))
        scale = axis([arm.accuracy for arm in group.judged if arm.accuracy], results.margin)
        for arm in group.judged:
            table.add_row(*_row(arm, group, results.margin, scale, layout))
        for name, why in group.foreign.items():
            table.add_row(*_foreign_row(name, why, layout))
    return table


@dataclass(frozen=True)
class Layout:
    """For which columns the terminal has room."""

    wide: bool  # mean and number of seeds
    drawing: int  # columns of the drawing; 0: none
    timed: bool  # a column for time verdicts; else they stand below the verdict
    name: int = 12  # columns of an arm's name


def _room(results: Results, width: int, layout: Layout) -> int:
    """The columns that are left for the names of the arms."""
    effects = max([21, *(effect_text(arm.accuracy).cell_len for arm in results.arms)])
    taken = effects + 2 + VERDICT + 2 + (16 if layout.wide else 0) + TIME * layout.timed
    return max(12, width - taken - (layout.drawing + 2 if layout.drawing else 0) - 2)


def folded(name: str, width: int) -> str:
    """A name in lines of at most `width` columns, broken after `_`, `+` or a space where it has any."""
    lines, line = list[str](), ""
    for part in re.findall(r"[^_+ ]*[_+ ]|[^_+ ]+", name):
        if line and len(line) + len(part.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += part
    return "\n".join([*lines, line])


def _columns(results: Results, layout: Layout) -> dict[str, dict[str, Any]]:
    """Column titles and how each is laid out."""
    columns: dict[str, dict[str, Any]] = {"arm": {"overflow": "fold", "max_width": layout.name}}
    if layout.wide:
        columns["acc. %\nbal. %" if has_balanced(results) else "acc. %"] = {
            "justify": "right",
            "no_wrap": True,
        }
    columns[f"effect, pp [{share(results.level)}]"] = {"justify": "right", "no_wrap": True}
    if layout.drawing:
        columns["interval"] = {"no_wrap": True, "width": layout.drawing}
    columns["verdict"] = {"overflow": "fold", "min_width": VERDICT if layout.wide else 12}
    if layout.timed:
        columns["time"] = {"overflow": "fold", "width": TIME - 2}
    if layout.wide:
        columns["seeds"] = {"justify": "right", "no_wrap": True}
    return columns


def _row(arm: ArmResult, group: Group, margin: float, scale: Axis, layout: Layout) -> list[Text]:
    """An arm's row."""
    name = text(folded(arm.name, layout.name), "bold")
    if versus := context(arm, group):
        name.append_text(text(f"\n{folded(versus, layout.name)}", "dim not bold"))
    effect = effect_text(arm.accuracy)
    if arm.test:
        effect.append("\ntest " if layout.drawing else "\non test\n", "dim not bold")
        effect.append_text(effect_text(arm.test))
    if arm.published is not None:
        effect.append(f"\n{published(arm)}", "dim not bold")
    picture = _draw(arm, margin, scale, layout.drawing)
    cells = [name, _mean(arm), effect, picture, _verdict(arm, layout), _time(arm)]
    return _fit([*cells, Text(str(arm.seeds))], layout)


def _baseline_row(group: Group, layout: Layout) -> list[Text]:
    """The baseline's row."""
    arm, empty = group.baseline, Text("")
    printed = Text(published(arm), "dim")
    cells = [
        text(arm.name, "italic"),
        _mean(arm),
        printed,
        empty,
        Text("reference", "dim"),
        empty,
    ]
    return _fit([*cells, Text(str(arm.seeds))], layout)


def _mean(arm: Summary) -> Text:
    """The mean accuracy, and below it the balanced one where the classes differ in size."""
    said = Text(number(arm.mean))
    if arm.balanced_mean is not None:
        said.append(f"\n{number(arm.balanced_mean)}", "dim")
    return said


def _foreign_row(name: str, why: str, layout: Layout) -> list[Text]:
    """The row of a factor that means nothing on this workload."""
    empty, said = Text(""), text(f"not applicable: {why}", "dim")
    return _fit([text(folded(name, layout.name), "bold"), empty, empty, empty, said, empty, empty], layout)


def _fit(cells: list[Text], layout: Layout) -> list[Text]:
    """The cells for which the terminal has a column."""
    shown = (True, layout.wide, True, layout.drawing, True, layout.timed, layout.wide)
    return [cell for cell, has_room in zip(cells, shown, strict=True) if has_room]


def _verdict(arm: ArmResult, layout: Layout) -> Text:
    """Symbol and word, the flags, and the price of settling it."""
    sign = SIGNS[arm.verdict]
    said = Text.assemble((f"{sign.symbol} {arm.verdict}", sign.style))
    said.append_text(flags(arm.interim, arm.fragile))
    lines = [words for words, _ in marks(arm) if words not in (INTERIM, FRAGILE)]
    if arm.price:
        lines.append(short_price(arm.price))
    if arm.time and not layout.timed:
        said.append_text(Text("\n").append_text(_time(arm)))
    for line in lines:
        said.append_text(text(f"\n{line}", "dim"))
    return said


def _time(arm: ArmResult) -> Text:
    """The time verdict with its ratio, where time was measured."""
    if not arm.time:
        return Text("–", "dim")
    sign = TIME_SIGNS[arm.time_verdict]
    return Text.assemble((f"{sign.symbol} {arm.time_verdict}", sign.style), f" {ratio(arm.time.ratio)}")


def _draw(arm: ArmResult, margin: float, scale: Axis, columns: int) -> Text:
    """The interval as a line with a dot over margin band and zero mark; arrows where it leaves the axis."""

    def at(value: float) -> int:
        return round(scale.place(value) * (columns - 1))

    if not columns or not arm.accuracy:
        return Text("")
    cells = [("░", "dim") if at(-margin) <= i <= at(margin) else (" ", "") for i in range(columns)]
    style, low, high = SIGNS[arm.verdict].style, arm.accuracy.low, arm.accuracy.high
    for i in range(at(low), at(high) + 1):
        cells[i] = ("━", style)
    cells[at(0.0)] = ("┿" if low <= 0 <= high else "│", "default")
    for value in (low, high):
        if not scale.holds(value):
            cells[at(value)] = ("◀" if value < scale.low else "▶", style)
    if scale.holds(arm.accuracy.effect):
        cells[at(arm.accuracy.effect)] = ("●", style)
    return Text.assemble(*cells)
