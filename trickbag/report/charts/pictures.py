"""The pictures made of dots and intervals: effects, attribution, several workloads, training time."""

from collections.abc import Sequence

from markupsafe import Markup

from trickbag.records.result import Across, ArmResult, Attribution
from trickbag.report.charts.canvas import Canvas
from trickbag.report.charts.dots import Dot, Scale, dots
from trickbag.report.groups import Axis, Group, axis, effect_axis, label, whole_axis
from trickbag.report.wording import HOLLOW, SIGNS, TIME_SIGNS, points, ratio

SHORT = 500  # pixels of width below which names come without what the table says of them
DIAMOND, CIRCLE = "diamond", "circle"


def effects(canvas: Canvas, arms: Sequence[ArmResult], group: Group, margin: float, width: int) -> Markup:
    """Effect of every arm: a dot with its interval, thin the one for new images, over zero and the margin."""
    short = width < SHORT and len({arm.name for arm in arms}) == len(arms)
    rows = []
    for arm in arms:
        assert arm.accuracy is not None
        sign, a, new = SIGNS[arm.verdict], arm.accuracy, arm.new_images
        name = f"{sign.symbol} {arm.name if short else label(arm, group)}"
        wide = (new.low, new.high) if new else None
        hollow = arm.verdict in HOLLOW or arm.selected
        rows.append(Dot(name, a.effect, a.low, a.high, sign.tone, sign.shape, hollow, wide))
    return dots(canvas, rows, _points(effect_axis(arms, margin), margin), width)


def attribution(canvas: Canvas, shares: Attribution, margin: float, width: int) -> Markup:
    """What each factor carries, and the whole stack's gain in the last row."""
    spans = [part.accuracy for part in shares.parts]
    rows = [
        Dot(
            f"{SIGNS[part.verdict].symbol} {part.name}",
            part.accuracy.effect,
            part.accuracy.low,
            part.accuracy.high,
            SIGNS[part.verdict].tone,
            SIGNS[part.verdict].shape,
            part.verdict in HOLLOW,
        )
        for part in shares.parts
    ]
    if shares.total:
        rows.append(
            Dot("whole stack", shares.total.effect, shares.total.low, shares.total.high, "ink", DIAMOND)
        )
    scale = whole_axis([*spans, *([shares.total] if shares.total else [])], margin)
    return dots(canvas, rows, _points(scale, margin), width)


def forest(canvas: Canvas, across: Across, scale: Axis, margin: float, width: int) -> Markup:
    """An arm's effect on each workload, their mean as a diamond, thin where another workload's would lie."""
    rows = [
        Dot(name, effect.effect, effect.low, effect.high, "equal", CIRCLE)
        for name, effect in zip(across.workloads, across.effects, strict=True)
    ]
    mean, wide = across.mean, across.prediction
    bounds = (wide.low, wide.high) if wide else None
    rows.append(Dot("mean", mean.effect, mean.low, mean.high, "better", DIAMOND, wide=bounds))
    return dots(canvas, rows, _points(scale, margin), width)


def across_axis(found: Sequence[Across], margin: float) -> Axis:
    """One axis for all forest plots, so that arms can be compared."""
    spans = [span for one in found for span in (*one.effects, one.mean, one.prediction) if span]
    return axis(spans, margin)


def times(canvas: Canvas, arms: Sequence[ArmResult], group: Group, margin: float, width: int) -> Markup:
    """Measured time ratios on a log axis, over one and the band (`margin` percent) that makes no difference."""
    band = (1 / (1 + margin / 100), 1 + margin / 100)
    ends, rows = list(band), []
    for arm in arms:
        assert arm.time is not None
        sign, t = TIME_SIGNS[arm.time_verdict], arm.time
        name = f"{sign.symbol} {arm.name if width < SHORT else label(arm, group)}"
        hollow = arm.time_verdict in HOLLOW
        rows.append(Dot(name, t.ratio, t.low, t.high, sign.tone, sign.shape, hollow))
        ends += [t.low, t.high]
    pad = (max(ends) / min(ends)) ** 0.06
    title = "training time, ratio to the comparison's (below 1: faster)" if width >= SHORT else "time ratio"
    scale = Scale(min(ends) / pad, max(ends) * pad, title, 1.0, band, ratio, log=True)
    return dots(canvas, rows, scale, width)


def _points(scale: Axis, margin: float) -> Scale:
    """An axis of effects in percentage points."""
    title = "effect, percentage points"
    return Scale(scale.low, scale.high, title, 0.0, (-margin, margin), points)
