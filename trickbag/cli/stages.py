"""The stages of a study as verbs: plan, run, status, analyze, report; `study` and `demo` do them all."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trickbag.errors import InputError
from trickbag.recipe import Machine, parse_overrides, read_yaml, validate

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A study's folder.", show_default=False)]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="The folder that the study leaves its files in.")
]
Fields = Annotated[
    list[str] | None, typer.Argument(metavar="[FIELD=VALUE]…", help="Overrides.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
STUDY = "study.yaml"


def demo(out: Out = Path("demo"), fields: Fields = None) -> None:
    """Run the embedded study: the paper's tricks on real handwritten digits, a few minutes on two cores."""
    study("digits_demo", out, fields)


def study(
    file: Annotated[str, typer.Argument(metavar="STUDY", help="Study file, or name of an embedded study.")],
    out: Out,
    fields: Fields = None,
) -> None:
    """Plan, run, analyze and report a study; the same command continues an interrupted one."""
    from trickbag.lab import freeze

    freeze(file, out, fields or [])
    failed = _run(out, machine_of(out, []))
    analyze(out)
    report(out)
    raise typer.Exit(1 if failed else 0)


def plan(
    study: Annotated[
        str, typer.Argument(metavar="STUDY|DIR", help="Study file or name; or a planned folder.")
    ],
    fields: Fields = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Freeze the plan here.")] = None,
) -> None:
    """Show every arm's difference from the baseline and every run; with --out, freeze the plan."""
    from trickbag.cli.show_plan import show_plan
    from trickbag.records.plan import read_plan

    if Path(study).is_dir():
        show_plan(read_plan(Path(study)).plan(), Console())
        return
    from trickbag.lab import freeze
    from trickbag.study import load_study, make_plan

    fields = fields or []
    show_plan(freeze(study, out, fields) if out else make_plan(*load_study(study, fields)), Console())


def run(folder: Folder, fields: Fields = None) -> None:
    """Run what the plan still lacks; `machine.…` fields may be overridden."""
    raise typer.Exit(1 if _run(folder, machine_of(folder, fields or [])) else 0)


def status(folder: Folder, as_json: AsJson = False) -> None:
    """How far a study is."""
    from trickbag.cli.live import as_plain, state_table
    from trickbag.records.plan import read_plan
    from trickbag.run.state import Tracker

    state = Tracker(folder, read_plan(folder).plan()).refresh()
    console = Console()
    if as_json:
        console.print_json(data=as_plain(state))
    else:
        console.print(state_table(state, eta=None))


def analyze(folder: Folder) -> None:
    """Turn the runs so far into results.json and results.csv."""
    from trickbag.analyze import analyze as analyze_folder
    from trickbag.report.terminal import print_verdicts

    print_verdicts(analyze_folder(folder), Console())


def report(folder: Folder) -> None:
    """Write report.html and report.md from results.json."""
    from trickbag.report.write import write_report

    print(f"report: {write_report(folder)}")


def open_test(folder: Folder) -> None:
    """Open the sealed test bits of a finished study; every opening is logged in plan.json and counted."""
    from trickbag.cli.test_table import print_test
    from trickbag.lab import open_test as open_test_bits

    print_test(open_test_bits(folder), Console())


def machine_of(folder: Path, fields: list[str]) -> Machine:
    """The study's machine block, with overrides."""
    if not (folder / STUDY).exists():
        raise InputError(f"{folder}: no study was planned here; use trickbag plan STUDY --out {folder}")
    plain = dict(read_yaml(folder / STUDY).get("machine", {}))
    for path, value in parse_overrides(fields).items():
        section, _, name = path.partition(".")
        if section != "machine" or not name:
            raise InputError(f"{path}: only machine.… can change once a study is planned")
        plain[name] = value
    return validate(Machine, plain, "machine")


def _run(folder: Path, machine: Machine) -> int:
    """Run with a live display; how many runs failed or died."""
    from trickbag.cli.live import Live
    from trickbag.records.plan import read_plan
    from trickbag.run.driver import AGAIN, as_planned, run_study, workers

    machine = as_planned(read_plan(folder).plan(), machine)
    with Live(Console(), workers(machine)) as live:
        tracker = run_study(folder, machine, live.show)
    return sum(record.status in AGAIN for record in tracker.records.values())
