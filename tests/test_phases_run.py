"""Studies with several phases, really trained: from phase to phase, killed and resumed, amended, capped."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from command_line import trickbag

from trickbag.errors import InputError
from trickbag.lab import advance, amend, conduct, freeze, machine_of, run_phases
from trickbag.recipe import Machine
from trickbag.records.chain import read_plan
from trickbag.records.plan import Plan
from trickbag.records.run import RunRecord, read_run, write_run
from trickbag.run.driver import run_study
from trickbag.run.execute import execute
from trickbag.run.state import Tracker
from trickbag.study import Study

SMALL = {
    "model.channels": [4, 8, 8],
    "budget.epochs": 1,
    "data.limit": 300,
    "budget.evaluate": "last_epoch",
}
THREE = {"tune": {"points": 2}, "screen": {"seeds": 1, "keep": 1}}


def make(machine: Machine, **fields: object) -> Study:
    plain = {"name": "s", "baseline": "digits_baseline", "factors": ["cosine", "mixup"], "margin": 0.5}
    own = {**plain, "seeds": 3, "set": SMALL, "machine": machine.model_dump(), **fields}
    return Study.model_validate(own)


def links(folder: Path) -> list[object]:
    """What every entry of a folder's chain says; its hash covers, too, when it was written."""
    return [(e.kind, e.body, e.reason, e.finished_runs) for e in read_plan(folder).entries]


def train_here(folder: Path, machine: Machine) -> None:
    """Every run that the plan lacks, trained in this process."""
    plan = read_plan(folder).plan()
    for run in plan.runs:
        execute(folder, plan, run, machine, lambda: False)


def all_phases_here(folder: Path | str, machine: Machine) -> None:
    """All phases, in this process."""
    train_here(Path(folder), machine)
    while advance(Path(folder)):
        train_here(Path(folder), machine)


def pretend(folder: Path, accuracy: dict[str, float], plan: Plan | None = None) -> None:
    """A record for every run that lacks one, by arm, without training."""
    plan = plan or read_plan(folder).plan()
    for run in plan.runs:
        place = folder / "runs" / run.id
        if read_run(place) is None:
            place.mkdir(parents=True, exist_ok=True)
            top1 = accuracy[run.arm] + run.seed / 100
            own = run.model_dump(exclude={"needs"})
            record = RunRecord(**own, status="done", top1=top1, recipe={}, machine={}, provenance={})
            write_run(place, record)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> Path:
    """Tune, screen and confirm, phase by phase in this process."""
    out = tmp_path_factory.mktemp("quiet") / "out"
    freeze(make(machine, **THREE), out)
    all_phases_here(out, machine)
    return out


def test_tune_screen_and_confirm_end_to_end(quiet: Path, tmp_path: Path, machine: Machine) -> None:
    """Killed -9 as the second phase has begun, then continued to the end by `conduct` and its workers."""
    out = tmp_path / "out"
    freeze(make(machine, **THREE), out)
    victim = multiprocessing.get_context("spawn").Process(target=all_phases_here, args=(str(out), machine))
    victim.start()
    while victim.is_alive() and len(read_plan(out).entries) < 2:
        time.sleep(0.005)
    os.kill(victim.pid or 0, signal.SIGKILL)
    victim.join()
    assert victim.exitcode == -signal.SIGKILL
    results = conduct(make(machine, **THREE), out)
    assert links(out) == links(quiet)
    plan = read_plan(out).plan()
    assert [phase.name for phase in plan.phases] == ["tune", "screen", "confirm"]
    assert [len(phase.runs) for phase in plan.phases] == [6, 3, 6]
    assert {record.status for record in _records(out).values()} == {"done"}
    assert {name: r.top1 for name, r in _records(out).items()} == {
        n: r.top1 for n, r in _records(quiet).items()
    }
    assert {arm.name for arm in results.arms} == {"cosine", "mixup"}
    assert all(plan.arm("digits", name).ledger.level == "T1" for name in ("baseline", "cosine", "mixup"))
    assert not advance(out)


def _records(folder: Path) -> dict[str, RunRecord]:
    found = {run.id: read_run(folder / "runs" / run.id) for run in read_plan(folder).plan().runs}
    return {name: record for name, record in found.items() if record}


def test_looks_end_to_end_in_any_number_of_steps(tmp_path: Path, machine: Machine) -> None:
    """A study with looks, driven in one go and interrupted after every run: the same chain."""
    looks = {"looks": [2, 3], "seeds": 3, "factors": ["cosine"]}
    freeze(make(machine, **looks), tmp_path / "a")
    all_phases_here(tmp_path / "a", machine)
    freeze(make(machine, **looks), tmp_path / "b")
    while True:
        plan = read_plan(tmp_path / "b").plan()
        waiting = [run for run in plan.runs if read_run(tmp_path / "b" / "runs" / run.id) is None]
        if waiting:
            assert not advance(tmp_path / "b")
            execute(tmp_path / "b", plan, waiting[-1], machine, lambda: False)
        elif not advance(tmp_path / "b"):
            break
    assert links(tmp_path / "a") == links(tmp_path / "b")
    assert len(links(tmp_path / "a")) == 2


def test_the_chain_protects_the_phases(quiet: Path, tmp_path: Path) -> None:
    text = (quiet / "plan.json").read_text()
    (tmp_path / "plan.json").write_text(text.replace("1st of 2", "2nd of 2"))
    with pytest.raises(InputError, match="changed by hand"):
        read_plan(tmp_path)


def test_outcomes_that_a_phase_was_chosen_by_are_not_tried_again(tmp_path: Path, machine: Machine) -> None:
    out = tmp_path / "out"
    freeze(make(machine, screen={"seeds": 1, "keep": 1}), out)
    pretend(out, {"baseline": 50, "cosine": 52, "mixup": 51})
    mixup = next(run for run in read_plan(out).plan().runs if run.arm == "mixup")
    record = read_run(out / "runs" / mixup.id)
    assert record is not None
    write_run(out / "runs" / mixup.id, record.model_copy(update={"status": "failed", "top1": None}))
    assert advance(out)
    pretend(out, {"baseline": 50, "cosine": 52})
    tracker = run_study(out, machine)
    assert tracker.records[mixup.id].status == "failed"


def test_machine_trouble_is_tried_once_more_before_anything_is_chosen(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt of one run fails (a full disk, say), the second does not; only then a phase is chosen."""
    out, calls = tmp_path / "out", list[int]()
    freeze(make(machine, screen={"seeds": 1, "keep": 1}), out)

    def attempt(folder: Path, machine: Machine, show: object) -> Tracker:
        plan = read_plan(folder).plan()
        calls.append(len(plan.phases))
        pretend(folder, {"baseline": 50, "cosine": 52, "mixup": 51})
        best = folder / "runs" / next(run.id for run in plan.runs if run.arm == "cosine")
        record = read_run(best)
        assert record is not None
        status = "failed" if len(calls) == 1 else "done"
        write_run(best, record.model_copy(update={"status": status}))
        tracker = Tracker(folder, plan)
        tracker.refresh()
        return tracker

    monkeypatch.setattr("trickbag.lab.run_study", attempt)
    run_phases(out, machine)
    assert calls == [1, 1, 2]
    assert {run.arm for run in read_plan(out).plan().phases[1].runs} == {"baseline", "cosine"}


def test_an_amended_study_goes_on(tmp_path: Path, machine: Machine) -> None:
    """More seeds after the end: the same command recognises the folder, runs what is new, and judges all of it."""
    out, study = tmp_path / "out", make(machine, factors=["cosine"])
    freeze(study, out)
    train_here(out, machine)
    plan = amend(out, "the margin calls for it", ["seeds=4"])
    assert [len(phase.runs) for phase in plan.phases] == [6, 2]
    assert freeze(study, out) == plan
    train_here(out, machine)
    assert not advance(out)
    results = conduct(study, out)
    assert (results.arms[0].seeds, results.runs_planned, results.runs_done) == (4, 8, 8)
    amendment = results.amendments[0]
    assert (amendment.reason, amendment.finished_runs) == ("the margin calls for it (seeds=4)", 6)
    with pytest.raises(InputError, match="a reason is needed"):
        amend(out, " ", ["seeds=5"])


def test_another_machine_is_an_amendment(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, study = tmp_path / "out", make(machine, factors=["cosine"])
    freeze(study, out)
    two = make(machine.model_copy(update={"threads": 2}), factors=["cosine"])
    before = (out / "study.yaml").read_text()
    with pytest.raises(InputError, match=r"frozen with 1, not 2.*--amend 'reason' machine.threads=2"):
        freeze(two, out)
    assert (out / "study.yaml").read_text() == before
    amend(out, "other cores", ["machine.threads=2"])
    assert freeze(two, out).machine["threads"] == freeze(study, out).machine["threads"] == 2
    assert machine_of(out).threads == 1  # not asked for: the plan has the say
    monkeypatch.setattr(torch, "__version__", "9.9.9")
    with pytest.raises(InputError, match=r"here is 9\.9\.9.*machine.torch=9\.9\.9"):
        freeze(study, out)
    amend(out, "an upgrade", ["machine.torch=9.9.9"])
    found = freeze(study, out).machine
    assert [found[name] for name in ("device", "threads", "torch")] == ["cpu", 2, "9.9.9"]


def test_no_run_starts_once_the_hours_are_used_up(tmp_path: Path, machine: Machine) -> None:
    out = tmp_path / "out"
    freeze(make(machine, factors=["cosine"], cap={"hours": 1e-9}), out)
    plan = read_plan(out).plan()
    execute(out, plan, plan.runs[0], machine, lambda: False)
    tracker = run_phases(out, machine_of(out))
    assert len(tracker.records) == 1
    assert "of 1e-09 hours are used up and 5 runs wait" in tracker.stopped
    assert "trickbag: cap.hours:" in trickbag("run", out, code=1)
    assert amend(out, "it was set too low", ["cap.hours=1"]).study["cap"] == {"runs": None, "hours": 1.0}


def test_status_and_plan_tell_what_is_to_come(tmp_path: Path, machine: Machine) -> None:
    out = tmp_path / "out"
    freeze(make(machine, **THREE), out)
    line = "phase confirm: the best 1 arms and what they are compared with, seeds 1, 2, 3"
    assert line in trickbag("status", out)
    assert line in json.loads(trickbag("status", out, "--json"))["to_come"]
    amended = trickbag("plan", out, "--amend", "more", "seeds=4")
    assert "phase tune: 6 runs, seeds 2001" in amended
    assert "what they are compared with, seeds 1, 2, 3, 4" in amended
    assert "frozen; change it with --amend" in trickbag("plan", out, "seeds=3", code=2)
