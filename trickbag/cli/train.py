"""`trickbag train`: one recipe, one seed, a line per epoch."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from trickbag.cli.console import Console, say
from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe, apply, load_recipe, parse_overrides, validate

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
    """Train one recipe with one seed; with --out, the same command continues an interrupted run.

    Several devices train it together with machine.devices=N, or where torchrun starts this command.
    """
    from trickbag.run.distributed.team import RanksLostError, ReportedElsewhereError, is_launched
    from trickbag.run.signals import StopRequest

    patch = parse_overrides(fields or [])
    if wrong := next((path for path in patch if path in Machine.model_fields), ""):
        raise InputError(f"{wrong}: no field of a recipe; did you mean machine.{wrong}?")
    plain = {
        path.removeprefix("machine."): patch.pop(path) for path in list(patch) if path.startswith("machine.")
    }
    machine = validate(Machine, plain, "machine.")
    if machine.engine != "local":
        raise InputError(f"machine.engine: `train` runs here; {machine.engine} is for the runs of a study")
    stop, base = StopRequest(signal.SIGINT, signal.SIGTERM), Path(recipe).parent
    if machine.devices > 1 and not is_launched():
        apply(load_recipe(recipe), patch)
        _launch(["train", recipe, *(fields or []), "--seed", str(seed)], out, machine, stop)
    try:
        _train(lambda: apply(load_recipe(recipe), patch), machine, seed, base, out, stop)
    except ReportedElsewhereError as elsewhere:
        raise typer.Exit(elsewhere.code) from None
    except RanksLostError as error:
        _leave_lost(f"{error}{_goes_on(out)}")


def _launch(words: list[str], out: Path | None, machine: Machine, stop: Callable[[], bool]) -> None:
    """Run the same command in a process per device, and exit as they do."""
    from trickbag.run.distributed.devices import check_devices
    from trickbag.run.distributed.launch import launch

    check_devices(machine)
    more = ["--out", str(out)] if out else []
    launched = launch(["trickbag", *words, *more], machine, stop)
    if launched.trouble:
        print(f"trickbag: {launched.trouble}{_goes_on(out)}", file=sys.stderr)
    raise typer.Exit(launched.code)


def _train(
    chosen: Callable[[], Recipe],
    machine: Machine,
    seed: int,
    base: Path,
    out: Path | None,
    stop: Callable[[], bool],
) -> None:
    """Train in this process and say how it went; of several that train together the first alone speaks."""
    from trickbag.cli.classes import print_classes
    from trickbag.cli.epochs import EpochLines
    from trickbag.run.distributed.team import Team
    from trickbag.run.single import train_recipe

    team = Team.here(machine)
    recipe = team.on_all_ranks("recipe", chosen)
    with EpochLines(Console()) as lines:
        record = train_recipe(recipe, seed, machine, base=base, out=out, listener=lines, stop=stop)
    if team.rank:
        return
    print(
        f"{record.status}: validation top-1 {record.top1:.2f} %" if record.top1 is not None else record.status
    )
    print_classes(record, Console())
    for line in bad_files(record.provenance.get("bad_files", {})):
        say(line)
    if out:
        print(f"record: {out / 'run.json'}")


def _goes_on(out: Path | None) -> str:
    """What to do about processes that are gone."""
    return "; the same command goes on from the last checkpoint" if out else ""


def _leave_lost(words: str) -> None:
    """End at once: what was to be exchanged with the others may hold this process for ever.

    The launcher knows better why they are gone; under torchrun one process of each machine says it.
    """
    from trickbag.run.distributed.team import RANKS_LOST, launch_folder

    if launch_folder() is None and os.environ["LOCAL_RANK"] == "0":
        print(f"trickbag: {words}", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(RANKS_LOST if launch_folder() else 1)


def bad_files(found: dict[str, str]) -> list[str]:
    """What to say of the bad files that a run met and tolerated."""
    if not found:
        return []
    shown = [f"  {reason}" for reason in list(found.values())[:SHOWN]]
    more = [f"  and {len(found) - SHOWN} more, in the record"] if len(found) > SHOWN else []
    return [f"bad files, shown as grey images: {len(found)}", *shown, *more]
