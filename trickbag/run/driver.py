"""The driver: hands the runs of a plan to an engine until all have ended; resumable at any moment."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import torch

from trickbag.data.threads import available_cores
from trickbag.errors import HaltedError, InputError
from trickbag.recipe import Machine
from trickbag.records.chain import read_plan
from trickbag.records.files import write_whole
from trickbag.records.plan import Plan, PlannedRun
from trickbag.records.run import RUN, Status, tidy
from trickbag.run.engines.choose import make_engine
from trickbag.run.engines.engine import Ended, Engine, Job
from trickbag.run.engines.local import workers
from trickbag.run.finish import close_failed, run_folder
from trickbag.run.locks import study_lock
from trickbag.run.state import Show, Tracker
from trickbag.run.waiting import used_up
from trickbag.train import device_of


def run_study(folder: Path, machine: Machine, show: Show = lambda state: None) -> Tracker:
    """Run what the plan in `folder` still lacks; finished runs are never repeated.

    No run is started once the hours of the study's cap are used up; `stopped` of what is returned then says so.
    Raises InputError where the folder is in use or the machine is not the planned one, HaltedError where the
    study cannot go on for now, as with a full disk. KeyboardInterrupt leaves every run under way with a checkpoint.
    """
    plan = read_plan(folder).plan()
    machine = as_planned(plan, machine)
    with study_lock(folder) as check_lock:
        tracker = _tracker(folder, plan)
        _tidy_up(tracker, tracker.records)
        if not (lacking := len(plan.runs) - len(tracker.records)):
            show(tracker.refresh())
            return tracker
        each = with_loaders(machine, lacking)
        engine = make_engine(Job(folder, plan, each))
        try:
            _drive(tracker, engine, machine.retries, show, check_lock)
        finally:
            engine.cancel()
    return tracker


def _tracker(folder: Path, plan: Plan) -> Tracker:
    """Of a study that goes on: what ended by trouble of the machine is taken up again; divergence is an outcome."""
    tracker = Tracker(folder, plan)
    tracker.refresh()
    if again := tracker.to_try_again():
        tracker = Tracker(folder, plan, again)
        tracker.refresh()
    return tracker


def with_loaders(machine: Machine, runs: int) -> Machine:
    """The machine as each of so many runs has it: the cores that decode images are shared out among those at work."""
    if machine.loaders or machine.engine == "slurm":  # a job has cores of its own, as many as SLURM gives it
        return machine
    at_work = max(1, min(runs, workers(machine)))
    return machine.model_copy(update={"loaders": max(1, available_cores() // at_work)})


def as_planned(plan: Plan, machine: Machine) -> Machine:
    """The machine with the plan's device, threads and devices.

    Raises InputError where another device, number of either or torch version would change the last digits.
    """
    frozen_ones = {name: plan.machine.get(name, 1) for name in ("device", "threads", "devices")}
    for name, frozen in frozen_ones.items():
        asked, default = getattr(machine, name), Machine.model_fields[name].default
        if asked not in (default, frozen):
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
    planned = machine.model_copy(update=frozen_ones)
    if machine.engine == "local":  # elsewhere it is the nodes that need the device
        device_of(planned)
    return planned


def other_retries(plan: Plan, machine: Machine) -> str:
    """A line to be said where runs are taken up again another number of times than the plan says; else empty.

    No number depends on it, but which runs count as `died` may.
    """
    planned = plan.machine.get("retries", machine.retries)  # not in plans of before it was noted there
    if machine.retries == planned:
        return ""
    return f"machine.retries: {machine.retries} in this command, where the plan says {planned}"


def _drive(
    tracker: Tracker, engine: Engine, retries: int, show: Show, check_lock: Callable[[], None]
) -> None:
    """Submit what is ready, hear what has ended, until nothing is left; only what can have changed is looked at."""
    waiting = {name: run for name, run in tracker.runs.items() if name not in tracker.records}
    submitted, ended = set[str](), list[Ended]()
    deaths = Counter[str]()
    while True:
        check_lock()
        show(tracker.refresh({*submitted, *(each.run_id for each in ended)}, engine.capacity()))
        tracker.stopped = used_up(tracker)
        again = [each.run_id for each in ended if each.run_id not in tracker.records]
        waiting = {name: tracker.runs[name] for name in again} | waiting
        known = len(tracker.records)
        ready = [] if tracker.stopped else _ready(tracker, waiting, engine.free())
        submitted |= {waiting.pop(run.id).id for run in ready}
        if not submitted and len(tracker.records) == known:
            return
        ended = _hand_over(tracker, engine, ready)
        for each in ended:
            submitted.discard(each.run_id)
            if each.halts:
                raise HaltedError(each.trouble)
            if each.trouble:
                _tidy_up(tracker, [each.run_id])
            if each.trouble and not each.blameless:
                deaths[each.run_id] += 1
                if deaths[each.run_id] > retries:
                    _record_death(tracker, each, deaths[each.run_id])


def _hand_over(tracker: Tracker, engine: Engine, ready: Iterable[PlannedRun]) -> list[Ended]:
    """Submit runs, and wait for some to end. Where the engine refuses, the records of earlier tries stay."""
    earlier = dict[Path, bytes]()
    try:
        for run in ready:
            earlier |= tracker.take_up(run)
            engine.submit(run.id)
        return engine.wait(0.5)
    except InputError:
        for path, content in earlier.items():
            if not path.exists():
                write_whole(path, partial(Path.write_bytes, data=content))
        raise


def _ready(tracker: Tracker, waiting: dict[str, PlannedRun], most: int) -> list[PlannedRun]:
    """The first so many runs whose needs are done; those whose needs failed are recorded so and wait no more."""
    ready = list[PlannedRun]()
    for run in list(waiting.values()):
        if len(ready) == most:
            break
        needs = [tracker.records.get(need) for need in run.needs]
        if all(need is not None and need.status == "done" for need in needs):
            ready.append(run)
        elif any(need is not None and need.status != "done" for need in needs):
            _write_end(tracker, run, "failed", f"needs {', '.join(run.needs)}, which did not finish")
            del waiting[run.id]
    return ready


def _record_death(tracker: Tracker, ended: Ended, deaths: int) -> None:
    """Record a run whose worker died too often, unless it had just written its record."""
    run = tracker.runs[ended.run_id]
    if not (tracker.place(run) / RUN).exists():
        _write_end(tracker, run, ended.status, f"{ended.trouble} ({deaths} times)")


def _write_end(tracker: Tracker, run: PlannedRun, status: Status, message: str) -> None:
    """Record the end of a run that could not record it itself."""
    place = run_folder(tracker.folder, run)
    tracker.take_up(run)
    close_failed(place, run, tracker.plan.arm(run.workload, run.arm).recipe, status, message)
    tracker.refresh([run.id])


def _tidy_up(tracker: Tracker, run_ids: Iterable[str]) -> None:
    """Remove what only runs under way need where a worker was killed between a run's record and its last touch."""
    for run_id in run_ids:
        place = tracker.place(tracker.runs[run_id])
        if (place / RUN).exists():
            tidy(place)
