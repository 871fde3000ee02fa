"""`trickbag data info`: a data set in numbers, and a picture of what a recipe makes of its images."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trickbag.cli.data_fields import opened, parted
from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe, apply, load_recipe

if TYPE_CHECKING:
    from trickbag.data.check import Summary
    from trickbag.data.check.summary import PartSummary, Sizes

LISTED = 20  # classes on the terminal; of more, the smallest and the largest


def info(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Data set, as in a recipe.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RECIPE] [FIELD=VALUE]…",
            help="Recipe (name or file) to draw the contact sheet of; overrides.",
            show_default=False,
        ),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where the images lie: machine.data_root.")
    ] = None,
    tricks: Annotated[
        str, typer.Option(metavar="A,B+C", help="Tricks to show beside the recipe: A alone, B with C.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="PICTURE.png", help="The contact sheet; else NAME_RECIPE.png here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show a data set in numbers and, with a recipe, as a contact sheet of images as training sees them."""
    from trickbag.cli.show_images import draw_recipes
    from trickbag.data.check import summarise

    chosen, fields = _chosen(words or [])
    patch, machine = parted(fields, root)
    picture = _place(name, chosen, tricks, out)
    recipe = _recipe(chosen, name, patch) if chosen else None
    images = _images(recipe, name, patch, machine, _base(chosen))
    summary = summarise(images)
    statistics = _statistics(images, machine)
    if recipe and picture:
        draw_recipes(recipe, Path(chosen).stem, tricks, machine, _base(chosen), picture)
    if as_json:
        shown = {"name": name, **summary.plain(), **statistics, "picture": picture and str(picture)}
        print(json.dumps(shown, indent=1))
        return
    _print(name, summary, images.size, statistics, Console())
    if picture:
        print(f"contact sheet: {picture}")


def _chosen(words: Sequence[str]) -> tuple[str, list[str]]:
    """The recipe, "" where none is named, and the fields."""
    recipes = [word for word in words if "=" not in word]
    if len(recipes) > 1:
        raise InputError(f"{recipes[1]!r}: one recipe at most can be named, and fields as field=value")
    return "".join(recipes), [word for word in words if "=" in word]


def _base(chosen: str) -> Path:
    """Where relative paths in the recipe start."""
    return Path(chosen).parent


def _place(name: str, chosen: str, tricks: str, out: Path | None) -> Path | None:
    """Where the picture goes; None where there is none."""
    if not chosen:
        if out or tricks:
            raise InputError("--out and --tricks are for a contact sheet: name a RECIPE after the data set")
        return None
    file_name = f"{name}_{Path(chosen).stem}.png".replace("/", "_").replace(":", "_")
    place = out or Path(file_name)
    if place.suffix.lower() != ".png":
        raise InputError(f"--out {place}: a name that ends in .png is expected")
    if not place.absolute().parent.is_dir():
        raise InputError(f"--out {place}: there is no folder {place.parent}")
    return place


def _recipe(chosen: str, name: str, patch: dict[str, Any]) -> Recipe:
    """The recipe, on this data set."""
    return apply(apply(load_recipe(chosen), {"data.name": name}), patch)


def _images(recipe: Recipe | None, name: str, patch: dict[str, Any], machine: Machine, base: Path) -> Any:
    """The data set, opened with the recipe's arguments where there is a recipe."""
    from trickbag.train import open_data

    return open_data(recipe.data, machine, base) if recipe else opened(name, patch, machine)


def _statistics(images: Any, machine: Machine) -> dict[str, Any]:
    """Mean and sd of all the training images per channel, on the scale 0 to 255; or why there are none."""
    import torch

    from trickbag.data import channel_statistics

    try:
        mean, sd = channel_statistics(images, torch.arange(len(images.train_labels)), machine.cache)
    except InputError as error:
        return {"mean": None, "sd": None, "no_statistics": str(error)}
    return {"mean": mean.tolist(), "sd": sd.tolist()}


def _print(
    name: str, summary: "Summary", size: tuple[int, int], statistics: dict[str, Any], console: Console
) -> None:
    """The numbers, for a person; `size` is the height and width of an image that is seen whole."""
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column(escape(name))
    table.add_column("train", justify="right")
    table.add_column("test", justify="right")
    parts = summary.train, summary.test
    table.add_row("images", *(f"{part.images:,}" for part in parts))
    table.add_row("images of a class", *map(_range, parts))
    table.add_row("width", *(_span(part.sizes, 0) for part in parts))
    table.add_row("height", *(_span(part.sizes, 1) for part in parts))
    if any(part.sizes and part.sizes.share < 1 for part in parts):
        table.add_row("most common", *(_common(part.sizes) for part in parts))
    table.add_row("bytes", *(_bytes(part.bytes) for part in parts))
    if summary.train.bytes != summary.train.decoded:
        height, width = size
        table.add_row(f"decoded, {width}×{height}", *(_bytes(part.decoded) for part in parts))
    if summary.train.endings:
        table.add_row("files", *map(_endings, parts))
    console.print(table)
    if summary.imbalance is None or summary.imbalance > 1.005:
        ratio = "endless" if summary.imbalance is None else f"{summary.imbalance:.2f}"
        console.print(f" imbalance: {ratio} (largest training class : smallest)", highlight=False)
    _print_classes(summary, console)
    _print_statistics(statistics, console)
    console.print(f" digest: {summary.digest}", highlight=False, soft_wrap=True)


def _range(part: "PartSummary") -> str:
    """Images of the smallest and of the largest class."""
    low, high = min(part.counts), max(part.counts)
    return f"{low:,}" if low == high else f"{low:,} … {high:,}"


def _span(sizes: "Sizes | None", side: int) -> str:
    """Smallest, largest and median of the widths (`side` 0) or the heights (1)."""
    if sizes is None:
        return "–"
    low, high = sizes.smallest[side], sizes.largest[side]
    return f"{low:,}" if low == high else f"{low:,} … {high:,}, median {sizes.median[side]:g}"


def _common(sizes: "Sizes | None") -> str:
    """The most common size and its share."""
    return "–" if sizes is None else "{}×{} ({:.0%})".format(*sizes.common, sizes.share)


def _bytes(count: int | None) -> str:
    """Bytes as people say them."""
    if count is None:
        return "–"
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} B"


def _endings(part: "PartSummary") -> str:
    """File names by their endings."""
    return "\n".join(f"{ending} {count:,}" for ending, count in part.endings.items())


def _print_classes(summary: "Summary", console: Console) -> None:
    """The classes with their counts; of many, those with the fewest and those with the most images."""
    rows = list(zip(summary.classes, summary.train.counts, summary.test.counts, strict=True))
    title = f"{len(rows):,} classes"
    if len(rows) > LISTED:
        rows = sorted(rows, key=lambda row: row[1])
        half = LISTED // 2
        title += f" (the {half} smallest and the {half} largest)"
        rows = rows[:half] + rows[-half:]
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column(title, overflow="fold")
    table.add_column("train", justify="right")
    table.add_column("test", justify="right")
    for label, train, test in rows:
        table.add_row(escape(label), f"{train:,}", f"{test:,}")
    console.print(table)


def _print_statistics(statistics: dict[str, Any], console: Console) -> None:
    """Mean and sd on both scales."""
    for what, title in (("mean", "mean"), ("sd", "standard deviation")):
        values = statistics[what]
        if values is not None:
            shown = ", ".join(f"{value:.2f}" for value in values)
            unit = ", ".join(f"{value / 255:.4f}" for value in values)
            line = f" {title} of the training images: {shown} (of 1: {unit})"
            console.print(line, highlight=False, soft_wrap=True)
    if why := statistics.get("no_statistics"):
        console.print(f" no mean and standard deviation: {escape(why)}", highlight=False, soft_wrap=True)
