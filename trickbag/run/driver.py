"""The driver: hands the runs of a plan to an engine until all have ended; resumable at any moment."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from trickbag.data.threads import available_cores
from trickbag.errors import DiskError, InputError
from trickbag.recipe import Machine
from trickbag.records.chain import read_plan
from trickbag.records.plan import Plan, PlannedRun
from trickbag.records.run import RUN, Status, tidy
from trickbag.run.engines.choose import make_engine
from trickbag.run.engines.engine import Ended, Engine, Job
from trickbag.run.engines.local import workers
from trickbag.run.finish import close_failed, run_folder
from trickbag.run.locks import study_lock
from trickbag.run.state import AGAIN, Show, Tracker, seconds_of
from trickbag.train import device_of

__all__ = ["AGAIN", "as_planned", "run_study", "share", "workers"]


def run_study(folder: Path, machine: Machine, show: Show = lambda state: None) -> Tracker:
    """Run what the plan in `folder` still lacks; finished runs are never repeated.

    No run is started once the hours of the study's cap are used up; `stopped` of what is returned then says so.
    Raises InputError where the folder is in use or the machine is not the planned one, DiskError where the disk
    refuses what must be kept. KeyboardInterrupt leaves every run under way with a checkpoint.
    """
    plan = read_plan(folder).plan()
    machine = as_planned(plan, machine)
    with study_lock(folder):
        tracker = Tracker(folder, plan)
        _forget_machine_trouble(tracker)
        _tidy_up(tracker, tracker.records)
        each = share(machine, len(plan.runs) - len(tracker.records))
        engine = make_engine(Job(folder, plan, each))
        try:
            _drive(tracker, engine, machine.retries, show)
        finally:
            engine.cancel()
    return tracker


def share(machine: Machine, runs: int) -> Machine:
    """The machine as each of so many runs has it: the cores that decode images are shared out among those at work."""
    if machine.loaders:
        return machine
    at_work = max(1, min(runs, workers(machine)))
    return machine.model_copy(update={"loaders": max(1, available_cores() // at_work)})


def as_planned(plan: Plan, machine: Machine) -> Machine:
    """The machine with the plan's device and threads.

    Raises InputError where another device, thread count or torch version would change the last digits.
    """
    for name, asked, default in (("device", machine.device, "auto"), ("threads", machine.threads, 1)):
        if asked not in (default, plan.machine[name]):
            frozen = plan.machine[name]
            raise InputError(
                f"machine.{name}: the plan was frozen with {frozen}, not {asked}: other last digits; to go on all "
                f"the same: trickbag plan DIR --amend 'reason' machine.{name}={asked}"
            )
    if plan.machine["torch"] != torch.__version__:
        raise InputError(
            f"the plan was frozen with torch {plan.machine['torch']}, here is {torch.__version__}: other last "
            "digits; install that one, or go on all the same: trickbag plan DIR --amend 'reason' "
            f"machine.torch={torch.__version__}"
        )
    planned = machine.model_copy(update={name: plan.machine[name] for name in ("device", "threads")})
    device_of(planned)
    return planned


def _drive(tracker: Tracker, engine: Engine, retries: int, show: Callable[..., None]) -> None:
    """Submit what is ready, hear what has ended, until nothing is left."""
    deaths = Counter[str]()
    submitted = set[str]()
    while True:
        state = tracker.refresh()
        show(state)
        tracker.stopped = _used_up(tracker)
        ready = [run for run in _ready(tracker) if run.id not in submitted and not tracker.stopped]
        for run in ready[: engine.free()]:
            engine.submit(run.id)
            submitted.add(run.id)
        if not submitted and tracker.refresh().ended == state.ended:
            return
        for ended in engine.wait(0.5):
            submitted.discard(ended.run_id)
            if ended.halts:
                raise DiskError(ended.trouble)
            if ended.trouble:
                _tidy_up(tracker, [ended.run_id])
            if ended.trouble and not ended.blameless:
                deaths[ended.run_id] += 1
                if deaths[ended.run_id] > retries:
                    _bury(tracker, ended, deaths[ended.run_id])


def _used_up(tracker: Tracker) -> str:
    """Why no further run may start, where the ended ones have used up the hours of the cap and some still wait."""
    hours = (tracker.plan.study.get("cap") or {}).get("hours")
    spent = sum(map(seconds_of, tracker.records.values())) / 3600
    waiting = len(tracker.plan.runs) - len(tracker.records)
    if hours is None or spent < hours or not waiting:
        return ""
    return (
        f"cap.hours: {spent:.2f} of {hours:g} hours are used up and {waiting} runs wait; to go on: "
        "trickbag plan DIR --amend 'reason' cap.hours=MORE"
    )


def _ready(tracker: Tracker) -> list[PlannedRun]:
    """The runs that have not ended and whose needs are done; those whose needs failed are recorded so."""
    ready = []
    for run in tracker.plan.runs:
        if run.id in tracker.records:
            continue
        needs = [tracker.records.get(need) for need in run.needs]
        if all(need is not None and need.status == "done" for need in needs):
            ready.append(run)
        elif any(need is not None and need.status != "done" for need in needs):
            _write_end(tracker, run, "failed", f"needs {', '.join(run.needs)}, which did not finish")
    return ready


def _bury(tracker: Tracker, ended: Ended, deaths: int) -> None:
    """Record a run whose worker died too often, unless it had just written its record."""
    run = next(run for run in tracker.plan.runs if run.id == ended.run_id)
    if not (tracker.place(run) / RUN).exists():
        _write_end(tracker, run, ended.status, f"{ended.trouble} ({deaths} times)")


def _write_end(tracker: Tracker, run: PlannedRun, status: Status, message: str) -> None:
    """Record the end of a run that could not record it itself."""
    place = run_folder(tracker.folder, run)
    close_failed(place, run, tracker.plan.arm(run.workload, run.arm).recipe, status, message)


def _forget_machine_trouble(tracker: Tracker) -> None:
    """Take up again what ended by trouble of the machine; divergence is an outcome and stays."""
    tracker.refresh()
    for run_id in tracker.to_try_again():
        (tracker.folder / "runs" / run_id / RUN).unlink()
        del tracker.records[run_id]


def _tidy_up(tracker: Tracker, run_ids: Iterable[str]) -> None:
    """Remove what only runs under way need where a worker was killed between a run's record and its last touch."""
    for run_id in run_ids:
        if (tracker.folder / "runs" / run_id / RUN).exists():
            tidy(tracker.folder / "runs" / run_id)
