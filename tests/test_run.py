"""The engine: resumable whatever is killed, the same bits either way; outcomes are named and the study goes on."""

import contextlib
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from trickbag.errors import InputError
from trickbag.lab import freeze
from trickbag.recipe import Machine
from trickbag.records.bits import read_bits
from trickbag.records.chain import read_plan
from trickbag.records.run import RunRecord, read_run, write_run
from trickbag.run.driver import run_study
from trickbag.run.execute import execute
from trickbag.run.locks import study_lock
from trickbag.run.state import State, Tracker
from trickbag.study import Study

SMALL = {"model.channels": [8, 8, 8], "budget.epochs": 3, "data.limit": 320}
GENEROUS = 300.0  # seconds, for what takes a few


def make(out: Path, machine: Machine, **fields: object) -> None:
    plain = {"name": "s", "baseline": "digits_baseline", "factors": ["cosine"], "seeds": 3, "margin": 0.5}
    own = {**plain, "set": SMALL, "machine": machine.model_dump(), **fields}
    freeze(Study.model_validate(own), out)


def records(out: Path) -> dict[str, RunRecord]:
    found = {path.name: read_run(path) for path in (out / "runs").iterdir()}
    return {name: record for name, record in found.items() if record}


def numbers(out: Path) -> dict[str, tuple[object, ...]]:
    """What must not depend on how the runs came about."""
    rows = {}
    for name, record in records(out).items():
        bits = read_bits(out / "runs" / name / "correct.npz")[1].tobytes()
        rows[name] = (record.top1, record.top5, [(r.loss, r.top1) for r in record.epochs], bits)
    return rows


def pretend_other_seeds(out: Path) -> None:
    """A record, without training, for every run of an arm but those of the first seed, to save their time."""
    for run in read_plan(out).plan().runs:
        if run.seed != 1 and run.arm != "teacher":
            (out / "runs" / run.id).mkdir(parents=True)
            own = run.model_dump(exclude={"needs"})
            record = RunRecord(**own, status="done", top1=50.0, recipe={}, machine={}, provenance={})
            write_run(out / "runs" / run.id, record)


def trained(out: Path) -> list[RunRecord]:
    """The records that were not pretended."""
    return [record for record in records(out).values() if record.recipe]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> Path:
    """The study run without any disturbance or other process: what an engine must give, too."""
    out = tmp_path_factory.mktemp("quiet") / "out"
    make(out, machine)
    plan = read_plan(out).plan()
    for run in plan.runs:
        execute(out, plan, run, machine, lambda: False)
    return out


def test_runs_end_with_everything_they_owe(quiet: Path) -> None:
    assert len(records(quiet)) == 6
    for name, record in records(quiet).items():
        files = {path.name for path in (quiet / "runs" / name).iterdir()}
        assert files == {"run.json", "correct.npz", "test.sealed.npz", ".lock"}
        assert record.status == "done"
        assert record.timings is not None
        assert record.timings.train_seconds > 0
        assert len(record.epochs) == 3


def test_side_by_side_gives_the_same_numbers(quiet: Path, tmp_path: Path, machine: Machine) -> None:
    make(tmp_path / "out", machine)
    run_study(tmp_path / "out", machine.model_copy(update={"workers": 2}))
    assert numbers(tmp_path / "out") == numbers(quiet)


def _drive(out: str, machine: Machine) -> None:
    run_study(Path(out), machine)


def test_killed_workers_and_drivers_change_nothing(quiet: Path, tmp_path: Path, machine: Machine) -> None:
    """Workers and drivers are killed -9 in turn; every start continues, and the numbers are the quiet ones."""
    out = tmp_path / "out"
    impatient = machine.model_copy(update={"checkpoint_seconds": 0.0})
    make(out, impatient)
    context = multiprocessing.get_context("spawn")
    for _ in range(2):
        driver = context.Process(target=_drive, args=(str(out), impatient))
        driver.start()
        killed = _workers_at_work(out, driver)
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _replaced(killed, driver)
        os.kill(driver.pid or 0, signal.SIGKILL)
        driver.join()
    run_study(out, impatient)
    resumed = sum(record.resumed for record in records(out).values())
    assert numbers(out) == numbers(quiet)
    assert resumed > 0


def _workers_at_work(out: Path, driver: multiprocessing.process.BaseProcess) -> list[int]:
    """The driver's worker processes, as soon as a run under way has a checkpoint."""
    known: list[int] = []
    end = time.monotonic() + GENEROUS
    while driver.is_alive():
        assert time.monotonic() < end, "no run has a checkpoint"
        known = known or _children(driver.pid)
        if known and list((out / "runs").glob("*/checkpoint.pt")):
            return known
        time.sleep(0.01)  # not less, or looking takes a core
    return []


def _replaced(killed: list[int], driver: multiprocessing.process.BaseProcess) -> None:
    """Wait until the driver has started a worker in place of those that were killed."""
    end = time.monotonic() + GENEROUS
    while driver.is_alive() and not set(_children(driver.pid)) - set(killed):
        assert time.monotonic() < end, "no other worker was started"
        time.sleep(0.01)


def _children(pid: int | None) -> list[int]:
    """Worker processes of a driver (not multiprocessing's resource tracker)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                line = (entry / "cmdline").read_text()
            except OSError:
                continue
            if int(fields[1]) == pid and "spawn_main" in line:
                found.append(int(entry.name))
    return found


def test_interrupting_saves_and_continues(tmp_path: Path, machine: Machine) -> None:
    out = tmp_path / "out"
    make(out, machine, set={**SMALL, "budget.epochs": 25, "data.limit": 160})
    pretend_other_seeds(out)

    def interrupt(state: State) -> None:
        if any(running.row for running in state.running):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(out, machine, interrupt)
    assert not trained(out)
    assert len(list((out / "runs").glob("*/checkpoint.pt"))) == 1
    run_study(out, machine)
    assert sorted(record.resumed for record in trained(out)) == [0, 1]
    assert not list((out / "runs").glob("*/checkpoint.pt"))


def test_finished_runs_are_not_repeated(quiet: Path, machine: Machine) -> None:
    before = {path: path.stat().st_mtime_ns for path in quiet.glob("runs/*/run.json")}
    run_study(quiet, machine)
    assert before == {path: path.stat().st_mtime_ns for path in quiet.glob("runs/*/run.json")}


def test_bad_outcomes_are_named_and_the_study_goes_on(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that diverges, one that fails, one that runs out of memory, and one that kills its worker."""
    out = tmp_path / "out"
    (tmp_path / "mine.py").write_text(
        "import os, torch\n"
        "class Fails:\n    rank = 1\n    def __call__(self, x, draws): raise RuntimeError('my mistake')\n"
        "class Memory:\n    rank = 1\n    def __call__(self, x, draws): torch.empty(2**60)\n"
        "class Dies:\n    rank = 1\n    def __call__(self, x, draws): os._exit(7)\n"
    )
    factors = [{"name": "hot", "set": {"optimizer.lr": 1e18}}] + [
        {"name": name, "set": {"sample": {f"mine.py:{attribute}": {}}}}
        for name, attribute in (("fails", "Fails"), ("memory", "Memory"), ("dies", "Dies"))
    ]
    study = {
        "name": "s",
        "baseline": "digits_baseline",
        "factors": factors,
        "seeds": 3,
        "margin": 0.5,
        "set": SMALL,
    }
    file = tmp_path / "study.yaml"
    file.write_text(json.dumps({**study, "machine": machine.model_dump(mode="json")}))
    freeze(str(file), out)
    pretend_other_seeds(out)
    run_study(out, machine.model_copy(update={"retries": 1}))  # each costs the start of a worker
    outcomes = {record.arm: (record.status, record.message) for record in trained(out)}
    assert outcomes["baseline"][0] == "done"
    assert outcomes["hot"] == ("diverged", "the training loss is not finite")
    assert outcomes["fails"] == ("failed", "RuntimeError: my mistake (mine.py, line 4)")
    assert outcomes["memory"][0] == "out_of_memory"
    assert outcomes["dies"] == ("died", "its worker died with exit code 7 (2 times)")


def test_a_student_waits_for_its_teacher_and_learns_from_it(tmp_path: Path, machine: Machine) -> None:
    out = tmp_path / "out"
    make(out, machine, factors=["distillation"], teacher={"set": {"model.width": 2.0}})
    pretend_other_seeds(out)
    run_study(out, machine)
    found = trained(out)
    assert {record.status for record in found} == {"done"}
    teacher = next(record for record in found if record.arm == "teacher")
    assert (out / "runs" / teacher.id / "weights.safetensors").exists()
    started = {record.arm: record.provenance["written"] for record in found}
    assert started["teacher"] <= started["distillation"]


def test_a_second_driver_is_told_who_holds_the_folder(quiet: Path, machine: Machine) -> None:
    with study_lock(quiet), pytest.raises(InputError, match=f"already being run by process {os.getpid()}"):
        run_study(quiet, machine)


def test_other_threads_than_planned_are_refused(quiet: Path, machine: Machine) -> None:
    with pytest.raises(InputError, match=r"machine.threads: the plan was frozen with 1, not 2"):
        run_study(quiet, machine.model_copy(update={"threads": 2}))


def test_another_torch_than_planned_is_refused(
    quiet: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.__version__", "9.9.9")
    with pytest.raises(InputError, match=r"frozen with torch .*, here is 9\.9\.9"):
        run_study(quiet, machine)


def test_students_of_a_failed_teacher_are_recorded(tmp_path: Path, machine: Machine) -> None:
    out = tmp_path / "out"
    make(out, machine, factors=["distillation"], teacher={"set": {"optimizer.lr": 1e18}})
    pretend_other_seeds(out)
    plan = read_plan(out).plan()
    for run in plan.runs:
        if run.arm in ("teacher", "baseline"):  # here, since a worker takes longer to start
            execute(out, plan, run, machine, lambda: False)
    run_study(out, machine)
    outcomes = sorted((r.arm, r.status) for r in trained(out))
    assert outcomes == [("baseline", "done"), ("distillation", "failed"), ("teacher", "diverged")]


def test_state_counts_what_is_there(quiet: Path) -> None:
    state = Tracker(quiet, read_plan(quiet).plan()).refresh()
    assert (state.planned, state.ended, state.running) == (6, 6, ())
    expected = [r.top1 for r in records(quiet).values() if r.arm == "cosine"]
    assert next(arm.mean for arm in state.arms if arm.name == "cosine") == pytest.approx(sum(expected) / 3)
