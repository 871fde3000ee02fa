"""A progress bar with rate and time to go, for work on data that tells how far it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

if TYPE_CHECKING:  # a room of torch's, which the command line imports only where it is needed
    from trickbag.data.progress import Progress as Told
    from trickbag.data.progress import Tell


class _Rate(ProgressColumn):
    """Done, total and rate, in bytes or images."""

    def render(self, task: Task) -> Text:
        """The column's text."""
        unit, scale = ("MB", 1e6) if task.fields["unit"] == "bytes" else ("images", 1)
        total = "" if task.total is None else f"/{task.total / scale:,.0f}"
        speed = "" if not task.speed else f", {task.speed / scale:,.0f} {unit}/s"
        return Text(f"{task.completed / scale:,.0f}{total} {unit}{speed}")


@contextmanager
def bar(console: Console) -> Iterator["Tell"]:
    """What shows the work on `console`, a bar for each piece; a line now and then where that is no terminal."""
    if not console.is_terminal:
        from trickbag.data.progress import Patience

        yield Patience()
        return
    rate = _Rate(table_column=Column(no_wrap=True))
    columns = (TextColumn("{task.description}", markup=False), BarColumn(12), rate, TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        tasks = dict[str, TaskID]()

        def tell(told: "Told") -> None:
            if told.what not in tasks:
                tasks[told.what] = progress.add_task(
                    told.what, total=told.total, completed=told.done, unit=told.unit
                )
            progress.update(tasks[told.what], completed=told.done, total=told.total)

        yield tell
