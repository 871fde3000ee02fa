"""Charts as inline SVG: altair specifications drawn by vl-convert, offline.

Colours are the CSS variables of report.css, so that one drawing serves light and dark pages.
"""

from dataclasses import dataclass
from itertools import dropwhile
from types import ModuleType
from typing import Any

from markupsafe import Markup

from trickbag.records.result import ArmResult, CurvePoint
from trickbag.report.wording import SIGNS, Axis, Group, axis, label, points, visible

ROW = 26  # pixels per arm
LABELS = 0.42  # largest share of a chart's width that names may take
SHORT = 500  # pixels of width below which names come without what the table says of them
LETTER = 7.5  # pixels, about


@dataclass(frozen=True)
class Charts:
    """The two packages that draw."""

    alt: ModuleType
    vl_convert: ModuleType

    def accuracy(self, group: Group, margin: float, width: int) -> Markup:
        """Effect of every analysed arm: a dot with its interval, over the zero line and the margin band."""
        alt, scale = self.alt, axis(group.arms, margin)
        short = width < SHORT and len({arm.name for arm in group.arms}) == len(group.arms)
        arms = [
            _effect(arm, arm.name if short else label(arm, group), scale)
            for arm in group.arms
            if arm.accuracy
        ]
        x = alt.X(
            "effect:Q",
            title="effect, percentage points",
            scale=alt.Scale(domain=[scale.low, scale.high], nice=False),
            axis=alt.Axis(tickCount=width // 90),
        )
        room = int(min(width * LABELS, LETTER * max(len(row["label"]) for row in arms) + 12))
        names = alt.Axis(labelLimit=room, labelPadding=12, ticks=False, domain=False)
        y = alt.Y("label:N", sort=None, title=None, axis=names)
        fill, stroke = alt.Fill("fill:N", scale=None), alt.Stroke("ink:N", scale=None)
        base = alt.Chart(alt.Data(values=arms)).encode(y=y, stroke=stroke)
        band = alt.Chart(alt.Data(values=[{"low": -margin, "high": margin}])).mark_rect(color="var(--band)")
        zero = alt.Chart(alt.Data(values=[{"effect": 0}])).mark_rule(color="var(--ink)")
        shape = alt.Shape("shape:N", scale=None)
        ink = alt.Fill("ink:N", scale=None)
        far = [
            base.transform_filter(alt.datum.side == side).mark_text(
                fontSize=12, strokeWidth=0, align=side, dx=dx
            )
            for side, dx in (("left", 12), ("right", -12))
        ]
        drawing = alt.layer(
            band.encode(x=alt.X("low:Q"), x2="high:Q"),
            zero.encode(x=x),
            base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q"), x2="high:Q"),
            base.mark_point(size=80, strokeWidth=2, opacity=1).encode(x=x, shape=shape, fill=fill),
            *(text.encode(x=x, text="far:N", fill=ink) for text in far),
        )
        return self._svg(drawing.properties(width=width - room, height=ROW * len(arms)))

    def curve(self, arm: ArmResult, group: Group, bounds: tuple[float, float]) -> Markup:
        """Mean validation accuracy by epoch, with the range over seeds, over that of the comparison."""
        alt = self.alt
        other = next((s for s in group.everyone if s.name == arm.comparison), group.baseline)
        ink, layers = f"var(--{SIGNS[arm.verdict].tone})", []
        bounds = (min(bounds[0], _settled_low(arm.curve)), bounds[1])
        scale = alt.Scale(domain=list(bounds), nice=False, clamp=True)
        epochs = alt.Scale(domain=[arm.curve[0].epoch, arm.curve[-1].epoch], nice=False)
        x = alt.X("epoch:Q", title=None, scale=epochs, axis=alt.Axis(tickCount=4, format="d", tickMinStep=1))
        for summary, color, dash in ((other, "var(--muted)", [4, 3]), (arm, ink, [1, 0])):
            above = dropwhile(lambda point: point.mean < bounds[0], summary.curve)
            rows = [point.model_dump() for point in above]
            base = alt.Chart(alt.Data(values=rows)).encode(x=x, y=alt.Y("mean:Q", title=None, scale=scale))
            layers += [
                base.mark_area(color=color, opacity=0.2).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"),
                base.mark_line(color=color, strokeDash=dash, strokeWidth=1.8),
            ]
            if len(rows) < 3:
                layers.append(base.mark_point(color=color, filled=True, opacity=1))
        return self._svg(alt.layer(*layers).properties(width=210, height=120))

    def _svg(self, chart: Any) -> Markup:
        """The drawing; names in it are escaped by the renderer, nothing may be loaded."""
        axes = {"labelColor": "var(--ink)", "titleColor": "var(--muted)", "gridColor": "var(--rule)"}
        axes |= {"domainColor": "var(--rule)", "tickColor": "var(--rule)", "titleFontWeight": "normal"}
        chart = chart.configure(
            background="transparent",
            aria=False,
            font="system-ui, sans-serif",
            padding={"left": 16, "right": 8, "top": 6, "bottom": 4},
        )
        chart = chart.configure_axis(**axes, labelFontSize=12, titleFontSize=12)
        chart = chart.configure_view(stroke=None)
        return Markup(self.vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[]))


def charts() -> Charts | None:
    """The charts, or None where a package that draws them cannot be imported."""
    try:
        import altair
        import vl_convert
    except ImportError:
        return None
    return Charts(altair, vl_convert)


def curve_bounds(group: Group) -> tuple[float, float]:
    """An accuracy axis for all arms of a workload, chosen so that arms far below do not squash the rest."""
    curves = [arm.curve for arm in group.everyone if arm.curve]
    high = max(point.high for curve in curves for point in curve)
    lows = sorted(_settled_low(curve) for curve in curves)
    low = max(lows[0], high - 2 * (high - lows[len(lows) // 2]))
    pad = 0.06 * (high - low) or 1.0
    return low - pad, high + pad


def _settled_low(curve: tuple[CurvePoint, ...]) -> float:
    """The lowest accuracy after the first third of the curve; what comes before is cut off at the axis."""
    return min(point.low for point in curve[len(curve) // 3 :])


def _effect(arm: ArmResult, name: str, scale: Axis) -> dict[str, Any]:
    """A row of the accuracy chart; what lies outside the axis stands at its edge, with its value in words."""
    sign, accuracy = SIGNS[arm.verdict], arm.accuracy
    assert accuracy is not None
    ink = f"var(--{sign.tone})"
    return {
        "label": f"{sign.symbol} {visible(name)}",
        "effect": min(max(accuracy.effect, scale.low), scale.high),
        "low": min(max(accuracy.low, scale.low), scale.high),
        "high": min(max(accuracy.high, scale.low), scale.high),
        "ink": ink,
        "fill": "var(--paper)" if arm.verdict in ("better but small", "undecided") else ink,
        "shape": sign.shape,
        "side": "left" if accuracy.effect < scale.low else "right",
        "far": "" if scale.holds(accuracy.effect) else points(accuracy.effect),
    }
