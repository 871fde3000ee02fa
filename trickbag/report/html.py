"""report.html: one self-contained page, nothing loaded, no scripts, every name escaped."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from trickbag.records.result import Results
from trickbag.report import wording
from trickbag.report.charts import Charts, charts, curve_bounds

WIDE, PHONE = 900, 330  # pixels


def render_html(results: Results) -> str:
    """The whole page; charts are left out, and the page says so, where no package can draw them."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.j2")
    groups, draw = wording.groups(results), charts()
    page = template.render(
        results=results,
        groups=groups,
        drawn={group.workload: _drawings(draw, group, results.margin) if draw else None for group in groups},
        w=wording,
    )
    return page.lstrip()


def _finalize(value: object) -> object:
    """What the page prints: text from outside is made visible first, finished markup stays as it is."""
    return wording.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _drawings(draw: Charts, group: wording.Group, margin: float) -> dict[str, list[Markup]]:
    """A workload's charts: accuracy for wide pages and for phones, and the learning curve of each arm."""
    analysed = any(arm.accuracy for arm in group.arms)
    bounds = curve_bounds(group) if any(arm.curve for arm in group.everyone) else (0.0, 100.0)
    return {
        "accuracy": [draw.accuracy(group, margin, width) for width in (WIDE, PHONE)] if analysed else [],
        "curves": [draw.curve(arm, group, bounds) if arm.curve else Markup("") for arm in group.arms],
    }
