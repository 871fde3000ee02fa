"""The live display of a study: runs done, time to go, accuracy so far per arm."""

from collections.abc import Iterable
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from trickbag.records.progress import EpochRow
from trickbag.records.run import Ending
from trickbag.run.state import AGAIN, ArmState, State

WAITING = 10  # percent of an epoch spent waiting for images, from which the table says so


class Live:
    """A table that stays in place on a terminal; a line per change elsewhere."""

    def __init__(self, console: Console) -> None:
        """Show on `console`."""
        self._console, self._ended = console, -1
        self._live = (
            RichLive(console=console, refresh_per_second=4, transient=False) if console.is_terminal else None
        )

    def __enter__(self) -> "Live":
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, state: State) -> None:
        """Show the state now."""
        if self._live:
            self._live.update(state_table(state, state.eta()))
        elif state.ended != self._ended:
            self._ended = state.ended
            eta = state.eta()
            self._console.print(
                f"{state.ended}/{state.planned} runs" + (f", {duration(eta)} to go" if eta else "")
            )


def state_table(state: State, eta: float | None) -> Group:
    """The state as a bar, a table of arms and the runs under way."""
    head = Table.grid(padding=(0, 1))
    to_go = f"about {duration(eta)} to go" if eta else ""
    head.add_row(
        Text(f"{state.ended}/{state.planned} runs", style="bold"),
        ProgressBar(total=state.planned, completed=state.ended, width=40),
        Text(to_go, style="dim"),
    )
    table = Table(box=None, padding=(0, 2), header_style="dim")
    several = len({arm.workload for arm in state.arms}) > 1
    for title in (["workload"] if several else []) + ["arm", "runs", "accuracy so far", ""]:
        table.add_column(title, justify="right" if title in ("runs", "accuracy so far") else "left")
    for arm in state.arms:
        table.add_row(*([Text(arm.workload)] if several else []), *_cells(arm), _running(state, arm))
    return Group(head, table)


def _cells(arm: ArmState) -> list[Text]:
    """Name, count and accuracy of an arm."""
    mean = "" if arm.mean is None else f"{arm.mean:.2f} %"
    return [Text(arm.name), Text(f"{arm.done}/{arm.planned}"), Text(mean)]


def _running(state: State, arm: ArmState) -> Text:
    """What is under way in an arm, and what went wrong."""
    now = [
        f"seed {r.run.seed}: epoch {r.row.epoch if r.row else 0}/{r.epochs}{_starved(r.row)}"
        for r in state.running
        if _is(r.run, arm)
    ]
    wrong = [f"{count} {outcome.replace('_', ' ')}" for outcome, count in arm.outcomes.items()]
    return Text(", ".join(now), style="cyan").append(", ".join(wrong), style="red")


def _starved(row: EpochRow | None) -> str:
    """How long a run waited for its images in its last epoch, where that is worth a look."""
    much = row is not None and row.waiting is not None and row.waiting >= WAITING
    return f" (waits for data {row.waiting:.0f} % of the time)" if row and much else ""


def _is(run: Any, arm: ArmState) -> bool:
    """Whether a run belongs to an arm."""
    return (run.workload, run.arm) == (arm.workload, arm.name)


def complaints(records: Iterable[Ending]) -> list[str]:
    """Why runs failed, a line for each reason."""
    return [
        f"{len(names)} {status.replace('_', ' ')} ({', '.join(dict.fromkeys(names))})"
        + (f": {message}" if message else "")
        for (status, message), names in grouped(records).items()
    ]


def grouped(records: Iterable[Ending]) -> dict[tuple[str, str], list[str]]:
    """The arms of the runs that failed, an entry per run, by (status, reason)."""
    arms: dict[tuple[str, str], list[str]] = {}
    for record in records:
        if record.status in AGAIN:
            why = record.status, " ".join(record.message.split())
            arms.setdefault(why, []).append(record.arm)
    return arms


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    )
