"""What is printed together: a workload's arms in their order, and the stretch of effects that drawings show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from trickbag.records.result import ArmResult, Attribution, CostPoint, Noise, Results, Summary
from trickbag.report.wording import SIGNS


@dataclass(frozen=True)
class Group:
    """What belongs to one workload, in the order in which it is printed."""

    workload: str
    baseline: Summary
    judged: tuple[ArmResult, ...]
    screened: tuple[ArmResult, ...]  # estimates that helped to choose: no verdict rests on them
    noise: Noise | None
    attributions: tuple[Attribution, ...]
    costs: tuple[CostPoint, ...]
    cumulative: bool  # some arm is compared with something other than the baseline
    staged: bool  # the judged arms come from more than one phase
    foreign: dict[str, str]  # factors that mean nothing on this workload, and why

    @property
    def arms(self) -> tuple[ArmResult, ...]:
        """The judged arms, then those of the screening."""
        return (*self.judged, *self.screened)

    @property
    def everyone(self) -> tuple[Summary, ...]:
        """The baseline, then the arms."""
        return (self.baseline, *self.arms)

    @property
    def timed(self) -> tuple[ArmResult, ...]:
        """The arms whose time was measured in the timing session."""
        return tuple(arm for arm in self.arms if arm.time)


def groups(results: Results) -> tuple[Group, ...]:
    """One group per workload; largest effect first, or the study's order where arms build on each other."""
    return tuple(_group(results, baseline) for baseline in results.baselines)


def _group(results: Results, baseline: Summary) -> Group:
    """One workload's group."""
    here = baseline.workload
    arms = [arm for arm in results.arms if arm.workload == here]
    cumulative = any(arm.comparison != baseline.name for arm in arms)
    if not cumulative:
        arms.sort(key=lambda arm: -arm.accuracy.effect if arm.accuracy else float("inf"))
    judged = tuple(arm for arm in arms if not _screened(arm))
    return Group(
        workload=here,
        baseline=baseline,
        judged=judged,
        screened=tuple(arm for arm in arms if _screened(arm)),
        noise=next((entry for entry in results.noise if entry.workload == here), None),
        attributions=tuple(entry for entry in results.attributions if entry.workload == here),
        costs=tuple(point for point in results.costs if point.workload == here),
        cumulative=cumulative,
        staged=len({arm.phase for arm in judged}) > 1,
        foreign=results.not_applicable.get(here, {}),
    )


def _screened(arm: ArmResult) -> bool:
    """Whether screening alone has tried an arm, with or without an estimate."""
    return arm.selected or arm.phase == "screen"


def context(arm: ArmResult, group: Group) -> str:
    """An arm's comparison and phase, where these are not the same for all; else empty."""
    versus = f"vs {arm.comparison}" if group.cumulative else ""
    return ", ".join(filter(None, (versus, arm.phase if group.staged else "")))


def label(arm: ArmResult, group: Group) -> str:
    """An arm's name with what tells it from others."""
    return " ".join(filter(None, (arm.name, context(arm, group))))


def foremost(arms: Sequence[ArmResult], most: int) -> tuple[ArmResult, ...]:
    """At most so many arms, in their order; judged before screened, settled before undecided ones."""
    rank = list(SIGNS).index
    settled = sorted(
        range(len(arms)),
        key=lambda i: (arms[i].selected, rank(arms[i].verdict) >= rank("undecided"), i),
    )
    return tuple(arms[i] for i in sorted(settled[:most]))


class Span(Protocol):
    """Anything with two ends."""

    @property
    def low(self) -> float:
        """The lower end."""

    @property
    def high(self) -> float:
        """The upper end."""


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


def axis(spans: Iterable[Span], margin: float) -> Axis:
    """An axis with zero, the margin band and the intervals, which a single far-off one cannot squash."""
    shown = list(spans)
    reach = sorted(max(abs(a.low), abs(a.high)) for a in shown)
    limit = max(2 * margin, 2.5 * reach[len(reach) // 2]) if reach else 2 * margin
    low = max(min([-margin, *(a.low for a in shown)]), -limit)
    high = min(max([margin, *(a.high for a in shown)]), limit)
    pad = 0.06 * (high - low) or 1.0
    return Axis(low - pad, high + pad)


def whole_axis(spans: Iterable[Span], margin: float) -> Axis:
    """An axis that holds zero, the margin band and every interval."""
    shown = list(spans)
    low, high = min([-margin, *(a.low for a in shown)]), max([margin, *(a.high for a in shown)])
    return Axis(low - 0.06 * (high - low), high + 0.06 * (high - low))


def effect_axis(arms: Iterable[ArmResult], margin: float) -> Axis:
    """The axis of accuracy effects with both of their intervals, on these images and on new ones."""
    both = [span for arm in arms for span in (arm.accuracy, arm.new_images) if span]
    return axis(both, margin)
