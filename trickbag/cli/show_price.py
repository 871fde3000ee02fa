"""The price of a plan on the terminal: runs, hours, and what the plan will be able to see."""

from rich.console import Console
from rich.markup import escape

from trickbag.pricing import Price
from trickbag.records.plan import Plan
from trickbag.study.prospect import Outlook

FAMILIES = {  # one, several
    "comparison": ("comparison", "comparisons"),
    "main_effect": ("main effect", "main effects"),
    "interaction": ("interaction", "interactions"),
    "shapley": ("share of the stack", "shares of the stack"),
}


def show_price(price: Price, plan: Plan, console: Console) -> None:
    """Print what a plan costs and what it can see."""
    console.print(f"[bold]price[/]: {price.runs} runs{_hours(price)}", highlight=False)
    cap = (plan.study.get("cap") or {}).get("hours")
    if cap is not None and price.seconds > 3600 * cap:
        console.print(f"[yellow]cap.hours: {cap:g} hours of training will not do: runs will be left over[/]")
    several = len({outlook.workload for outlook in price.outlooks}) > 1
    for outlook in price.outlooks:
        prefix = f"{outlook.workload}: " if several else ""
        console.print(escape(f"{prefix}{_sight(outlook, plan.judgement.margin)}"), highlight=False)
    for sd in {outlook.sd for outlook in price.outlooks}:
        console.print(f"[dim]seed SD {sd.value:.2f} points, {escape(sd.source)}[/]", highlight=False)


def _hours(price: Price) -> str:
    """The expected time in words."""
    wall = price.seconds / price.workers
    beside = f", {price.workers} side by side" if price.workers > 1 else ""
    return f", about {_duration(wall)}{beside} ({escape(price.source)})"


def _duration(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    for limit, size, unit in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "hours")):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86_400:.1f} days"


def _sight(outlook: Outlook, margin: float) -> str:
    """What a family of claims can see, in a sentence."""
    what = f"{outlook.claims} {FAMILIES[outlook.family][outlook.claims != 1]}"
    words = (
        f"{outlook.seeds} seeds show effects from {outlook.detectable:.2f} points up in {what} (4 times in 5)"
    )
    if outlook.sight is None:
        return f"{words}."
    if outlook.sight.equivalence_seeds is None:
        return f"{words}; that something makes no difference (±{margin:g}) they cannot show at any sensible price."
    if outlook.sight.equivalence_seeds <= outlook.seeds:
        return f"{words}; they also show where there is no practical difference (±{margin:g})."
    return (
        f"{words}; to show that there is no practical difference (±{margin:g}) takes "
        f"{outlook.sight.equivalence_seeds} seeds (now {outlook.sight.equivalence_chance:.0%} likely)."
    )
