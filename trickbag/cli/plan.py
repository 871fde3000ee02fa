"""`trickbag plan`: what a study will do, what it costs and what it can see; freezing and amending."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from trickbag.cli.console import Console
from trickbag.cli.stages import AsJson, Fields
from trickbag.errors import InputError
from trickbag.recipe import Machine
from trickbag.records.chain import read_plan
from trickbag.records.plan import Plan


def plan(
    study: Annotated[
        str, typer.Argument(metavar="STUDY|DIR", help="Study file or name; or a planned folder.")
    ],
    fields: Fields = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Freeze the plan here.")] = None,
    amend: Annotated[
        str | None, typer.Option(metavar="REASON", help="Change the frozen plan in DIR, as in seeds=12.")
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Finished study of the same recipes: how noisy they are."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show every arm and run, what they cost and what they can see; freeze the plan, or amend a frozen one."""
    fields = fields or []
    if amend is not None:
        _amend(Path(study), amend, fields)
    elif Path(study).is_dir():
        _frozen(Path(study), fields, like, as_json)
    else:
        _new(study, fields, out, like, as_json)


def _amend(folder: Path, reason: str, fields: list[str]) -> None:
    """Change a frozen plan, and show it as it then is."""
    from trickbag.cli.show_plan import show_plan
    from trickbag.lab import amend

    show_plan(amend(folder, reason, fields), Console())


def _frozen(folder: Path, fields: list[str], like: Path | None, as_json: bool) -> None:
    """Show the plan of a folder, which needs no torch; --like and --json ask for its price, which does."""
    if fields:
        raise InputError(f"{folder}: its plan is frozen; change it with --amend 'reason' {' '.join(fields)}")
    made = read_plan(folder).plan()
    if not (like or as_json):
        from trickbag.cli.show_plan import show_plan

        show_plan(made, Console())
        return
    from trickbag.run.machine import machine_of

    _show(made, machine_of(folder), folder, like, as_json)


def _new(study: str, fields: list[str], out: Path | None, like: Path | None, as_json: bool) -> None:
    """Show what a study will be; freeze it where a folder is given."""
    from trickbag.lab import freeze
    from trickbag.study import load_study, make_plan

    loaded, base = load_study(study, fields)
    _show(make_plan(loaded, base), loaded.machine, base, like, as_json)
    if out:
        freeze(study, out, fields)


def _show(made: Plan, machine: Machine, base: Path, like: Path | None, as_json: bool) -> None:
    """Print a plan and its price; InputError where it can show nothing."""
    from trickbag.cli.show_plan import show_held, show_plan
    from trickbag.cli.show_price import show_price
    from trickbag.lab import held_images
    from trickbag.pricing import price
    from trickbag.study.prospect import check_outlook

    if not as_json:
        show_plan(made, Console())
        show_held(held_images(made, machine, base), Console())
    with Console(stderr=True).status("timing a few steps of every arm"):
        found = price(made, machine, base, like)
    if as_json:
        Console().print_json(data=asdict(found))
    else:
        show_price(found, made, Console())
    check_outlook(made, found.outlooks)
