"""What the terminal prints after the verdict table: who carries the stack, what carries over, what was dropped."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from trickbag.records.result import Accuracy, Attribution, Interval, Results
from trickbag.report.facts import FRAGILE, INTERIM, OPTIMISTIC, level
from trickbag.report.findings import (
    ATTRIBUTION,
    dropped_title,
    part_verdict,
    prediction,
    session,
    total,
)
from trickbag.report.groups import groups
from trickbag.report.wording import SIGNS, interval, number, points, share, visible


def findings(results: Results) -> Iterator[Table | Text]:
    """The tables and lines that a study's results fill."""
    for group in groups(results):
        if group.screened:
            names = ", ".join(arm.name for arm in group.screened)
            yield text(
                f"{dropped_title(group, results)} ({OPTIMISTIC}; not evidence of no effect): {names}", "dim"
            )
        for shares in group.attributions:
            yield attribution_table(shares, results.level)
            if shares.total:
                yield text(total(shares))
    if results.across:
        yield across_table(results)
    levels = {level(arm) for arm in results.arms}
    if levels != {"T0, drop-in"}:
        yield text(f"Tuning before judging: {'; '.join(sorted(levels))}.", "dim")
    if results.timing:
        yield text(session(results.timing), "dim")
        if results.timing.warning:
            yield text(f"Warning: {results.timing.warning}", "yellow")


def attribution_table(shares: Attribution, level: float) -> Table:
    """What each factor carries."""
    table = _table(f"{ATTRIBUTION[shares.kind][0]}, {shares.workload}")
    table.add_column("factor", overflow="fold")
    table.add_column(f"effect, pp [{share(level)}]", justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for part in shares.parts:
        sign = SIGNS[part.verdict]
        said = Text.assemble((f"{sign.symbol} {part_verdict(part)}", sign.style))
        said.append_text(flags(part.interim, part.fragile))
        table.add_row(text(part.name, "bold"), effect_text(part.accuracy), said)
    return table


def across_table(results: Results) -> Table:
    """The mean over workloads, where another workload would lie, and how much the effects differ."""
    table = _table("Does it carry over?")
    table.add_column("arm", overflow="fold")
    table.add_column(f"mean, pp [{share(results.level)}]", justify="right", no_wrap=True)
    table.add_column("another workload", justify="right")
    table.add_column("SD between", justify="right")
    for one in results.across:
        name = text(one.name, "bold")
        table.add_row(name, effect_text(one.mean), Text(prediction(one)), Text(f"{number(one.tau)} pp"))
    return table


def effect_text(value: Accuracy | Interval | None) -> Text:
    """An effect with its interval."""
    if value is None:
        return Text("–", "dim")
    return Text.assemble((points(value.effect), "bold"), (f" {interval(value.low, value.high)}", "not bold"))


def flags(interim: bool, fragile: bool) -> Text:
    """What takes from a verdict, beside it."""
    words = [INTERIM] * interim + [FRAGILE] * fragile
    return Text(f" ({', '.join(words)})" if words else "", "yellow")


def text(words: str, style: str = "") -> Text:
    """Words from outside, in which no markup is read."""
    return Text(visible(words), style)


def _table(title: str) -> Table:
    """A table without lines, as the verdicts' is."""
    head = text(title, "bold")
    return Table(title=head, box=None, padding=(0, 1), header_style="bold", title_justify="left")
