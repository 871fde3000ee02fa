"""report.html: one self-contained page, nothing loaded, no scripts, every name escaped."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from trickbag.records.result import ArmResult, Results
from trickbag.report import facts, findings, groups, numbers, wording
from trickbag.report.charts import pictures
from trickbag.report.charts import rates as courses
from trickbag.report.charts.canvas import Canvas, canvas
from trickbag.report.charts.cost import cost
from trickbag.report.charts.curves import curve, curve_bounds
from trickbag.report.groups import Group

WIDE, PHONE = 900, 330  # pixels
FOREST = 400  # pixels
MOST_ROWS = 60  # of a chart
MOST_PANELS = 24  # of learning curves, and of forest plots


def render_html(results: Results) -> str:
    """The whole page; charts are left out, and the page says so, where no package can draw them."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    template = environment.get_template("page.html.j2")
    found, draw = groups.groups(results), canvas()
    page = template.render(
        results=results,
        groups=found,
        sections=_sections(results, found),
        pictures={group.workload: _draw(draw, group, results) if draw else None for group in found},
        forests=_forests(draw, results) if draw else None,
        w=wording,
        g=groups,
        f=facts,
        d=findings,
        n=numbers,
        r=courses,
    )
    return page.lstrip()


def _finalize(value: object) -> object:
    """What the page prints: text from outside is made visible first, finished markup stays as it is."""
    return wording.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _breakable(name: str) -> Markup:
    """An arm's name that is broken after `+` or `_` where it is too long for a line, rather than inside a word."""
    return Markup("<wbr>").join(re.findall(r"[^+_]*[+_]+|[^+_]+", wording.visible(name)))


def _sections(results: Results, found: tuple[Group, ...]) -> dict[str, str]:
    """The sections that have something to say: their templates and titles, in order."""
    arms = results.arms
    shown = {
        "verdicts": ("Verdicts", True),
        "chart": ("Effect on accuracy", any(arm.accuracy for group in found for arm in group.judged)),
        "attribution": ("Who carries the stack", bool(results.attributions)),
        "across": ("Does it carry over?", bool(results.across)),
        "time": ("Training time", True),
        "cost": ("Accuracy against cost", any(group.costs for group in found)),
        "curves": ("Learning curves", any(arm.curve for arm in arms)),
        "schedules": ("Learning rates", any(courses.schedules(group) for group in found)),
        "changes": ("What each arm changes", any(arm.diff for arm in arms)),
        "noise": ("How noisy is this?", True),
        "outcomes": ("Outcomes of the runs", True),
        "decided": ("How this was decided", True),
        "scope": ("Scope", True),
        "details": ("Details", True),
    }
    return {name: title for name, (title, holds) in shown.items() if holds}


@dataclass(frozen=True)
class Pictures:
    """A workload's charts: those in pairs are for wide pages and for phones."""

    effects: list[Markup]
    effect_arms: tuple[ArmResult, ...]
    attributions: list[list[Markup]]  # one pair per attribution
    times: list[Markup]
    time_arms: tuple[ArmResult, ...]
    cost: list[Markup]
    curves: list[Markup]  # one per arm
    curve_arms: tuple[ArmResult, ...]
    rates: list[Markup]  # one per schedule
    schedules: tuple[courses.Rates, ...]


def _draw(draw: Canvas, group: Group, results: Results) -> Pictures:
    """The workload's charts; of very many arms the foremost are drawn."""
    margin = results.margin
    shown = groups.foremost([arm for arm in group.judged if arm.accuracy], MOST_ROWS)
    timed = groups.foremost(group.timed, MOST_ROWS)
    curved = groups.foremost([arm for arm in group.arms if arm.curve], MOST_PANELS)
    scheduled = courses.schedules(group)[:MOST_PANELS]
    bounds = curve_bounds(group) if curved else (0.0, 100.0)

    def pair(chart: Callable[[int], Markup]) -> list[Markup]:
        return [chart(WIDE), chart(PHONE)]

    return Pictures(
        effects=pair(lambda width: pictures.effects(draw, shown, group, margin, width)) if shown else [],
        effect_arms=shown,
        attributions=[
            pair(partial(pictures.attribution, draw, shares, margin)) for shares in group.attributions
        ],
        times=pair(lambda width: pictures.times(draw, timed, group, results.time_margin, width))
        if timed
        else [],
        time_arms=timed,
        cost=pair(lambda width: cost(draw, group.costs, group.baseline.name, width)) if group.costs else [],
        curves=[curve(draw, arm, group, bounds) for arm in curved],
        curve_arms=curved,
        rates=[courses.rates(draw, course, scheduled[0]) for course in scheduled],
        schedules=scheduled,
    )


def _forests(draw: Canvas, results: Results) -> list[Markup]:
    """A forest plot per arm that was tried on several workloads, all on one axis."""
    shown = results.across[:MOST_PANELS]
    scale = pictures.across_axis(shown, results.margin)
    return [pictures.forest(draw, one, scale, results.margin, FOREST) for one in shown]
