"""The verdict table and the bottom line in the terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trickbag.records.result import ArmResult, Price, Results
from trickbag.report.wording import (
    SIGNS,
    Axis,
    Group,
    axis,
    context,
    groups,
    interval,
    number,
    points,
    share,
    visible,
)

FULL = 86  # columns that the words take; what is left goes to the drawing, up to WIDEST
TIGHT = 66  # columns below which the mean and the number of seeds are left out
WIDEST, SMALLEST = 31, 11


def print_verdicts(results: Results, console: Console | None = None) -> None:
    """Print the verdict table, the bottom line and what is not claimed."""
    console = console or Console()
    console.print(verdict_table(results, console.width))
    console.print(
        f"The band ░ is the margin, ±{number(results.margin)} pp; │ is zero.", style="dim", highlight=False
    )
    console.print(bottom_line(results))
    console.print(_text(f"Not claimed: {results.not_claimed}", "dim"))


def bottom_line(results: Results) -> Text:
    """The answer, as the analysis words it."""
    return Text("Bottom line: ", "bold").append_text(_text(results.bottom_line, "not bold"))


def verdict_table(results: Results, width: int = 100) -> Table:
    """One row per arm, laid out for a terminal of `width` columns."""
    table = Table(
        title=_text(results.study, "bold"),
        box=None,
        padding=(0, 1),
        header_style="bold",
        title_justify="left",
    )
    drawing = min(WIDEST, width - FULL) if width >= FULL + SMALLEST else 0
    for name, options in _columns(results, width, drawing).items():
        table.add_column(name, **options)
    for group in groups(results):
        if len(results.baselines) > 1:
            table.add_section()
            table.add_row(_text(group.workload, "bold underline"))
        table.add_row(*_baseline_row(group, width, drawing))
        scale = axis(group.arms, results.margin)
        for arm in group.arms:
            table.add_row(*_row(arm, group, results.margin, scale, width, drawing))
    return table


def _columns(results: Results, width: int, drawing: int) -> dict[str, dict[str, Any]]:
    """Column titles and how each is laid out."""
    columns: dict[str, dict[str, Any]] = {"arm": {"overflow": "fold", "min_width": 12}}
    if width >= TIGHT:
        columns["acc. %"] = {"justify": "right", "no_wrap": True}
    columns[f"effect, pp [{share(results.level)}]"] = {"justify": "right", "no_wrap": True}
    if drawing:
        columns["interval"] = {"no_wrap": True, "width": drawing}
    columns["verdict"] = {"overflow": "fold", "min_width": 21 if width >= TIGHT else 12}
    if width >= TIGHT:
        columns["seeds"] = {"justify": "right", "min_width": 5}
    return columns


def _row(arm: ArmResult, group: Group, margin: float, scale: Axis, width: int, drawing: int) -> list[Text]:
    """An arm's row."""
    name = _text(arm.name, "bold")
    if versus := context(arm, group):
        name.append_text(_text(f"\n{versus}", "dim not bold"))
    effect = Text("–", "dim")
    if arm.accuracy:
        effect = Text(points(arm.accuracy.effect), "bold")
        effect.append(" " + interval(arm.accuracy.low, arm.accuracy.high), "not bold")
    cells = [name, Text(number(arm.mean)), effect, _draw(arm, margin, scale, drawing), _verdict(arm)]
    return _fit([*cells, Text(str(arm.seeds))], width, drawing)


def _baseline_row(group: Group, width: int, drawing: int) -> list[Text]:
    """The baseline's row."""
    arm = group.baseline
    cells = [_text(arm.name, "italic"), Text(number(arm.mean)), Text(""), Text(""), Text("reference", "dim")]
    return _fit([*cells, Text(str(arm.seeds))], width, drawing)


def _fit(cells: list[Text], width: int, drawing: int) -> list[Text]:
    """The cells for which the terminal has a column."""
    name, mean, effect, picture, verdict, seeds = cells
    wide = width >= TIGHT
    return [name, *([mean] * wide), effect, *([picture] * bool(drawing)), verdict, *([seeds] * wide)]


def _verdict(arm: ArmResult) -> Text:
    """Symbol and word, the fragile flag, and the price of settling it."""
    sign = SIGNS[arm.verdict]
    text = Text.assemble((f"{sign.symbol} {arm.verdict}", sign.style))
    if arm.fragile:
        text.append(" (fragile)", "yellow")
    if arm.price:
        text.append_text(_text(f"\n{_price(arm.price)}", "dim"))
    return text


def _price(price: Price) -> str:
    """The price in a few words."""
    if price.seeds is None or price.more_runs is None:
        return price.text
    return f"{price.seeds} seeds (+{price.more_runs} runs)"


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


def _text(words: str, style: str = "") -> Text:
    """Words from outside, in which no markup is read."""
    return Text(visible(words), style)
