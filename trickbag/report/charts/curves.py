"""Learning curves: an arm's panel over that of its comparison."""

from functools import lru_cache
from itertools import dropwhile
from typing import Any

from markupsafe import Markup

from trickbag.records.result import ArmResult, CurvePoint
from trickbag.report.charts.canvas import Canvas
from trickbag.report.groups import Group

WIDTH, HEIGHT = 210, 120  # pixels


def curve(canvas: Canvas, arm: ArmResult, group: Group, bounds: tuple[float, float]) -> Markup:
    """Mean validation accuracy by epoch, with the range over seeds, over that of the comparison.

    The arm's colour is the CSS variable --tone, so that one specification serves all arms.
    """
    other = next((s for s in group.everyone if s.name == arm.comparison), group.baseline)
    low = min(bounds[0], settled_low(arm.curve))
    rows = {}
    for name, points in (("other", other.curve), ("arm", arm.curve)):
        rows[name] = [point.model_dump() for point in dropwhile(lambda point: point.mean < low, points)]
    short = any(len(found) < 3 for found in rows.values())
    spec = _spec(canvas, (low, bounds[1]), (arm.curve[0].epoch, arm.curve[-1].epoch), short)
    return canvas.svg(spec, rows)


@lru_cache(maxsize=8)
def _spec(
    canvas: Canvas, bounds: tuple[float, float], epochs: tuple[int, int], short: bool
) -> dict[str, Any]:
    """The panel; with points where a curve is too short to be seen as a line."""
    alt = canvas.alt
    scale = alt.Scale(domain=list(bounds), nice=False, clamp=True)
    steps = alt.Scale(domain=list(epochs), nice=False)
    x = alt.X("epoch:Q", title=None, scale=steps, axis=alt.Axis(tickCount=4, format="d", tickMinStep=1))
    y, low = alt.Y("mean:Q", title=None, scale=scale), alt.Y("low:Q", scale=scale)
    layers = []
    for name, color, dash in (("other", "var(--muted)", [4, 3]), ("arm", "var(--tone)", [1, 0])):
        base = canvas.rows(name).encode(x=x, y=y)
        layers.append(base.mark_area(color=color, opacity=0.2).encode(y=low, y2="high:Q"))
        layers.append(base.mark_line(color=color, strokeDash=dash, strokeWidth=1.8))
        if short:
            layers.append(base.mark_point(color=color, filled=True, opacity=1))
    return canvas.spec(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT))


def curve_bounds(group: Group) -> tuple[float, float]:
    """An accuracy axis for all arms of a workload, chosen so that arms far below do not squash the rest."""
    curves = [arm.curve for arm in group.everyone if arm.curve]
    high = max(point.high for curve in curves for point in curve)
    lows = sorted(settled_low(curve) for curve in curves)
    low = max(lows[0], high - 2 * (high - lows[len(lows) // 2]))
    pad = 0.06 * (high - low) or 1.0
    return low - pad, high + pad


def settled_low(points: tuple[CurvePoint, ...]) -> float:
    """The lowest accuracy after the first third of the curve; what comes before is cut off at the axis."""
    return min(point.low for point in points[len(points) // 3 :])
