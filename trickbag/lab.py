"""The whole way of a study in functions: freeze the plan, run its phases, amend it, analyze, report."""

from collections.abc import Collection, Sequence
from pathlib import Path

from trickbag.analyze import analyze_study
from trickbag.analyze.sealed import check_sealed
from trickbag.data import held
from trickbag.errors import InputError
from trickbag.recipe import Data, Machine, Recipe, parse_overrides, validate
from trickbag.records.chain import PLAN, PlanFile, append_entry, read_plan, write_plan
from trickbag.records.files import write_text
from trickbag.records.plan import Plan
from trickbag.records.result import Results
from trickbag.records.run import RUN, RunRecord, read_run
from trickbag.report.write import write_report
from trickbag.run.distributed.devices import shares
from trickbag.run.driver import as_planned, run_study
from trickbag.run.engines.choose import check_engine
from trickbag.run.locks import study_lock
from trickbag.run.machine import STUDY, machine_of, planned
from trickbag.run.state import Show, Tracker
from trickbag.study import (
    Study,
    amendment,
    copy_own_files,
    load_study,
    make_plan,
    next_phase,
    self_contained,
)
from trickbag.study.prospect import check_outlook, outlooks
from trickbag.train.resolve import open_data

SHOWN = 3  # arms in a line


def freeze(study: Study | str, out: Path, overrides: Sequence[str] = (), *, to_run: bool = False) -> Plan:
    """Resolve a study (or a study file, or an embedded one by name) and freeze its plan in `out`.

    Nothing is written before everything is known to be right. A folder that holds this plan is recognised
    whatever phases and amendments were added to it, and the plan as it stands is returned. Raises InputError
    where the study is wrong or can show nothing, `out` holds anything but this very plan, the machine is not the
    planned one, or, for a new plan that is `to_run` at once, its engine cannot be reached.
    """
    study, base = load_study(study, overrides) if isinstance(study, str) else (study, Path())
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: a folder is expected")
    if out.is_dir() and any(out.iterdir()) and not (out / PLAN).exists():
        raise InputError(f"{out}: holds other files and no plan; choose an empty folder")
    plan = make_plan(study, base)
    check_outlook(plan, outlooks(plan))
    if to_run and not (out / PLAN).exists():
        check_engine(study.machine)
    out.mkdir(parents=True, exist_ok=True)
    file = write_plan(out, plan)
    first, standing = file.entries[0].body["machine"], file.plan()
    known = [{"devices": 1} | machine for machine in (first, standing.machine)]
    if any(({"devices": 1} | plan.machine)[name] not in (k[name] for k in known) for name in known[0]):
        as_planned(standing, study.machine)
    copy_own_files(plan, base, out)
    write_text(out / STUDY, self_contained(study, base))
    return standing


def held_images(plan: Plan, machine: Machine, base: Path) -> list[str]:
    """For every workload a line that says how its images are held on this machine."""
    lines = []
    for workload in plan.workloads:
        data = next(arm.recipe["data"] for arm in plan.arms if arm.workload == workload.name)
        lines.append(f"{workload.name}: {held(open_data(validate(Data, data, 'data.'), machine, base))}")
    return lines


def shared_batches(plan: Plan) -> list[str]:
    """For every workload a line that says how its batches are shared out, where they are; more where arms differ."""
    arms: dict[tuple[str, str], list[str]] = {}  # workload, words
    for arm in (arm for arm in plan.arms if arm.role != "candidate"):
        words = shares(validate(Recipe, arm.recipe), plan.machine.get("devices", 1))
        arms.setdefault((arm.workload, words), []).append(arm.name)
    lines = []
    for (workload, words), names in arms.items():
        several = "baseline" not in names
        who = f", {', '.join(names[:SHOWN])}{', …' * (len(names) > SHOWN)}" if several else ""
        lines += [f"{workload}{who}: {words}"] if words else []
    return lines


def run_phases(folder: Path, machine: Machine, show: Show = lambda state: None) -> Tracker:
    """Run what the plan in `folder` lacks, choose the next phase, and so on until nothing is left to choose.

    What ended by trouble of the machine is tried once more before anything is chosen by it.
    """
    while True:
        tracker = run_study(folder, machine, show)
        if tracker.plan.later and not tracker.stopped and tracker.to_try_again():
            tracker = run_study(folder, machine, show)
        if tracker.stopped or not advance(folder):
            return tracker


def advance(folder: Path) -> bool:
    """Append the next phase to the plan where all runs so far have ended and there is one; whether there was.

    One atomic write under the folder's lock, and a pure function of what is in the files: killed at any
    moment, the next call does the same.
    """
    with study_lock(folder):
        plan = read_plan(folder).plan()
        if not plan.later:
            return False
        records = _records(folder, plan)
        if len(records) < len(plan.runs):
            return False
        body = next_phase(plan, records)
        if body is not None:
            append_entry(folder, "phase", body, body["phase"]["rule"], len(records))
        return body is not None


def amend(folder: Path, reason: str, words: Sequence[str]) -> Plan:
    """Change a frozen plan by `field=value` words, with a reason that the report prints; the plan as it then is.

    Raises InputError where the change is not one of those that an amendment may make, or no reason is given.
    """
    if not reason.strip():
        raise InputError(
            "amend: a reason is needed; the report prints it: --amend 'two more weeks of GPU time'"
        )
    with study_lock(planned(folder)):
        file, fields = read_plan(folder), parse_overrides(words)
        _check_still_sealed(file, fields)
        plan = file.plan()
        ended = _records(folder, plan)
        body = amendment(plan, ended.keys(), fields)
        said = f"{reason.strip()} ({' '.join(words)})"
        return append_entry(folder, "amendment", body, said, len(ended)).plan()


def _check_still_sealed(file: PlanFile, fields: Collection[str]) -> None:
    """Refuse to change what judges once the test images have been seen."""
    changed = [name for name in ("seeds", "looks") if name in fields]
    if changed and any(entry.kind == "opening" for entry in file.entries):
        raise InputError(
            f"{changed[0]}: the test images were opened, so what judges can no longer change; plan a new study, in "
            "another folder"
        )


def _records(folder: Path, plan: Plan) -> dict[str, RunRecord]:
    """The records of the runs that have ended, by run id."""
    found = {run.id: read_run(folder / "runs" / run.id) for run in plan.runs}
    return {name: record for name, record in found.items() if record}


def conduct(
    study: Study | str, out: Path | str, overrides: Sequence[str] = (), show: Show = lambda state: None
) -> Results:
    """Plan, run, analyze and report a study in the folder `out`; called again, it continues where it was.

    Worker processes are started, so a script calls this under `if __name__ == "__main__":`.
    """
    folder = Path(out)
    freeze(study, folder, overrides, to_run=True)
    run_phases(folder, machine_of(folder), show)
    results = analyze_study(folder)
    write_report(folder)
    return results


def open_test(folder: Path) -> Results:
    """Open the sealed test bits of a finished study: logged in the plan's chain, counted, then analyzed.

    Raises InputError, and logs nothing, where runs are unfinished, phases are still to come, there are no test
    images, or the bits of a run cannot be read.
    """
    _check_openable(folder, read_plan(folder).plan())
    with study_lock(folder):
        plan = read_plan(folder).plan()
        _check_openable(folder, plan)
        check_sealed(folder, plan)
        append_entry(folder, "opening", {}, "", finished=len(plan.runs))
    results = analyze_study(folder)
    write_report(folder)
    return results


def _check_openable(folder: Path, plan: Plan) -> None:
    """Refuse to open test bits before everything is decided, or where there is nothing to open."""
    if not any(workload.test_images for workload in plan.workloads):
        raise InputError(f"{folder}: the study has no test images, so there is nothing to open")
    if plan.later:
        phases = ", ".join(rule.phase for rule in plan.later)
        raise InputError(
            f"{folder}: phases still to come: {phases}; the test bits stay sealed until all is done"
        )
    places = [folder / "runs" / run.id for run in plan.runs]
    if unfinished := sum(not (place / RUN).exists() for place in places):
        raise InputError(
            f"{folder}: {unfinished} of {len(places)} runs are unfinished; the test bits stay sealed until then"
        )
