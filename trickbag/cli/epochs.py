"""A line per epoch and a progress bar, for one run."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from trickbag.records.progress import EpochRow


class EpochLines:
    """Prints epochs as they finish; the bar counts steps."""

    def __init__(self, console: Console) -> None:
        """Print on `console`."""
        columns = (
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("{task.fields[waited]}"),
        )
        self._bar = Progress(
            *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
        )
        self._console = console

    def __enter__(self) -> "EpochLines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar.live.is_started:  # elsewhere than on a terminal its end is an empty line, begun or not
            self._bar.stop()

    def images(self, held: str) -> None:
        """How many images there are, and how they are held."""
        self._console.print(held, highlight=False, markup=False, soft_wrap=True)

    def shares(self, words: str) -> None:
        """How every batch is shared out, where it is."""
        self._console.print(words, highlight=False, markup=False, soft_wrap=True)

    def begin(self, total_steps: int, parameters: int, device: str) -> None:
        """Training starts, or goes on."""
        self._console.print(f"{parameters:,} parameters, {total_steps:,} steps, on {device}", highlight=False)
        self._console.print("epoch   loss      lr        top-1    top-5     images/s   wait", style="dim")
        self._bar.start()
        self._task = self._bar.add_task("train", total=total_steps, epoch=1, waited="")

    def step(self, step: int, waited: float | None) -> None:
        """A step is done; the percentage of the epoch so far that was spent waiting for images."""
        told = "" if waited is None else f"waiting for data {waited:.0f} % of the time"
        self._bar.update(self._task, completed=step, waited=told)

    def epoch(self, row: EpochRow) -> None:
        """An epoch is done."""
        top1, top5 = (f"{v:6.2f} %" if v is not None else "       –" for v in (row.top1, row.top5))
        speed = f"{row.images_per_second:,.0f}" if row.images_per_second else "–"
        loss = "–" if row.loss is None else f"{row.loss:.4f}"
        waiting = f"{row.waiting:.0f} %" if row.waiting is not None else "–"
        line = f"{row.epoch:>5}   {loss:<8}  {row.lr:<8.3g}  {top1} {top5}  {speed:>8}  {waiting:>5}"
        self._console.print(line, highlight=False)
        self._bar.update(self._task, epoch=row.epoch + 1)
