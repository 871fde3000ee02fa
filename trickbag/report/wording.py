"""How verdicts, numbers and names are written, the same in every format of the report."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trickbag.records.result import ArmResult, Noise, Results, Summary

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


@dataclass(frozen=True)
class Group:
    """What belongs to one workload, in the order in which it is printed."""

    workload: str
    baseline: Summary
    arms: tuple[ArmResult, ...]
    noise: Noise | None
    cumulative: bool  # some arm is compared with something other than the baseline
    staged: bool  # the arms come from more than one phase

    @property
    def everyone(self) -> tuple[Summary, ...]:
        """The baseline, then the arms."""
        return (self.baseline, *self.arms)


def groups(results: Results) -> tuple[Group, ...]:
    """One group per workload; largest effect first, or the study's order where arms build on each other."""
    noise = {entry.workload: entry for entry in results.noise}
    found = []
    for baseline in results.baselines:
        arms = [arm for arm in results.arms if arm.workload == baseline.workload]
        cumulative = any(arm.comparison != baseline.name for arm in arms)
        if not cumulative:
            arms.sort(key=lambda arm: -arm.accuracy.effect if arm.accuracy else float("inf"))
        staged, here = len({arm.phase for arm in arms}) > 1, baseline.workload
        found.append(Group(here, baseline, tuple(arms), noise.get(here), cumulative, staged))
    return tuple(found)


@dataclass(frozen=True)
class Axis:
    """The stretch of effects (percentage points) that a drawing shows."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Where a value stands, as a share of the axis from 0 to 1; what lies outside stands at the edge."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def holds(self, value: float) -> bool:
        """Whether a value is on the axis."""
        return self.low <= value <= self.high


def axis(arms: Iterable[ArmResult], margin: float) -> Axis:
    """An axis with zero, the margin band and the intervals, which a single far-off arm cannot squash."""
    shown = [arm.accuracy for arm in arms if arm.accuracy]
    reach = sorted(max(abs(a.low), abs(a.high)) for a in shown)
    limit = max(2 * margin, 2.5 * reach[len(reach) // 2]) if reach else 2 * margin
    low = max(min([-margin, *(a.low for a in shown)]), -limit)
    high = min(max([margin, *(a.high for a in shown)]), limit)
    pad = 0.06 * (high - low) or 1.0
    return Axis(low - pad, high + pad)


def visible(words: str) -> str:
    """Words from outside without control, direction-changing and other invisible characters.

    Besides deceiving readers, those that XML forbids make vl-convert abort the whole process.
    """
    return "".join(c if c.isprintable() or c in "\n\u200c\u200d" else "�" for c in words)


def number(value: float | None, digits: int = 2) -> str:
    """A plain number, or a dash for what is not known."""
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def points(value: float) -> str:
    """A signed number of percentage points."""
    text = f"{value:+.2f}"
    return "0.00" if text in ("-0.00", "+0.00") else text.replace("-", "−")


def interval(low: float, high: float) -> str:
    """An interval of percentage points."""
    return f"[{points(low)}, {points(high)}]"


def share(value: float | None) -> str:
    """A share in percent."""
    return "not known" if value is None else f"{value:.0%}".replace("-", "−").replace("%", " %")


def plain(value: Any) -> str:
    """A value of a recipe: text as it is, all else as JSON, 'off' for what is absent."""
    if value is None:
        return "off"
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def duration(seconds: float | None) -> str:
    """A training time in the unit that suits it."""
    if seconds is None:
        return "–"
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min")):
        if seconds < limit:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 3600:.1f} h"


def indicative(arm: Summary) -> str:
    """Training time of runs side by side, with its ratio to the comparison's: no claim."""
    ratio = arm.indicative_time_ratio if isinstance(arm, ArmResult) else None
    return duration(arm.train_seconds) + (f" (×{ratio:.2f})" if ratio else "")


def claim_on_time(arm: ArmResult) -> str:
    """The time verdict, with the ratio and its interval where time was measured."""
    if arm.time is None:
        return arm.time_verdict
    time = arm.time
    return f"{arm.time_verdict}: ×{time.ratio:.3f} [{time.low:.3f}, {time.high:.3f}]"


def context(arm: ArmResult, group: Group) -> str:
    """An arm's comparison and phase, where these are not the same for all; else empty."""
    versus = f"vs {arm.comparison}" if group.cumulative else ""
    return ", ".join(filter(None, (versus, arm.phase if group.staged else "")))


def label(arm: ArmResult, group: Group) -> str:
    """An arm's name with what tells it from others."""
    return " ".join(filter(None, (arm.name, context(arm, group))))


def mishaps(arm: Summary) -> str:
    """What happened to the runs that did not finish; empty where all did."""
    counts = {"diverged": arm.diverged, **arm.failed, "unfinished": arm.unfinished}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def leaves(tree: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """Nested mappings as dotted paths and plain values, for the details."""
    found: dict[str, str] = {}
    for key, value in tree.items():
        found |= (
            leaves(value, f"{path}{key}.") if isinstance(value, Mapping) else {f"{path}{key}": plain(value)}
        )
    return found


def scope_lines(results: Results) -> tuple[str, ...]:
    """What the numbers speak about."""
    level, opened = share(results.level), results.test_openings
    test = (
        "was not opened" if not opened else "was opened once" if opened == 1 else f"was opened {opened} times"
    )
    return (
        *(f"{name}: {text}" if len(results.baselines) > 1 else text for name, text in results.scope.items()),
        f"Effects are differences of mean accuracy in percentage points (pp) over the same seeds; their "
        f"intervals are simultaneous {level} intervals.",
        "Intervals speak about new seeds on this evaluation set. New images would add to them.",
        f"The declared margin of practical interest is ±{number(results.margin)} pp.",
        f"All numbers are on validation images; the test set {test}.",
    )


def noise_lines(noise: Noise) -> tuple[tuple[str, str, str], ...]:
    """What, how much, and what it means, for one workload's noise."""
    return (
        ("Seed SD", f"{number(noise.seed_sd)} pp", "typical distance of one run from its arm's mean"),
        (
            "Luck of the evaluation set",
            share(noise.evaluation_luck),
            f"of the seed variance comes from judging on only {noise.evaluation_images:,} images",
        ),
        (
            "Same-seed correlation",
            number(noise.seed_correlation),
            "how alike the ups and downs of two arms with one seed are",
        ),
        ("Pairing saved", share(noise.pairing_saved), "of the runs that unpaired seeds would have needed"),
    )
