"""What `trickbag status` says, from a study's files alone; and who holds a folder, across hosts."""

import json
import os
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from command_line import trickbag
from study_records import finish, freeze, phase_of, plan_of

from trickbag.errors import InputError
from trickbag.records.files import now
from trickbag.records.plan import Plan, PlannedRun
from trickbag.records.progress import EpochRow, Started, append_progress, write_started
from trickbag.run.holder import Holder
from trickbag.run.locks import LOCK, holder_of, run_lock, study_lock
from trickbag.run.state import Tracker

ROW = EpochRow(epoch=1, step=10, loss=1.0, lr=0.1, images_per_second=9.0, waiting=4.0)
ELSEWHERE = "a-host-that-is-not-this-one"


def four_epochs(plan: Plan) -> Plan:
    """The plan with runs of four epochs."""
    recipe = {"data": {"name": "d"}, "model": {"name": "m"}, "budget": {"epochs": 4}}
    return plan.model_copy(update={"arms": tuple(a.model_copy(update={"recipe": recipe}) for a in plan.arms)})


def take_up(folder: Path, run: PlannedRun, host: str, job: str = "", checkpoint: bool = False) -> Path:
    """Leave what a run under way leaves, an epoch of four done."""
    place = folder / "runs" / run.id
    place.mkdir(parents=True)
    write_started(place, Started(engine="slurm", host=host, process=77, job=job, written=now()))
    append_progress(place, ROW)
    if checkpoint:
        (place / "checkpoint.pt").write_bytes(b"state")
    return place


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two arms of four runs: two are done, one failed, one is running, one was interrupted, one is elsewhere."""
    folder = tmp_path / "out"
    plan = freeze(folder, four_epochs(plan_of(["mixup"], 4)))
    rng = np.random.default_rng(0)
    finish(folder, plan.runs[0], 500, rng)
    finish(folder, plan.runs[1], 600, rng)
    finish(folder, plan.runs[2], 0, rng, status="failed")
    take_up(folder, plan.runs[3], socket.gethostname(), job="4711", checkpoint=True)
    take_up(folder, plan.runs[4], socket.gethostname(), checkpoint=True)
    take_up(folder, plan.runs[5], ELSEWHERE)
    return folder


def test_status_says_what_is_done_running_failed_and_waiting(study: Path) -> None:
    """The counts are those that the fixture left; every run that ended took 12 s, by its record's timings."""
    runs = {run.id: run for run in Tracker(study, four_epochs(plan_of(["mixup"], 4))).runs.values()}
    ids = list(runs)
    with ExitStack() as held:
        held.enter_context(study_lock(study))
        held.enter_context(run_lock(study / "runs" / ids[3]))
        said = json.loads(trickbag("status", study, "--json"))
        shown = trickbag("status", study)
    assert (said["planned"], said["ended"], said["seconds_per_run"]) == (8, 3, 12.0)
    assert said["outcomes"] == {"done": 2, "failed": 1}
    assert said["eta"] == (8 - 3 - 1 / 4) * 12
    assert (said["driver"]["host"], said["driver"]["process"]) == (socket.gethostname(), os.getpid())
    running = said["running"][0]
    assert [running[key] for key in ("id", "epoch", "epochs", "waiting", "engine", "job", "eta")] == [
        ids[3], 1, 4, 4.0, "slurm", "4711", 9.0]  # fmt: skip
    assert [each["id"] for each in said["interrupted"]] == [ids[4]]
    assert [(each["id"], each["host"]) for each in said["silent"]] == [(ids[5], ELSEWHERE)]
    assert [(each["status"], each["arms"], each["runs"]) for each in said["failed"]] == [
        ("failed", ["baseline"], 1)
    ]
    assert said["waits"] == [{"why": "a free worker", "runs": 3}]
    assert f"running: {runs[ids[3]].arm}, seed 2, slurm, job 4711 on {socket.gethostname()}, since" in shown
    assert "epoch 1/4, about 9 s to go" in shown
    assert "epoch 1/4; goes on from its checkpoint" in shown
    assert f"process 77 on {ELSEWHERE}" in shown
    assert "ago; has no checkpoint yet, so it starts afresh if it is dead" in shown
    assert "waiting: 3 for a free worker" in shown
    assert "1 failed (baseline)" in shown


def test_without_a_driver_nothing_is_said_to_run(study: Path) -> None:
    said = json.loads(trickbag("status", study, "--json"))
    assert (said["driver"], said["running"], said["eta"]) == (None, [], None)
    assert said["waits"] == [{"why": "somebody to run the study", "runs": 4}]
    assert "nobody runs the study now" in trickbag("status", study)


def test_runs_wait_for_their_teacher_and_for_hours(tmp_path: Path) -> None:
    plan = plan_of(["a"], 2)
    first, *rest = plan.runs
    students = tuple(run.model_copy(update={"needs": (first.id,)}) for run in rest)
    phase = plan.phases[0].model_copy(update={"runs": (first, *students)})
    freeze(tmp_path / "out", plan.model_copy(update={"phases": (phase,)}))
    waits = json.loads(trickbag("status", tmp_path / "out", "--json"))["waits"]
    assert waits == [{"why": "somebody to run the study", "runs": 1}, {"why": "its teacher", "runs": 3}]
    capped = plan.model_copy(update={"study": {**plan.study, "cap": {"hours": 0.001}}})
    freeze(tmp_path / "capped", capped)
    finish(tmp_path / "capped", first, 500, np.random.default_rng(0))
    said = json.loads(trickbag("status", tmp_path / "capped", "--json"))
    assert said["waits"] == [{"why": "more hours (cap.hours)", "runs": 3}]
    assert said["stopped"].startswith("cap.hours: 0.00 of 0.001 hours are used up and 3 runs wait")


def test_a_look_at_some_runs_finds_what_a_look_at_all_finds(study: Path) -> None:
    plan = four_epochs(plan_of(["mixup"], 4))
    some, every = Tracker(study, plan), Tracker(study, plan)
    for run in plan.runs:
        some.refresh([run.id])
    state = some.refresh([run.id for run in plan.runs])
    whole = every.refresh()
    assert (state.ended, state.arms, state.outcomes) == (whole.ended, whole.arms, whole.outcomes)
    assert [r.run for r in state.interrupted] == [r.run for r in whole.interrupted]
    assert whole.arms[0].mean == 50.0
    assert whole.arms[0].outcomes == {"failed": 1}


def test_runs_by_arm_are_those_of_each_arm() -> None:
    """Over phases, a teacher that equals a student, and arms of one fingerprint: `runs_of` asks for one at a time."""
    plan = plan_of(["a", "b"], 2, phase="screen")
    again = phase_of(plan, "confirm", [7, 8], arms=["baseline", "a"])
    teacher = plan.arms[1].model_copy(update={"name": "teacher", "role": "teacher"})
    twin = plan.arms[2].model_copy(update={"name": "twin"})
    taught = phase_of(plan, "teacher", [0], arms=["a"])
    plan = plan.model_copy(
        update={"phases": (taught, *plan.phases, again), "arms": (*plan.arms, teacher, twin)}
    )
    assert plan.runs_by_arm() == {(arm.workload, arm.name): plan.runs_of(arm) for arm in plan.arms}
    assert len(plan.runs_by_arm()["w", "teacher"]) == 1


def leave_note(folder: Path, host: str) -> Path:
    """A note beside a lock that nobody holds, as far as can be seen from here."""
    (folder / LOCK).write_text(Holder(host=host, process=5, since=now()).model_dump_json())
    return folder / LOCK


def test_a_driver_on_another_host_is_seen_by_its_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a shared file system that locks do not reach across."""
    path, over = leave_note(tmp_path, ELSEWHERE), threading.Event()

    def live() -> None:
        while not over.wait(0.01):
            os.utime(path)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        with (
            pytest.raises(InputError, match=f"already being run by process 5 on {ELSEWHERE}, since"),
            study_lock(tmp_path),
        ):
            pass
        holder = holder_of(tmp_path)
        assert holder is not None
        assert holder.host == ELSEWHERE
    finally:
        over.set()
        thread.join()
    monkeypatch.setattr("trickbag.run.holder.SILENCE", 0.3)  # dead, then: nobody touches its note
    with study_lock(tmp_path):
        holder = holder_of(tmp_path)
        assert holder is not None
        assert (holder.host, holder.process) == (socket.gethostname(), os.getpid())
    assert holder_of(tmp_path) is None


def test_the_note_of_a_dead_driver_of_this_host_keeps_nobody_out(tmp_path: Path) -> None:
    leave_note(tmp_path, socket.gethostname())
    assert holder_of(tmp_path) is None
    with study_lock(tmp_path):
        pass
    assert (tmp_path / LOCK).read_text() == ""


def test_a_holder_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trickbag.run.holder.BEAT", 0.01)
    beaten = threading.Event()

    def touch(path: Path) -> None:
        utime(path)
        beaten.set()

    utime = os.utime
    monkeypatch.setattr(os, "utime", touch)
    with study_lock(tmp_path):
        assert beaten.wait(30)
