"""Learning rates by epoch: a panel per schedule of a workload, over the baseline's."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from trickbag.report.charts.canvas import Canvas
from trickbag.report.groups import Group

WIDTH, HEIGHT = 210, 90  # pixels


@dataclass(frozen=True)
class Rates:
    """Arms that trained with the same learning rates, one for the end of every epoch."""

    names: tuple[str, ...]
    rates: tuple[float, ...]


def schedules(group: Group) -> tuple[Rates, ...]:
    """The different courses that the learning rate took, the baseline's first.

    Empty where no arm changes the schedule, or where the trainings are too short to see one.
    """
    changed = any(path.startswith("schedule.") for arm in group.arms for path in arm.diff)
    known = {summary.name: summary.rates for summary in group.everyone if len(summary.rates) > 1}
    if not changed or group.baseline.name not in known:
        return ()
    names = dict[tuple[float, ...], list[str]]()
    for name, course in known.items():
        names.setdefault(course, []).append(name)
    return tuple(Rates(tuple(found), course) for course, found in names.items())


def rates(canvas: Canvas, shown: Rates, baseline: Rates) -> Markup:
    """One course of the learning rate, solid, over that of the baseline, dashed; the rate starts at zero."""
    rows = {
        name: [{"epoch": i + 1, "rate": rate} for i, rate in enumerate(course.rates)]
        for name, course in (("other", baseline), ("arm", shown))
    }
    highest = max(*shown.rates, *baseline.rates) or 1.0
    return canvas.svg(_spec(canvas, highest, max(len(shown.rates), len(baseline.rates))), rows)


@lru_cache(maxsize=8)
def _spec(canvas: Canvas, highest: float, epochs: int) -> dict[str, Any]:
    """The panel."""
    alt = canvas.alt
    scale = alt.Scale(domain=[0, 1.05 * highest], nice=False)
    reach = alt.Scale(domain=[1, epochs], nice=False)
    x = alt.X("epoch:Q", title=None, scale=reach, axis=alt.Axis(tickCount=4, format="d", tickMinStep=1))
    y = alt.Y("rate:Q", title=None, scale=scale, axis=alt.Axis(tickCount=3, format="~g"))
    layers = [
        canvas.rows(name).mark_line(color=color, strokeDash=dash, strokeWidth=1.8).encode(x=x, y=y)
        for name, color, dash in (("other", "var(--muted)", [4, 3]), ("arm", "var(--ink)", [1, 0]))
    ]
    return canvas.spec(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT))
