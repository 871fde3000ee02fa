"""The whole way of a study in functions: freeze the plan, run it, analyze, report."""

from collections.abc import Sequence
from pathlib import Path

from trickbag.analyze import analyze
from trickbag.errors import InputError
from trickbag.records.files import write_text
from trickbag.records.plan import PLAN, Plan, append_entry, read_plan, write_plan
from trickbag.records.result import Results
from trickbag.records.run import RUN
from trickbag.report.write import write_report
from trickbag.run.driver import run_study
from trickbag.run.locks import study_lock
from trickbag.run.state import Show
from trickbag.study import Study, copy_own_files, load_study, make_plan, self_contained
from trickbag.study.prospect import check_outlook, expected_sd, outlooks

STUDY = "study.yaml"


def freeze(study: Study | str, out: Path, overrides: Sequence[str] = ()) -> Plan:
    """Resolve a study (or a study file, or an embedded one by name) and freeze its plan in `out`.

    Nothing is written before everything is known to be right. Raises InputError where the study is wrong or
    can show nothing, or `out` holds anything but this very plan.
    """
    study, base = load_study(study, overrides) if isinstance(study, str) else (study, Path())
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: a folder is expected")
    if out.is_dir() and any(out.iterdir()) and not (out / PLAN).exists():
        raise InputError(f"{out}: holds other files and no plan; choose an empty folder")
    plan = make_plan(study, base)
    check_outlook(plan, outlooks(plan, {w.name: expected_sd(plan, w.name, {}) for w in plan.workloads}))
    out.mkdir(parents=True, exist_ok=True)
    write_plan(out, plan)
    copy_own_files(plan, base, out)
    write_text(out / STUDY, self_contained(study, base))
    return plan


def conduct(
    study: Study | str, out: Path | str, overrides: Sequence[str] = (), show: Show = lambda state: None
) -> Results:
    """Plan, run, analyze and report a study in the folder `out`; called again, it continues where it was.

    Worker processes are started, so a script calls this under `if __name__ == "__main__":`.
    """
    folder = Path(out)
    freeze(study, folder, overrides)
    run_study(folder, load_study(str(folder / STUDY))[0].machine, show)
    results = analyze(folder)
    write_report(folder)
    return results


def open_test(folder: Path) -> Results:
    """Open the sealed test bits of a finished study: logged in the plan's chain, counted, then analyzed.

    Raises InputError, and logs nothing, where runs are unfinished, phases are still to come, or there are no
    test images.
    """
    _check_openable(folder, read_plan(folder).plan())
    with study_lock(folder):
        plan = read_plan(folder).plan()
        _check_openable(folder, plan)
        append_entry(folder, "opening", {}, "", finished=len(plan.runs))
    results = analyze(folder)
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
