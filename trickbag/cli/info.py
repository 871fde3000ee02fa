"""`trickbag data info`: a data set in numbers, and a picture of what a recipe makes of its images."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from trickbag.cli.console import Console, say
from trickbag.cli.data_fields import opened, parted
from trickbag.cli.show_data import show_data
from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe, apply, load_recipe


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
    from trickbag.data.encoded import listed

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
        shown = {"name": name, **summary.plain(), **statistics, "left_out": dict(images.left_out)}
        shown["picture"] = picture and str(picture)
        print(json.dumps(shown, indent=1))
        return
    show_data(name, summary, images.size, statistics, Console())
    if images.left_out:
        say(f" left out: {listed(images.left_out)}")
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
