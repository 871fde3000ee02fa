"""`trickbag train`: one recipe, one seed, a line per epoch."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from trickbag.cli.console import Console, say
from trickbag.recipe import Machine, apply, load_recipe, parse_overrides, validate

SHOWN = 5  # bad files


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="Recipe file, or name of an embedded recipe.")
    ],
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="[FIELD=VALUE]…", help="Overrides.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of every random stream.")] = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to leave record, bits, weights.")
    ] = None,
) -> None:
    """Train one recipe with one seed; with --out, the same command continues an interrupted run."""
    from trickbag.cli.classes import print_classes
    from trickbag.cli.epochs import EpochLines
    from trickbag.run.single import train_recipe

    patch = parse_overrides(fields or [])
    machine = {
        path.removeprefix("machine."): patch.pop(path) for path in list(patch) if path.startswith("machine.")
    }
    chosen = apply(load_recipe(recipe), patch)
    told = stop_flag()
    with EpochLines(Console()) as lines:
        record = train_recipe(
            chosen,
            seed,
            validate(Machine, machine, "machine"),
            base=Path(recipe).parent,
            out=out,
            listener=lines,
            stop=lambda: bool(told),
        )
    print(
        f"{record.status}: validation top-1 {record.top1:.2f} %" if record.top1 is not None else record.status
    )
    print_classes(record, Console())
    for line in bad_files(record.provenance.get("bad_files", {})):
        say(line)
    if out:
        print(f"record: {out / 'run.json'}")


def bad_files(found: dict[str, str]) -> list[str]:
    """What to say of the bad files that a run met and tolerated."""
    if not found:
        return []
    shown = [f"  {reason}" for reason in list(found.values())[:SHOWN]]
    more = [f"  and {len(found) - SHOWN} more, in the record"] if len(found) > SHOWN else []
    return [f"bad files, shown as grey images: {len(found)}", *shown, *more]


def stop_flag() -> list[int]:
    """A list that fills when this process is told to end, so that the step under way is finished first."""
    told: list[int] = []
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda number, frame: told.append(number))
    return told
