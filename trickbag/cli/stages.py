"""The stages of a study as verbs: plan, run, status, analyze, report; `study` and `demo` do them all."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from trickbag.cli.console import Console, say
from trickbag.recipe import Machine

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A study's folder.", show_default=False)]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="The folder that the study leaves its files in.")
]
Fields = Annotated[
    list[str] | None, typer.Argument(metavar="[FIELD=VALUE]…", help="Overrides.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]


def demo(out: Out = Path("demo"), fields: Fields = None) -> None:
    """Run the embedded study: the paper's tricks on real handwritten digits, a few minutes on two cores."""
    study("digits_demo", out, fields)


def study(
    file: Annotated[str, typer.Argument(metavar="STUDY", help="Study file, or name of an embedded study.")],
    out: Out,
    fields: Fields = None,
) -> None:
    """Plan, run, analyze and report a study; the same command continues an interrupted one."""
    from trickbag.cli.show_plan import show_held
    from trickbag.lab import freeze, held_images
    from trickbag.run.machine import machine_of

    plan = freeze(file, out, fields or [], to_run=True)
    show_held(held_images(plan, machine_of(out), out), Console())
    failed = _run(out, machine_of(out))
    analyze(out)
    report(out)
    raise typer.Exit(1 if failed else 0)


def run(folder: Folder, fields: Fields = None) -> None:
    """Run what the plan still lacks; `machine.…` fields may be overridden."""
    from trickbag.run.machine import machine_of, start_workers

    machine = machine_of(folder, fields or [])
    start_workers(folder, machine)
    raise typer.Exit(1 if _run(folder, machine) else 0)


def status(folder: Folder, as_json: AsJson = False) -> None:
    """How far a study is: what is done, running and where, failed and why, waiting and for what."""
    from trickbag.cli.live import complaints, state_table
    from trickbag.cli.show_plan import to_come
    from trickbag.cli.show_status import as_plain, status_lines
    from trickbag.records.chain import read_plan
    from trickbag.run.locks import holder_of
    from trickbag.run.state import Tracker

    plan = read_plan(folder).plan()
    tracker = Tracker(folder, plan)
    state, holder = tracker.refresh(), holder_of(folder)
    console = Console()
    if as_json:
        console.print_json(data={**as_plain(tracker, state, holder), "to_come": to_come(plan)})
        return
    console.print(state_table(state, eta=state.eta()))
    for line in status_lines(tracker, state, holder):
        console.print(escape(line), highlight=False, soft_wrap=True)
    for line in complaints(tracker.records.values()):
        console.print(escape(line), style="red", highlight=False, soft_wrap=True)
    for line in to_come(plan):
        console.print(f"to come: {line}", highlight=False)


def analyze(folder: Folder) -> None:
    """Turn the runs so far into results.json and results.csv."""
    from trickbag.analyze import analyze_study
    from trickbag.report.terminal import print_verdicts

    print_verdicts(analyze_study(folder), Console())


def report(folder: Folder) -> None:
    """Write report.html, report.md and report.tex from results.json."""
    from trickbag.report.write import write_report

    print(f"report: {write_report(folder)}")


def open_test(folder: Folder) -> None:
    """Open the sealed test bits of a finished study; every opening is logged in plan.json and counted."""
    from trickbag.cli.test_table import print_test
    from trickbag.lab import open_test as open_test_bits

    print_test(open_test_bits(folder), Console())


def _run(folder: Path, machine: Machine) -> int:
    """Run all phases with a live display; how many runs failed or died, or wait because a cap is used up."""
    from trickbag.cli.live import Live, complaints
    from trickbag.lab import run_phases, shared_batches
    from trickbag.records.chain import read_plan
    from trickbag.run.driver import as_planned, other_retries
    from trickbag.run.state import AGAIN

    plan = read_plan(folder).plan()
    machine = as_planned(plan, machine)
    for line in shared_batches(plan):
        say(line)
    if said := other_retries(plan, machine):
        say(f"trickbag: {said}", sys.stderr)
    with Live(Console()) as live:
        tracker = run_phases(folder, machine, live.show)
    for line in complaints(tracker.records.values()):
        say(f"trickbag: {line}", sys.stderr)
    if tracker.stopped:
        say(f"trickbag: {tracker.stopped}", sys.stderr)
    failed = sum(record.status in AGAIN for record in tracker.records.values())
    return failed + bool(tracker.stopped)
