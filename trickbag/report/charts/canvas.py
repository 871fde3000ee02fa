"""What every chart shares: the two packages that draw, and the look.

Colours are the CSS variables of report.css, so that one drawing serves light and dark pages.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from markupsafe import Markup


@dataclass(frozen=True)
class Canvas:
    """The two packages that draw."""

    alt: ModuleType
    vl_convert: ModuleType

    def rows(self, name: str) -> Any:
        """A chart of the named rows, which `svg` is given."""
        return self.alt.Chart(self.alt.Data(name=name))

    def spec(self, chart: Any) -> dict[str, Any]:
        """The specification of a chart of named rows; slow to make (0.1 s), so one serves many drawings."""
        axes = {"labelColor": "var(--ink)", "titleColor": "var(--muted)", "gridColor": "var(--rule)"}
        axes |= {"domainColor": "var(--rule)", "tickColor": "var(--rule)", "titleFontWeight": "normal"}
        chart = chart.configure(
            background="transparent",
            aria=False,
            font="system-ui, sans-serif",
            padding={"left": 16, "right": 8, "top": 6, "bottom": 4},
            axis={**axes, "labelFontSize": 12, "titleFontSize": 12},
            view={"stroke": None},
        )
        found: dict[str, Any] = chart.to_dict()
        return found

    def svg(self, spec: dict[str, Any], datasets: dict[str, list[dict[str, Any]]]) -> Markup:
        """The drawing; names in it are escaped by the renderer, nothing may be loaded."""
        return Markup(self.vl_convert.vegalite_to_svg(spec | {"datasets": datasets}, allowed_base_urls=[]))


def canvas() -> Canvas | None:
    """What draws, or None where one of the packages cannot be imported."""
    try:
        import altair
        import vl_convert
    except ImportError:
        return None
    return Canvas(altair, vl_convert)
