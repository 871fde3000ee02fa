"""How verdicts, numbers and names are written, the same in every format of the report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trickbag.records.numerals import numbered as numbered
from trickbag.records.numerals import points as points
from trickbag.records.numerals import times as times
from trickbag.records.result import Accuracy, Interval

CHARTS_MISSING = "Charts need the packages altair and vl-convert-python; the tables say the same."
TIME_CAVEAT = "indicative, not measured: runs were side by side"


@dataclass(frozen=True)
class Sign:
    """How a verdict looks: never by colour alone."""

    symbol: str
    tone: str  # class in report.css, and the name of its colour there
    shape: str  # of the mark in charts
    style: str  # in the terminal


SIGNS: dict[str, Sign] = {
    "better": Sign("▲", "better", "triangle-up", "bold blue"),
    "better but small": Sign("△", "small", "triangle-up", "cyan"),
    "equivalent": Sign("=", "equal", "square", "default"),
    "worse": Sign("▼", "worse", "triangle-down", "bold red"),
    "undecided": Sign("?", "undecided", "circle", "magenta"),
    "not analysed": Sign("–", "none", "cross", "dim"),
}
TIME_SIGNS: dict[str, Sign] = {
    "faster": Sign("↓", "better", "triangle-left", "bold blue"),
    "slower": Sign("↑", "worse", "triangle-right", "bold red"),
    "no difference": Sign("=", "equal", "square", "default"),
    "undecided": Sign("?", "undecided", "circle", "magenta"),
    "not measured": Sign("–", "none", "cross", "dim"),
}
CHANCE = 0.05  # p-values below it are worded as more than chance explains
HOLLOW = ("better but small", "undecided")  # verdicts whose marks are not filled in charts


def visible(words: str) -> str:
    """Words from outside without control, direction-changing and other invisible characters.

    Besides deceiving readers, those that XML forbids make vl-convert abort the whole process.
    """
    return "".join(c if c.isprintable() or c in "\n\u200c\u200d" else "�" for c in words)


def number(value: float | None, digits: int = 2) -> str:
    """A plain number, or a dash for what is not known."""
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def interval(low: float, high: float, digits: int = 2) -> str:
    """An interval of percentage points or percent."""
    return f"[{points(low, digits)}, {points(high, digits)}]"


def measured(value: Accuracy | Interval, digits: int = 2) -> str:
    """An estimate with its interval."""
    return f"{points(value.effect, digits)} {interval(value.low, value.high, digits)}"


def ratio(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A ratio of times, with its interval where there is one."""
    if value is None:
        return "–"
    return f"×{value:.3f}" + (f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else "")


def share(value: float | None) -> str:
    """A share in percent."""
    return "not known" if value is None else f"{value:.0%}".replace("-", "−").replace("%", " %")


def p_value(p: float) -> str:
    """A p-value, as it stands in parentheses."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def beyond_chance(p: float) -> str:
    """Whether a difference is more than chance explains, with the p-value in parentheses."""
    return (
        f"{'more than chance explains' if p < CHANCE else 'no more than chance may explain'} ({p_value(p)})"
    )


def plain(value: Any) -> str:
    """A value of a recipe: text as it is, all else as JSON, 'off' for what is absent."""
    if value is None:
        return "off"
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def duration(seconds: float | None) -> str:
    """A training time in the unit that suits it."""
    if seconds is None:
        return "–"
    size, unit = time_unit(seconds)
    return f"{seconds / size:.1f} {unit}"


def time_unit(longest: float) -> tuple[int, str]:
    """Seconds per unit, and the unit, in which times of up to `longest` seconds are read best."""
    return (1, "s") if longest < 120 else (60, "min") if longest < 7200 else (3600, "h")


def listed(values: tuple[int, ...]) -> str:
    """Whole numbers, runs of them shortened: 1-3, 7."""
    found: list[list[int]] = []
    for value in sorted(values):
        if found and value == found[-1][-1] + 1:
            found[-1].append(value)
        else:
            found.append([value])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in found)


def leaves(tree: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """Nested mappings as dotted paths and plain values, for the details."""
    found: dict[str, str] = {}
    for key, value in tree.items():
        found |= (
            leaves(value, f"{path}{key}.") if isinstance(value, Mapping) else {f"{path}{key}": plain(value)}
        )
    return found
