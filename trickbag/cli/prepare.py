"""`trickbag data prepare`: a data set from its source, or from the net, into a form that opens quickly."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from trickbag.cli.bar import bar
from trickbag.cli.console import Console, say
from trickbag.errors import InputError
from trickbag.recipe import Machine, parse_overrides, validate

if TYPE_CHECKING:
    from trickbag.data.prepare import Prepared, Request

_NEEDS_NONE = "digits: need no preparation, they come with scikit-learn; use them with data: {name: digits}"


def prepare(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="cifar10, cifar100, fashion_mnist, tiny_imagenet, imagenet, folder:PATH, parquet:PATH, "
            "or hub:OWNER/NAME.",
        ),
    ],
    fields: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FIELD=VALUE]…", help="As labels=coarse, machine.cache=DIR.", show_default=False
        ),
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="PATH", help="What is already there: archives, class folders, Parquet."
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where to put it; without it, where recipes look by themselves."),
    ] = None,
    short_side: Annotated[
        int | None,
        typer.Option(metavar="N", help="Store images at this short side (256, 320) instead of as they are."),
    ] = None,
    quality: Annotated[
        int | None, typer.Option(metavar="Q", help="JPEG quality of images stored smaller; usual is 90.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Download a data set, or take what is there, and prepare it. Continues where it was interrupted."""
    from trickbag.data.fetch import fetch
    from trickbag.data.opening.prepared import prepared_home
    from trickbag.data.prepare import Reencoding, Request
    from trickbag.data.prepare import prepare as make
    from trickbag.data.prepare.reencode import QUALITY

    if name == "digits":
        print(json.dumps({"name": name, "folder": None}) if as_json else _NEEDS_NONE)
        return
    arguments, machine = _parted(fields or [])
    if quality is not None and short_side is None:
        raise InputError("--quality: is that of images stored smaller; give --short-side too")
    again = None if short_side is None else Reencoding(short_side, QUALITY if quality is None else quality)
    request = Request.of(name, from_, arguments, again)
    with bar(Console(stderr=True)) as tell:
        home = to or prepared_home(request.name, machine.cache)
        done = make(request, home, machine.cache, fetch=fetch, tell=tell, say=_say)
    use = _use(request, done.folder, machine, found=to is None)
    print(json.dumps(_plain(name, done, use), indent=1) if as_json else _text(name, done, use))


def _parted(words: list[str]) -> tuple[dict[str, Any], Machine]:
    """`field=value` words as arguments of the data set, and as the machine."""
    patch = parse_overrides(words)
    machine = {
        path.removeprefix("machine."): patch.pop(path) for path in list(patch) if path.startswith("machine.")
    }
    arguments = {path.removeprefix("data."): value for path, value in patch.items()}
    return arguments, validate(Machine, machine, "machine.")


def _say(text: str) -> None:
    """A message beside the progress bar."""
    say(text, sys.stderr)


def _use(request: "Request", folder: Path, machine: Machine, *, found: bool) -> str:
    """What to write into a recipe, and on the command line where the form is not `found` by itself."""
    fields = {"name": request.name, **request.arguments}
    words = f"data: {{{', '.join(f'{key}: {_yaml(value)}' for key, value in fields.items())}}}"
    if not found:
        return f"{words} with machine.data_root={folder}"
    return words if machine.cache == Machine().cache else f"{words} with machine.cache={machine.cache}"


def _yaml(value: str) -> str:
    """A value as it can stand between the braces of a recipe."""
    try:
        plain = yaml.safe_load(f"{{x: {value}}}") == {"x": value}
    except yaml.YAMLError:
        plain = False
    return value if plain else json.dumps(value, ensure_ascii=False)


def _plain(name: str, done: "Prepared", use: str) -> dict[str, Any]:
    """A summary for machines."""
    meta = done.meta
    return {
        "name": name,
        "folder": str(done.folder),
        "made_now": done.fresh,
        "images": done.counts,
        "classes": len(meta["classes"]),
        "bytes": done.size,
        "digest": meta["digest"],
        "provenance": meta["provenance"],
        "use": use,
    }


def _text(name: str, done: "Prepared", use: str) -> str:
    """A summary for people."""
    counts, size = done.counts, done.size / 1e6
    return (
        f"{name}: {counts['train']:,} training and {counts['test']:,} test images in "
        f"{len(done.meta['classes']):,} classes, {size:,.1f} MB\n"
        f"{'prepared' if done.fresh else 'was prepared before'} in {done.folder}\n"
        f"digest {done.meta['digest']}\n"
        f"use it: {use}"
    )
