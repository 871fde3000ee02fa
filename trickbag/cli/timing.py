"""`trickbag time`: the exclusive timing session of a study, and what it says."""

from types import TracebackType

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from trickbag.cli.console import Console
from trickbag.cli.stages import Fields, Folder
from trickbag.recipe import parse_overrides, validate
from trickbag.records.plan import Plan
from trickbag.records.timing import TIMING, TimingFile


def time(folder: Folder, fields: Fields = None) -> None:
    """Time every arm in turns with its comparison, on a machine with nothing else to do.

    Fields: rounds=10, steps=… (of a turn), machine.….
    """
    from trickbag.records.chain import read_plan
    from trickbag.run.machine import machine_of
    from trickbag.run.timing import time_study
    from trickbag.run.turns import Turns

    words = fields or []
    patch = parse_overrides(words)
    own = {path: value for path, value in patch.items() if not path.startswith("machine.")}
    machine = machine_of(folder, [word for word in words if word.startswith("machine.")])
    turns, console = validate(Turns, own, "time"), Console()
    with TimingLines(console) as lines:
        timing = time_study(folder, machine, turns, lines)
    print_times(read_plan(folder).plan(), timing, console)
    print(f"session: {folder / TIMING}; trickbag analyze {folder} takes it into the results")
    raise typer.Exit(0)


class TimingLines:
    """A line for what is worth knowing; the bar counts turns."""

    def __init__(self, console: Console) -> None:
        """Print on `console`."""
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
        self._bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
        self._console = console

    def __enter__(self) -> "TimingLines":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """Something to know, in one line."""
        self._console.print(escape(text), highlight=False, soft_wrap=True)

    def begin(self, what: str, turns: int) -> None:
        """So many turns follow."""
        self.say(what)
        self._task = self._bar.add_task(escape(what), total=turns)

    def turn(self) -> None:
        """A turn is over."""
        self._bar.advance(self._task)


def print_times(plan: Plan, timing: TimingFile, console: Console) -> None:
    """Print the time of every comparison with its verdict, and what to think of the session."""
    from trickbag.analyze.time import time_results

    table = Table(box=None, padding=(0, 2), header_style="dim")
    several = len(plan.workloads) > 1
    for title in (["workload"] if several else []) + ["arm", "against", "time", "95 % interval", "verdict"]:
        table.add_column(title)
    for pair, timed in time_results(plan, timing).items():
        time = timed.time
        numbers = [_percent(time.ratio), f"{_percent(time.low)} to {_percent(time.high)}"]
        names = ([pair.workload] if several else []) + [pair.arm, pair.comparison]
        table.add_row(*map(escape, names), *numbers, timed.verdict)
    console.print(table)
    if timing.warning:
        console.print(f"[yellow]{timing.warning}[/]", soft_wrap=True)


def _percent(ratio: float) -> str:
    """A ratio as a change in percent."""
    return f"{100 * (ratio - 1):+.1f} %".replace("-", "−")
