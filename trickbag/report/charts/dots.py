"""Dots with intervals, one row each, over a reference line and the band that makes no practical difference."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from trickbag.report.charts.canvas import Canvas
from trickbag.report.wording import visible

ROW = 26  # pixels
LABELS = 0.42  # largest share of a chart's width that names may take
RATIOS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50)  # ticks
LETTER = 7.5  # pixels, about


@dataclass(frozen=True)
class Dot:
    """A row: an estimate with its interval, drawn thick, and perhaps a wider interval, drawn thin."""

    label: str
    value: float
    low: float
    high: float
    tone: str  # name of its colour in report.css
    shape: str = "circle"
    hollow: bool = False
    wide: tuple[float, float] | None = None


@dataclass(frozen=True)
class Scale:
    """What the horizontal axis shows."""

    low: float
    high: float
    title: str
    reference: float  # where nothing changes
    band: tuple[float, float] | None
    written: Callable[[float], str]  # a value in words, where it lies off the axis
    log: bool = False

    def clamp(self, value: float) -> float:
        """The value, or the edge of the axis where it lies outside."""
        return min(max(value, self.low), self.high)


def dots(canvas: Canvas, rows: Sequence[Dot], scale: Scale, width: int) -> Markup:
    """The chart, `width` pixels wide; what lies outside the axis stands at its edge, with its value in words."""
    data = [_row(i, row, scale) for i, row in enumerate(rows)]
    room = int(min(width * LABELS, LETTER * max((len(row["label"]) for row in data), default=0) + 12))
    bands = [{"low": scale.clamp(scale.band[0]), "high": scale.clamp(scale.band[1])}] if scale.band else []
    zero = [{"value": scale.clamp(scale.reference)}]
    return canvas.svg(
        _spec(canvas, scale, width, room, len(rows)), {"rows": data, "band": bands, "zero": zero}
    )


@lru_cache(maxsize=8)
def _spec(canvas: Canvas, scale: Scale, width: int, room: int, rows: int) -> dict[str, Any]:
    """The chart of so many rows, of which the names take `room` pixels of the width."""
    alt = canvas.alt
    domain = alt.Scale(domain=[scale.low, scale.high], nice=False, type="log" if scale.log else "linear")
    ratios = [tick for tick in RATIOS if scale.low <= tick <= scale.high]
    ticks = alt.Axis(
        **{"values": ratios, "format": "~r"} if scale.log else {"tickCount": width // 90},
        labelOverlap="greedy",
        labelSeparation=4,
    )
    x = alt.X("value:Q", title=scale.title, scale=domain, axis=ticks)
    names = {"labelLimit": room, "labelPadding": 12, "ticks": False, "domain": False, "grid": False}
    by_row = alt.Axis(labelExpr="data('rows')[datum.value].label", **names)
    base = canvas.rows("rows").encode(
        y=alt.Y("row:O", title=None, axis=by_row), stroke=alt.Stroke("ink:N", scale=None)
    )
    marks = {"shape": alt.Shape("shape:N", scale=None), "fill": alt.Fill("fill:N", scale=None)}
    low = alt.X("low:Q")
    drawing = alt.layer(
        canvas.rows("band").mark_rect(color="var(--band)").encode(x=low, x2="high:Q"),
        canvas.rows("zero").mark_rule(color="var(--ink)").encode(x=x),
        base.mark_rule(strokeWidth=1).encode(x=alt.X("wide_low:Q"), x2="wide_high:Q"),
        base.mark_rule(strokeWidth=2.5).encode(x=low, x2="high:Q"),
        base.mark_point(size=80, strokeWidth=2, opacity=1).encode(x=x, **marks),
        *_far(alt, base, x),
    )
    return canvas.spec(drawing.properties(width=width - room, height=ROW * rows))


def _far(alt: Any, base: Any, x: Any) -> list[Any]:
    """At the edges: arrows where an interval goes on, and in words the estimates that lie outside."""
    fill = alt.Fill("ink:N", scale=None)
    words = [
        base.transform_filter(alt.datum.side == side)
        .mark_text(fontSize=12, strokeWidth=0, align=side, dx=dx, dy=-8)  # above its interval
        .encode(x=x, text="far:N", fill=fill)
        for side, dx in (("left", 12), ("right", -12))
    ]
    arrows = [
        base.transform_filter(alt.datum[cut])
        .mark_text(fontSize=12, strokeWidth=0, text=arrow)
        .encode(x=alt.X(end), fill=fill)
        for cut, arrow, end in (("cut_low", "◀", "wide_low:Q"), ("cut_high", "▶", "wide_high:Q"))
    ]
    return words + arrows


def _row(i: int, row: Dot, scale: Scale) -> dict[str, Any]:
    """A row's data."""
    ink, wide = f"var(--{row.tone})", row.wide or (row.low, row.high)
    return {
        "row": i,
        "label": visible(row.label).replace("\n", " "),
        "value": scale.clamp(row.value),
        "low": scale.clamp(row.low),
        "high": scale.clamp(row.high),
        "wide_low": scale.clamp(wide[0]),
        "wide_high": scale.clamp(wide[1]),
        "cut_low": min(row.low, wide[0]) < scale.low <= row.value,
        "cut_high": max(row.high, wide[1]) > scale.high >= row.value,
        "ink": ink,
        "fill": "var(--paper)" if row.hollow else ink,
        "shape": row.shape,
        "side": "left" if row.value < scale.low else "right",
        "far": "" if scale.low <= row.value <= scale.high else scale.written(row.value),
    }
