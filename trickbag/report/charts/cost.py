"""Accuracy against training cost: a point per arm with a cross of intervals, the Pareto front marked."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from trickbag.records.result import CostPoint
from trickbag.report.charts.canvas import Canvas
from trickbag.report.wording import time_unit, visible

HEIGHT = 300  # pixels
LOG_FROM = 3.0  # the time axis is logarithmic where the longest time is more than so many times the shortest


def cost(canvas: Canvas, points: Sequence[CostPoint], baseline: str, width: int) -> Markup:
    """The picture; the front's points are filled and joined, they and the baseline are named."""
    alt = canvas.alt
    lows, highs = [p.seconds.low for p in points], [p.seconds.high for p in points]
    size, unit = time_unit(max(highs))
    low, high = min(lows) / size, max(highs) / size
    log = high > LOG_FROM * low > 0
    pad = 0.06 * (high - low) or 0.06 * high or 1.0
    reach = [low / 1.06, high * 1.06] if log else [low - pad, high + pad]
    times = alt.Scale(domain=reach, nice=False, type="log" if log else "linear")
    title = f"training time of a whole run, {unit}" + (" (log axis)" if log else "")
    x = alt.X("seconds:Q", title=title, scale=times, axis=alt.Axis(tickCount=width // 90, format="~r"))
    shown = alt.Scale(zero=False, padding=14)
    y = alt.Y("accuracy:Q", title="accuracy, %", scale=shown, axis=alt.Axis(tickCount=6, titlePadding=16))
    base = canvas.rows("points").encode(stroke=alt.Stroke("ink:N", scale=None))
    front = canvas.rows("front").encode(x=x, y=y)
    across = base.mark_rule(strokeWidth=1.5).encode(x=alt.X("seconds_low:Q"), x2="seconds_high:Q", y=y)
    upright = base.mark_rule(strokeWidth=1.5).encode(x=x, y=alt.Y("accuracy_low:Q"), y2="accuracy_high:Q")
    marks = base.mark_point(size=70, strokeWidth=2, opacity=1).encode(
        x=x, y=y, shape=alt.Shape("shape:N", scale=None), fill=alt.Fill("fill:N", scale=None)
    )
    line = front.mark_line(color="var(--better)", strokeWidth=1.2, strokeDash=[4, 3], opacity=0.8)
    drawing = alt.layer(line, across, upright, marks, *_names(canvas, x, y))
    rows = [_row(point, size, point.name == baseline) for point in points]
    middle = reach[0] + 0.6 * (reach[1] - reach[0])
    named = [row for row in rows if row["front"]]
    datasets = {
        "points": rows,
        "front": [row for row in rows if row["front"]],
        "left": [row for row in named if row["seconds"] <= middle],
        "right": [row for row in named if row["seconds"] > middle],
        "reference": [row for row in rows if row["reference"] and not row["front"]],
    }
    return canvas.svg(canvas.spec(drawing.properties(width=width - 70, height=HEIGHT)), datasets)


def _names(canvas: Canvas, x: Any, y: Any) -> list[Any]:
    """Names beside their points where there is room: below right or above left, off the rising front."""
    sides = (("left", "left", 7, 12), ("right", "right", -7, -10), ("reference", "left", 7, 22))
    halo = {"fill": "var(--paper)", "stroke": "var(--paper)", "strokeWidth": 4}
    return [
        canvas.rows(side)
        .mark_text(fontSize=12, align=align, dx=dx, dy=dy, limit=220, **paint)
        .encode(x=x, y=y, text="name:N")
        for paint in (halo, {"fill": "var(--ink)"})
        for side, align, dx, dy in sides
    ]


def _row(point: CostPoint, size: int, baseline: bool) -> dict[str, Any]:
    """A point's data, times in the axis's unit."""
    ink = "var(--ink)" if baseline else "var(--better)" if point.on_front else "var(--none)"
    return {
        "name": visible(point.name).replace("\n", " "),
        "seconds": point.seconds.effect / size,
        "seconds_low": point.seconds.low / size,
        "seconds_high": point.seconds.high / size,
        "accuracy": point.accuracy.effect,
        "accuracy_low": point.accuracy.low,
        "accuracy_high": point.accuracy.high,
        "front": point.on_front,
        "reference": baseline,
        "ink": ink,
        "fill": ink if point.on_front else "var(--paper)",
        "shape": "circle" if point.measured else "square",
    }
